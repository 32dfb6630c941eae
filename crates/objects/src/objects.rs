//! The store as the rest of the system sees it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::backend::Backend;
use crate::{Key, ObjectsError};

/// The largest object that is stored, in bytes. Four times the largest proof file that any verifier accepts.
pub const MAX_OBJECT_BYTES: u64 = 256 << 20;

/// Where the store's name lies.
const IDENTITY: &str = "identity";

/// The longest name, in bytes.
const MAX_NAME_BYTES: u64 = 64;

/// A handle to the store; clones share it.
#[derive(Clone, Debug)]
pub struct Objects {
    backend: Backend,
    /// Whether the store's name was seen.
    is_named: Arc<AtomicBool>,
}

impl Objects {
    /// Opens the store at a folder's path, `file:///path`, or `s3://bucket/prefix`.
    ///
    /// S3 takes its settings from the usual `AWS_*` variables: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_REGION`, `AWS_ENDPOINT` and `AWS_ALLOW_HTTP` for other servers than Amazon's.
    ///
    /// # Errors
    /// [`ObjectsError::Address`] for what is not understood; for a folder whatever creating it gives.
    pub fn open(address: &str) -> Result<Self, ObjectsError> {
        Self::open_with(address, &[])
    }

    /// [`Objects::open`] with S3 settings of its own, by the names of the variables in lower case
    /// (`aws_endpoint`). They win over the environment. A folder has no settings.
    ///
    /// # Errors
    /// As [`Objects::open`]; a setting that is not known is [`ObjectsError::Address`].
    pub fn open_with(address: &str, s3_settings: &[(&str, &str)]) -> Result<Self, ObjectsError> {
        let wrong =
            |reason: &str| ObjectsError::Address { address: address.into(), reason: reason.into() };
        if address.starts_with("s3://") {
            #[cfg(feature = "s3")]
            return Ok(Self::on(Backend::s3(address, s3_settings)?));
            #[cfg(not(feature = "s3"))]
            return Err(wrong("this program was built without S3"));
        }
        let path = address.strip_prefix("file://").unwrap_or(address);
        if path.is_empty() {
            return Err(wrong("it is empty"));
        }
        if path.contains("://") {
            return Err(wrong("the scheme is not known"));
        }
        if !s3_settings.is_empty() {
            return Err(wrong("a folder has no S3 settings"));
        }
        Self::folder(Path::new(path))
    }

    /// Opens a folder, creating it when absent.
    ///
    /// # Errors
    /// [`ObjectsError::Denied`], [`ObjectsError::Full`] or [`ObjectsError::Backend`] when it cannot be made.
    pub fn folder(path: &Path) -> Result<Self, ObjectsError> {
        Ok(Self::on(Backend::folder(path)?))
    }

    fn on(backend: Backend) -> Self {
        Self { backend, is_named: Arc::default() }
    }

    /// Stores bytes and returns their key once they are on disk. Storing them again is harmless, and repairs a
    /// damaged object.
    ///
    /// # Errors
    /// [`ObjectsError::TooLarge`] above [`MAX_OBJECT_BYTES`]; [`ObjectsError::Full`] when there is no room;
    /// [`ObjectsError::Absent`] when a store that had a name has none.
    /// After an error nothing is stored.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<Key, ObjectsError> {
        let bytes = bytes.into();
        let key = Key::of(&bytes);
        let size = bytes.len() as u64;
        if size > MAX_OBJECT_BYTES {
            let name = object_name(&key);
            return Err(ObjectsError::TooLarge { name, bytes: size, limit: MAX_OBJECT_BYTES });
        }
        // What is written below a mount point hides when the disk comes back. A bucket cannot be swapped like this.
        if self.is_named.load(Ordering::Relaxed) && self.backend.is_folder() {
            self.check_identity().await?;
        }
        self.backend.put(&object_name(&key), bytes).await?;
        Ok(key)
    }

    /// The bytes of an object, checked against its key.
    ///
    /// # Errors
    /// [`ObjectsError::NotFound`], [`ObjectsError::TooLarge`] above `max_bytes`, [`ObjectsError::Corrupt`] when the
    /// bytes are not those of the key.
    pub async fn get(&self, key: &Key, max_bytes: u64) -> Result<Bytes, ObjectsError> {
        let name = object_name(key);
        let bytes = self.backend.get(&name, max_bytes).await?;
        if Key::of(&bytes) != *key {
            return Err(ObjectsError::Corrupt { name });
        }
        Ok(bytes)
    }

    /// Whether an object is there. Says nothing about its bytes.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn exists(&self, key: &Key) -> Result<bool, ObjectsError> {
        self.backend.exists(&object_name(key)).await
    }

    /// Takes an object away, which need not be there. Whoever calls this knows that nothing refers to it.
    ///
    /// # Errors
    /// When the store cannot be written. Removing it again is harmless.
    pub async fn remove(&self, key: Key) -> Result<(), ObjectsError> {
        self.backend.remove(&object_name(&key)).await
    }

    /// Stores what a job produced. The job's first output stays: when there is one that can be read, its key is
    /// returned and `bytes` are not referred to.
    ///
    /// # Errors
    /// As [`Objects::put`]. After an error the job has no output, or the one it had.
    pub async fn put_output(
        &self,
        job_id: &[u8; 32],
        bytes: impl Into<Bytes>,
    ) -> Result<Key, ObjectsError> {
        let bytes = bytes.into();
        let name = output_name(job_id);
        // The object first: a name never points at what is not there.
        let key = self.put(bytes).await?;
        let pointer = Bytes::from(key.to_string());
        if self.backend.create(&name, pointer.clone()).await? {
            return Ok(key);
        }
        match self.readable_output(job_id).await {
            Ok(Some(first)) => Ok(first),
            Ok(None) | Err(ObjectsError::NotFound { .. } | ObjectsError::Corrupt { .. }) => {
                self.backend.put(&name, pointer).await?;
                Ok(key)
            }
            Err(e) => Err(e),
        }
    }

    /// What a job produced, checked against its hash; `None` when the job has no output yet.
    ///
    /// # Errors
    /// [`ObjectsError::Corrupt`] or [`ObjectsError::NotFound`] when there was an output that can no longer be read:
    /// run the job again, [`Objects::put_output`] will replace it. [`ObjectsError::TooLarge`] above `max_bytes`.
    pub async fn get_output(
        &self,
        job_id: &[u8; 32],
        max_bytes: u64,
    ) -> Result<Option<Bytes>, ObjectsError> {
        match self.output_key(job_id).await? {
            Some(key) => self.get(&key, max_bytes).await.map(Some),
            None => Ok(None),
        }
    }

    /// The key of what a job produced; `None` when the job has no output yet.
    ///
    /// # Errors
    /// [`ObjectsError::Corrupt`] when the output's name holds no key.
    pub async fn output_key(&self, job_id: &[u8; 32]) -> Result<Option<Key>, ObjectsError> {
        let name = output_name(job_id);
        let pointer = match self.backend.get(&name, 64).await {
            Ok(pointer) => pointer,
            Err(ObjectsError::NotFound { .. }) => return Ok(None),
            Err(ObjectsError::TooLarge { .. }) => return Err(ObjectsError::Corrupt { name }),
            Err(e) => return Err(e),
        };
        match std::str::from_utf8(&pointer).ok().and_then(|text| text.parse().ok()) {
            Some(key) => Ok(Some(key)),
            None => Err(ObjectsError::Corrupt { name }),
        }
    }

    /// The store's name; a store that has none is given one. From here on this handle and its clones write nothing to a store
    /// without a name.
    ///
    /// # Errors
    /// When the store cannot be written or read.
    pub async fn name(&self) -> Result<String, ObjectsError> {
        self.backend.create(IDENTITY, Bytes::from(new_name())).await?;
        self.identity().await?.ok_or(ObjectsError::Absent)
    }

    /// The store's name; `None` when it was never given one, or is not there: see [`Objects::check_identity`]. Once a name was
    /// seen, this handle and its clones write nothing to a store without one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn identity(&self) -> Result<Option<String>, ObjectsError> {
        match self.backend.get(IDENTITY, MAX_NAME_BYTES).await {
            Ok(name) => {
                self.is_named.store(true, Ordering::Relaxed);
                Ok(Some(String::from_utf8_lossy(&name).into_owned()))
            }
            Err(ObjectsError::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Checks that the store is there: that it has a name. Only then a missing object is missing.
    ///
    /// # Errors
    /// [`ObjectsError::Absent`] when it has none, or whatever keeps it from being read.
    pub async fn check_identity(&self) -> Result<(), ObjectsError> {
        self.identity().await?.map(drop).ok_or(ObjectsError::Absent)
    }

    async fn readable_output(&self, job_id: &[u8; 32]) -> Result<Option<Key>, ObjectsError> {
        let Some(key) = self.output_key(job_id).await? else { return Ok(None) };
        self.get(&key, MAX_OBJECT_BYTES).await.map(|_| Some(key))
    }
}

/// A name that no other store has: by the time at which it is made, and the process that makes it.
fn new_name() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let made = format!("{} {}", time.as_nanos(), std::process::id());
    Key::of(made.as_bytes()).to_string().split_off(32)
}

fn object_name(key: &Key) -> String {
    format!("objects/{key}")
}

fn output_name(job_id: &[u8; 32]) -> String {
    format!("outputs/{}", hex::encode(job_id))
}
