//! Reads a multipart form: the proof into the [`Spool`], a few short fields beside it, all within limits of bytes and time.

use std::{collections::HashMap, future::Future, time::Duration};

use axum::{
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
    http::{StatusCode, header},
};
use collimate_api::ProblemCode;
use tokio::time::{Instant, timeout};

use crate::{
    fault::Fault,
    spool::{Arrived, Spool},
};

/// A field of a form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) max_bytes: usize,
}

/// What may be in a form, and how fast it has to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormRules {
    pub(crate) proof: Field,
    pub(crate) others: &'static [Field],
    pub(crate) upload_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

/// A form that was read to its end.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) proof: Arrived,
    fields: HashMap<&'static str, Vec<u8>>,
}

impl FormRules {
    /// The most bytes of a form, with the separators and heads between its parts.
    pub(crate) fn max_bytes(&self) -> usize {
        let others: usize = self.others.iter().map(|field| field.max_bytes).sum();
        self.proof.max_bytes.saturating_add(others).saturating_add(16 << 10)
    }

    pub(crate) async fn read(&self, request: Request, spool: &Spool) -> Result<Form, Fault> {
        let stated = stated_length(&request);
        let clock = Clock { end: Instant::now() + self.upload_timeout, idle: self.idle_timeout };
        if stated.is_some_and(|bytes| bytes > self.max_bytes()) {
            return Err(self.too_large());
        }
        let expected = stated.unwrap_or(self.proof.max_bytes).min(self.proof.max_bytes);
        let mut form = Multipart::from_request(request, &()).await.map_err(|rejection| {
            let detail = "send a multipart/form-data body";
            Fault::new(
                ProblemCode::UnsupportedMedia,
                format!("{}; {detail}", rejection.body_text()),
            )
        })?;
        let (mut proof, mut fields) = (None, HashMap::new());
        while let Some(mut part) =
            clock.wait(form.next_field()).await?.map_err(|e| self.read_error(&e))?
        {
            let name = part.name().unwrap_or_default().to_owned();
            if name == self.proof.name {
                if proof.is_some() {
                    return Err(twice(&name));
                }
                let mut arriving = spool.arriving(expected);
                while let Some(chunk) =
                    clock.wait(part.chunk()).await?.map_err(|e| self.read_error(&e))?
                {
                    if arriving.len().saturating_add(chunk.len()) > self.proof.max_bytes {
                        return Err(self.too_large());
                    }
                    arriving.push(&chunk).await?;
                }
                proof = Some(arriving.finish().await?);
                continue;
            }
            let Some(field) = self.others.iter().find(|field| field.name == name) else {
                let known: Vec<_> = self.others.iter().map(|field| field.name).collect();
                let shown: String = name.chars().take(40).collect();
                return Err(Fault::malformed(format!(
                    "there is no field {shown:?}; the form has {} and {}",
                    self.proof.name,
                    known.join(", ")
                )));
            };
            let mut value = Vec::new();
            while let Some(chunk) =
                clock.wait(part.chunk()).await?.map_err(|e| self.read_error(&e))?
            {
                if value.len().saturating_add(chunk.len()) > field.max_bytes {
                    let (name, limit) = (field.name, field.max_bytes);
                    let detail = format!("the field {name} has more than {limit} bytes");
                    return Err(Fault::new(ProblemCode::TooLarge, detail));
                }
                value.extend_from_slice(&chunk);
            }
            if fields.insert(field.name, value).is_some() {
                return Err(twice(field.name));
            }
        }
        let proof = proof.ok_or_else(|| missing(self.proof.name))?;
        Ok(Form { proof, fields })
    }

    fn too_large(&self) -> Fault {
        let limit = self.proof.max_bytes;
        let detail =
            format!("a proof has at most {limit} bytes; give a compressed proof, of about 1.3 MB");
        Fault::new(ProblemCode::TooLarge, detail)
    }

    fn read_error(&self, error: &MultipartError) -> Fault {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return self.too_large();
        }
        Fault::malformed(format!("the form cannot be read to its end: {}", error.body_text()))
    }
}

impl Form {
    pub(crate) fn bytes(&mut self, name: &'static str) -> Option<Vec<u8>> {
        self.fields.remove(name)
    }

    /// A field that is needed, as text without the blanks around it.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<String, Fault> {
        let bytes = self.bytes(name).ok_or_else(|| missing(name))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Fault::malformed(format!("the field {name} is not text")))?;
        Ok(text.trim().to_owned())
    }

    /// A field that is needed, as a decimal number.
    pub(crate) fn number(&mut self, name: &'static str) -> Result<u64, Fault> {
        self.text(name)?.parse().map_err(|_| {
            Fault::malformed(format!("the field {name} is not a decimal number below 2^64"))
        })
    }
}

fn missing(name: &str) -> Fault {
    Fault::malformed(format!("the form has no field {name}"))
}

fn twice(name: &str) -> Fault {
    Fault::malformed(format!("the form has the field {name} twice"))
}

fn stated_length(request: &Request) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A sender that pauses, or takes too long over all, is given up.
struct Clock {
    end: Instant,
    idle: Duration,
}

impl Clock {
    async fn wait<T>(&self, step: impl Future<Output = T>) -> Result<T, Fault> {
        let left = self.end.saturating_duration_since(Instant::now());
        timeout(left.min(self.idle), step).await.map_err(|_| {
            let detail =
                "the upload stalled or took too long; send it again over a faster connection";
            Fault::new(ProblemCode::TooSlow, detail)
        })
    }
}
