//! An upload's files: one after the other in a file without a name, which is gone with the upload.
//!
//! Their lengths are known before they come, so room is taken for all of them at once, and an upload that finds none waits before
//! its first byte. What an upload holds in memory does not depend on its size.

use std::{
    collections::HashMap, fs::File, io, os::unix::fs::FileExt, path::PathBuf, sync::Arc,
    time::Duration,
};

use alloy::primitives::Keccak256;
use collimate_batch::Part;
use sha2::{Digest, Sha256};
use tokio::{
    io::AsyncWriteExt,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    fault::Fault,
    limits::{SPOOL_UNIT, SPOOL_WRITE_BYTES},
};

/// Room for uploads.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    room: Arc<Semaphore>,
    folder: PathBuf,
    queue_timeout: Duration,
}

/// Files while they arrive.
#[derive(Debug)]
pub(crate) struct Spooling {
    file: tokio::fs::File,
    buffer: Vec<u8>,
    /// Bytes before the file that arrives now, and of it.
    before: u64,
    current: u64,
    sha256: Sha256,
    keccak256: Keccak256,
    places: HashMap<[u8; 32], Place>,
    room: OwnedSemaphorePermit,
}

/// Files that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Spooled {
    file: Arc<File>,
    places: Arc<HashMap<[u8; 32], Place>>,
    _room: Arc<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    bytes: u64,
}

impl Spool {
    pub(crate) fn new(bytes: u64, folder: PathBuf, queue_timeout: Duration) -> Self {
        let units = usize::try_from(bytes / SPOOL_UNIT).unwrap_or(usize::MAX);
        let units = units.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Self { room: Arc::new(Semaphore::new(units)), folder, queue_timeout }
    }

    /// Whether files can be made here.
    pub(crate) fn check(&self) -> io::Result<()> {
        tempfile::tempfile_in(&self.folder).map(drop)
    }

    /// Takes room for so many bytes, if need be after waiting.
    pub(crate) async fn open(&self, bytes: u64) -> Result<Spooling, Fault> {
        let units = u32::try_from(bytes.div_ceil(SPOOL_UNIT)).unwrap_or(u32::MAX);
        let waiting = Arc::clone(&self.room).acquire_many_owned(units);
        let room = match timeout(self.queue_timeout, waiting).await {
            Ok(Ok(room)) => room,
            _ => return Err(Fault::busy("the service has no room for the upload")),
        };
        let folder = self.folder.clone();
        let made = spawn_blocking(move || tempfile::tempfile_in(folder)).await;
        let file = made.map_err(io::Error::other).and_then(|made| made).map_err(|e| disk(&e))?;
        let mut file = tokio::fs::File::from_std(file);
        file.set_max_buf_size(SPOOL_WRITE_BYTES);
        Ok(Spooling {
            file,
            buffer: vec![],
            before: 0,
            current: 0,
            sha256: Sha256::new(),
            keccak256: Keccak256::new(),
            places: HashMap::new(),
            room,
        })
    }
}

impl Spooling {
    /// Bytes of the file that arrives now.
    pub(crate) const fn current(&self) -> u64 {
        self.current
    }

    /// Whether a file arrived already.
    pub(crate) fn has(&self, part: &Part) -> bool {
        self.places.contains_key(&part.sha256.0)
    }

    pub(crate) async fn push(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.sha256.update(chunk);
        self.keccak256.update(chunk);
        self.current = self.current.saturating_add(chunk.len() as u64);
        self.buffer.extend_from_slice(chunk);
        if self.buffer.len() >= SPOOL_WRITE_BYTES {
            self.write().await?;
        }
        Ok(())
    }

    /// The file that arrived is this one, by its length and both its hashes; or it is refused.
    pub(crate) fn end_file(&mut self, part: &Part) -> Result<(), &'static str> {
        let sha256: [u8; 32] = self.sha256.finalize_reset().into();
        let keccak256 = std::mem::take(&mut self.keccak256).finalize();
        let bytes = std::mem::take(&mut self.current);
        let place = Place { offset: self.before, bytes };
        self.before = self.before.saturating_add(bytes);
        match () {
            () if bytes != part.bytes => Err("length"),
            () if sha256 != part.sha256.0 => Err("SHA-256"),
            () if keccak256 != part.keccak256 => Err("keccak256"),
            () => {
                self.places.insert(sha256, place);
                Ok(())
            }
        }
    }

    pub(crate) async fn finish(mut self) -> Result<Spooled, Fault> {
        self.write().await?;
        self.file.flush().await.map_err(|error| disk(&error))?;
        let file = Arc::new(self.file.into_std().await);
        Ok(Spooled { file, places: Arc::new(self.places), _room: Arc::new(self.room) })
    }

    async fn write(&mut self) -> Result<(), Fault> {
        self.file.write_all(&self.buffer).await.map_err(|error| disk(&error))?;
        self.buffer.clear();
        Ok(())
    }
}

impl Spooled {
    /// A file's bytes.
    pub(crate) async fn read(&self, part: &Part) -> Result<Vec<u8>, Fault> {
        let lost = || Fault::internal("spool", &io::Error::other("a file is not where it was put"));
        let place = *self.places.get(&part.sha256.0).ok_or_else(lost)?;
        let length = usize::try_from(place.bytes).map_err(|_| lost())?;
        let file = Arc::clone(&self.file);
        let read = spawn_blocking(move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, place.offset).map(|()| bytes)
        });
        let read = read.await.map_err(io::Error::other).and_then(|read| read);
        read.map_err(|error| disk(&error))
    }
}

fn disk(error: &io::Error) -> Fault {
    tracing::error!(%error, "uploads cannot be spooled");
    Fault::busy("the service has no room for the upload")
}
