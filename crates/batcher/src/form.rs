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
    spool::{Spool, Spooled},
};

/// A form that is being read.
#[derive(Debug)]
pub(crate) struct Form {
    form: Multipart,
    clock: Clock,
}

/// A sender that pauses, or takes too long over all, is given up.
#[derive(Clone, Copy, Debug)]
struct Clock {
    end: Instant,
    idle: Duration,
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
        Ok(Self { form, clock: Clock { end: Instant::now() + upload, idle } })
    }

    /// The next field, which has to be this one.
    pub(crate) async fn field(
        &mut self,
        name: &'static str,
        max_bytes: usize,
    ) -> Result<Vec<u8>, Fault> {
        let clock = self.clock;
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
        }
        Ok(value)
    }

    /// Takes in what is left, and forgets it: who sends megabytes again for an answer that was lost has to be able to read it.
    pub(crate) async fn skip(mut self) -> Result<(), Fault> {
        let clock = self.clock;
        while let Some(mut part) =
            clock.wait(self.form.next_field()).await?.map_err(|e| unreadable(&e))?
        {
            while clock.wait(part.chunk()).await?.map_err(|e| unreadable(&e))?.is_some() {}
        }
        Ok(())
    }

    /// All files, each of which has to be there and to be the one that its name says.
    pub(crate) async fn files(
        mut self,
        expected: &BTreeMap<String, Part>,
        spool: &Spool,
    ) -> Result<Spooled, Fault> {
        let clock = self.clock;
        let total = expected.values().fold(0_u64, |sum, part| sum.saturating_add(part.bytes));
        let mut spooling = spool.open(total).await?;
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
    async fn wait<T>(&self, step: impl Future<Output = T>) -> Result<T, Fault> {
        let left = self.end.saturating_duration_since(Instant::now());
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
