//! Objects that are written over HTTP.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use collimate_objects::{Key, Objects};
use futures::StreamExt;
use s3s::{S3Error, S3Result, dto::StreamingBlob, s3_error};
use tokio::{sync::Semaphore, task::spawn_blocking};
use tracing::{Dispatch, dispatcher};

use crate::limits::MEMORY_UNIT;

/// Takes objects into memory, as many as there is room for, checks their hashes, and puts them on disk.
#[derive(Debug)]
pub(crate) struct Uploads {
    objects: Objects,
    max_bytes: u64,
    room: Arc<Semaphore>,
    /// The process's log: the S3 library is called without one, see [`Front`](crate::front::Front).
    log: Dispatch,
}

impl Uploads {
    pub(crate) fn new(objects: Objects, max_bytes: u64, memory_bytes: u64) -> Self {
        let units = usize::try_from(memory_bytes.div_ceil(MEMORY_UNIT)).unwrap_or(usize::MAX);
        Self {
            objects,
            max_bytes,
            room: Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS))),
            log: dispatcher::get_default(Clone::clone),
        }
    }

    /// Stores `length` bytes under their hash; once it returns, they are on disk.
    pub(crate) async fn store(
        &self,
        name: Key,
        length: u64,
        body: Option<StreamingBlob>,
    ) -> S3Result<()> {
        if length > self.max_bytes {
            let limit = self.max_bytes;
            return Err(s3_error!(EntityTooLarge, "an object has at most {limit} bytes here"));
        }
        let units = u32::try_from(length.div_ceil(MEMORY_UNIT)).unwrap_or(u32::MAX);
        let room = self.room.acquire_many(units).await;
        let _room = room.map_err(|_| s3_error!(ServiceUnavailable))?;
        let bytes = read(length, body).await?;
        // Megabytes: off the threads that serve everybody.
        let hashed = bytes.clone();
        let found = spawn_blocking(move || Key::of(&hashed)).await;
        if found.map_err(|error| self.fault("hash", &error))? != name {
            return Err(s3_error!(BadDigest, "the name is not the SHA-256 of the bytes"));
        }
        let stored = self.objects.put(bytes).await;
        stored.map(drop).map_err(|error| self.fault("store", &error))
    }

    /// What is wrong on this side is logged, and said without its details.
    pub(crate) fn fault(&self, action: &str, error: &dyn std::error::Error) -> S3Error {
        dispatcher::with_default(&self.log, || {
            tracing::error!(error = error.to_string(), action, "the data service's folder failed");
        });
        s3_error!(ServiceUnavailable, "the data service cannot {action} the object now, try again")
    }
}

/// Reads exactly this many bytes.
async fn read(length: u64, body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let incomplete =
        || s3_error!(IncompleteBody, "the body does not have the announced {length} bytes");
    let capacity = usize::try_from(length).map_err(|_| incomplete())?;
    let mut bytes = BytesMut::with_capacity(capacity);
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let unreadable = "the body broke off, or is not what was signed";
            let chunk = chunk.map_err(|_| s3_error!(IncompleteBody, "{unreadable}"))?;
            if bytes.len().saturating_add(chunk.len()) > capacity {
                return Err(incomplete());
            }
            bytes.extend_from_slice(&chunk);
        }
    }
    match bytes.len() == capacity {
        true => Ok(bytes.freeze()),
        false => Err(incomplete()),
    }
}
