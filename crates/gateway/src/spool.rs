//! A proof while it arrives: hashed as it comes, in memory while there is room, otherwise on disk.
//!
//! Memory is bounded by two numbers. Every upload may hold [`FREE_BYTES`] and small buffers; beyond that it takes one of a few
//! slots, or goes on in a file without a name. A slot is never waited for while bytes arrive, so slow senders cannot
//! starve others: they end up on disk. Only who has a proof complete, and has signed for it, waits for a slot.

use std::{io::SeekFrom, path::PathBuf, sync::Arc, time::Duration};

use collimate_api::ProblemCode;
use sha2::{Digest, Sha256};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::fault::Fault;

/// What each upload may keep in memory without a slot.
const FREE_BYTES: usize = 64 << 10;

/// Bytes that are written to disk at once.
const WRITE_BYTES: usize = 128 << 10;

/// Room for uploads.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    slots: Arc<Semaphore>,
    folder: PathBuf,
    queue_timeout: Duration,
}

/// A proof that arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) sha256: [u8; 32],
    content: Content,
    spool: Spool,
}

/// A proof in memory. The slot is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) slot: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Content {
    Memory(Loaded),
    Disk { file: File, bytes: u64 },
}

/// A proof while it arrives.
#[derive(Debug)]
pub(crate) struct Arriving {
    spool: Spool,
    hasher: Sha256,
    expected: usize,
    buffer: Vec<u8>,
    slot: Option<OwnedSemaphorePermit>,
    file: Option<File>,
    total: usize,
}

impl Spool {
    pub(crate) fn new(slots: usize, folder: PathBuf, queue_timeout: Duration) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots)), folder, queue_timeout }
    }

    /// A proof of about `expected` bytes is coming.
    pub(crate) fn arriving(&self, expected: usize) -> Arriving {
        Arriving {
            spool: self.clone(),
            hasher: Sha256::new(),
            expected,
            buffer: Vec::new(),
            slot: None,
            file: None,
            total: 0,
        }
    }

    pub(crate) fn free_slots(&self) -> usize {
        self.slots.available_permits()
    }

    /// Whether files can be made here.
    pub(crate) fn check(&self) -> std::io::Result<()> {
        tempfile::tempfile_in(&self.folder).map(drop)
    }

    async fn file(&self) -> Result<File, Fault> {
        let folder = self.folder.clone();
        let made = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder)).await;
        let file = made.map_err(std::io::Error::other).and_then(|made| made);
        let mut file = File::from_std(file.map_err(disk)?);
        file.set_max_buf_size(WRITE_BYTES);
        Ok(file)
    }
}

impl Arriving {
    pub(crate) fn len(&self) -> usize {
        self.total
    }

    pub(crate) async fn push(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.hasher.update(chunk);
        self.total = self.total.saturating_add(chunk.len());
        let beyond = self.buffer.len().saturating_add(chunk.len()) > FREE_BYTES;
        if beyond && self.slot.is_none() && self.file.is_none() {
            match Arc::clone(&self.spool.slots).try_acquire_owned() {
                Ok(slot) => {
                    self.slot = Some(slot);
                    // At once, since growing step by step would hold up to three times as much.
                    self.buffer.reserve_exact(self.expected.saturating_sub(self.buffer.len()));
                }
                Err(_) => self.file = Some(self.spool.file().await?),
            }
        }
        self.buffer.extend_from_slice(chunk);
        if let Some(file) = &mut self.file
            && self.buffer.len() >= WRITE_BYTES
        {
            file.write_all(&self.buffer).await.map_err(disk)?;
            self.buffer.clear();
        }
        Ok(())
    }

    pub(crate) async fn finish(self) -> Result<Arrived, Fault> {
        let Self { spool, hasher, buffer, slot, file, total, .. } = self;
        let content = match file {
            None => Content::Memory(Loaded { bytes: buffer, slot }),
            Some(mut file) => {
                file.write_all(&buffer).await.map_err(disk)?;
                file.flush().await.map_err(disk)?;
                Content::Disk { file, bytes: total as u64 }
            }
        };
        Ok(Arrived { sha256: hasher.finalize().into(), content, spool })
    }
}

impl Arrived {
    /// Brings the proof into memory, if need be after waiting for a slot, and leaves it there.
    pub(crate) async fn bytes(&mut self) -> Result<&[u8], Fault> {
        if let Content::Disk { file, bytes } = &mut self.content {
            let waiting = Arc::clone(&self.spool.slots).acquire_owned();
            let slot = match timeout(self.spool.queue_timeout, waiting).await {
                Ok(Ok(slot)) => slot,
                _ => return Err(Fault::busy("too many proofs wait to be verified")),
            };
            file.seek(SeekFrom::Start(0)).await.map_err(disk)?;
            let mut content = Vec::with_capacity(usize::try_from(*bytes).unwrap_or(0));
            file.take(*bytes).read_to_end(&mut content).await.map_err(disk)?;
            self.content = Content::Memory(Loaded { bytes: content, slot: Some(slot) });
        }
        match &self.content {
            Content::Memory(loaded) => Ok(&loaded.bytes),
            Content::Disk { .. } => Ok(&[]),
        }
    }

    /// The proof in memory, with its slot.
    pub(crate) async fn load(mut self) -> Result<Loaded, Fault> {
        self.bytes().await?;
        match self.content {
            Content::Memory(loaded) => Ok(loaded),
            Content::Disk { .. } => Err(Fault::busy("the upload could not be read back")),
        }
    }
}

fn disk(error: std::io::Error) -> Fault {
    tracing::error!(code = ProblemCode::Busy.as_str(), %error, "uploads cannot be spooled");
    Fault::busy("the service has no room for the upload")
}
