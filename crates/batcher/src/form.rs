//! Reads a group's form, field by field, within limits of bytes and time: the authorisation and the items into memory, the files
//! into the [`Spool`](crate::spool::Spool).

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
    http::StatusCode,
};
use collimate_api::fast::{BatcherProblemCode as Code, field};
use collimate_batch::Part;
use tokio::time::{Instant, timeout};

use crate::{
    fault::Fault,
    limits::LEAST_PACE,
    spool::{Spool, Spooled},
};

/// A form that is being read.
#[derive(Debug)]
pub(crate) struct Form {
    form: Multipart,
    clock: Clock,
}

/// A sender that pauses, falls behind the slowest pace, or takes too long over all, is given up: what it has a turn and room for is others'
/// to have meanwhile, and a byte now and then would hold it as long as a whole upload.
#[derive(Clone, Copy, Debug)]
struct Clock {
    end: Instant,
    /// For a pause, and for being behind.
    idle: Duration,
    /// Since when bytes are counted, and how many came.
    since: Instant,
    bytes: u64,
    /// Bytes a second.
    pace: u64,
}

impl Form {
    pub(crate) async fn open(
        request: Request,
        upload: Duration,
        idle: Duration,
    ) -> Result<Self, Fault> {
        let form = Multipart::from_request(request, &()).await.map_err(|rejection| {
            let text = rejection.body_text();
            Fault::new(Code::UnsupportedMedia, format!("{text}; send a multipart/form-data body"))
        })?;
        let since = Instant::now();
        let clock = Clock { end: since + upload, idle, since, bytes: 0, pace: LEAST_PACE };
        Ok(Self { form, clock })
    }

    /// The next field, which has to be this one.
    pub(crate) async fn field(
        &mut self,
        name: &'static str,
        max_bytes: usize,
    ) -> Result<Vec<u8>, Fault> {
        let mut clock = self.clock;
        let next = clock.wait(self.form.next_field()).await?.map_err(|e| unreadable(&e))?;
        let mut part = next.filter(|part| part.name() == Some(name)).ok_or_else(|| {
            Fault::malformed(format!(
                "the form has no field {name} in its place; it begins with {}, then {}, then the files",
                field::AUTHORIZATION,
                field::ITEMS
            ))
        })?;
        let mut value = Vec::new();
        while let Some(chunk) = clock.wait(part.chunk()).await?.map_err(|e| unreadable(&e))? {
            if value.len().saturating_add(chunk.len()) > max_bytes {
                let detail = format!("the field {name} has more than {max_bytes} bytes");
                return Err(Fault::new(Code::TooLarge, detail));
            }
            value.extend_from_slice(&chunk);
            clock.came(chunk.len());
        }
        self.clock = clock;
        Ok(value)
    }

    /// Takes in what is left, and forgets it: who sends megabytes again for an answer that was lost has to be able to read it.
    pub(crate) async fn skip(mut self) -> Result<(), Fault> {
        let mut clock = self.clock.restarted(LEAST_PACE);
        while let Some(mut part) =
            clock.wait(self.form.next_field()).await?.map_err(|e| unreadable(&e))?
        {
            while let Some(chunk) = clock.wait(part.chunk()).await?.map_err(|e| unreadable(&e))? {
                clock.came(chunk.len());
            }
        }
        Ok(())
    }

    /// All files, each of which has to be there and to be the one that its name says.
    pub(crate) async fn files(
        mut self,
        expected: &BTreeMap<String, Part>,
        spool: &Spool,
    ) -> Result<Spooled, Fault> {
        let total = expected.values().fold(0_u64, |sum, part| sum.saturating_add(part.bytes));
        let mut spooling = spool.open(total).await?;
        // The pace that all of it needs to come in the time for an upload.
        let left = self.clock.end.saturating_duration_since(Instant::now()).as_secs().max(1);
        let pace = total.checked_div(left).unwrap_or(total);
        let mut clock = self.clock.restarted(pace.max(LEAST_PACE));
        while let Some(mut part) =
            clock.wait(self.form.next_field()).await?.map_err(|e| unreadable(&e))?
        {
            let name: String = part.name().unwrap_or_default().chars().take(80).collect();
            let file = expected.get(&name).ok_or_else(|| {
                let detail =
                    "a file's field is named by the SHA-256 of its bytes, 64 lower-case digits";
                Fault::malformed(format!("no item has a file {name:?}; {detail}"))
            })?;
            if spooling.has(file) {
                return Err(Fault::malformed(format!("the file {name} is in the form twice")));
            }
            while let Some(chunk) = clock.wait(part.chunk()).await?.map_err(|e| unreadable(&e))? {
                if spooling.current().saturating_add(chunk.len() as u64) > file.bytes {
                    return Err(wrong_file(&name, "length"));
                }
                spooling.push(&chunk).await?;
                clock.came(chunk.len());
            }
            spooling.end_file(file).map_err(|what| wrong_file(&name, what))?;
        }
        if let Some((name, _)) = expected.iter().find(|(_, part)| !spooling.has(part)) {
            return Err(Fault::malformed(format!("the form lacks the file {name}")));
        }
        spooling.finish().await
    }
}

impl Clock {
    /// Counts anew, for this pace.
    fn restarted(self, pace: u64) -> Self {
        Self { since: Instant::now(), bytes: 0, pace, ..self }
    }

    fn came(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// When the next bytes have to be there at the latest.
    fn due(&self) -> Instant {
        let paid = self.bytes.saturating_mul(1_000).checked_div(self.pace).unwrap_or(0);
        self.end.min(self.since + self.idle + Duration::from_millis(paid))
    }

    async fn wait<T>(&self, step: impl Future<Output = T>) -> Result<T, Fault> {
        let left = self.due().saturating_duration_since(Instant::now());
        timeout(left.min(self.idle), step).await.map_err(|_| {
            let detail =
                "the upload stalled or took too long; send it again over a faster connection";
            Fault::new(Code::TooSlow, detail)
        })
    }
}

fn wrong_file(name: &str, what: &str) -> Fault {
    let detail = format!("the file {name} has not the {what} that its item names");
    Fault::new(Code::WrongFile, detail)
}

fn unreadable(error: &MultipartError) -> Fault {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::new(Code::TooLarge, "the form is larger than any group's");
    }
    Fault::malformed(format!("the form cannot be read to its end: {}", error.body_text()))
}
