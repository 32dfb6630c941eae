//! Where objects lie: a folder or a bucket, behind the same few operations.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::ObjectsError;

/// One opened store.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    store: Arc<dyn ObjectStore>,
    /// What precedes each name in a bucket; empty for a folder.
    prefix: Location,
    /// The folder, when it is one.
    folder: Option<PathBuf>,
}

impl Backend {
    /// Opens a folder, creating it when absent. Parents that are created are on disk when this returns.
    pub(crate) fn folder(path: &Path) -> Result<Self, ObjectsError> {
        let name = path.display().to_string();
        create_dir_durably(path).map_err(|e| ObjectsError::from_io(&name, e))?;
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|e| ObjectsError::from_store(&name, e))?
            .with_fsync(true);
        let folder = path.canonicalize().map_err(|e| ObjectsError::from_io(&name, e))?;
        Ok(Self { store: Arc::new(store), prefix: Location::default(), folder: Some(folder) })
    }

    /// Opens a bucket of the S3 API; settings come from the `AWS_*` variables, then from `options`.
    #[cfg(feature = "s3")]
    pub(crate) fn s3(address: &str, options: &[(&str, &str)]) -> Result<Self, ObjectsError> {
        use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
        let wrong = |reason: String| ObjectsError::Address { address: address.into(), reason };

        let rest = address.strip_prefix("s3://").ok_or_else(|| wrong("not s3://".into()))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(wrong("the bucket is missing".into()));
        }
        let prefix = Location::parse(prefix).map_err(|e| wrong(e.to_string()))?;
        let mut builder = AmazonS3Builder::from_env();
        for (key, value) in options {
            let key: AmazonS3ConfigKey =
                key.parse().map_err(|_| wrong(format!("unknown setting {key:?}")))?;
            builder = builder.with_config(key, *value);
        }
        let store = builder.with_bucket_name(bucket).build().map_err(|e| wrong(e.to_string()))?;
        Ok(Self { store: Arc::new(store), prefix, folder: None })
    }

    /// Whether it is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    fn location(&self, name: &str) -> Location {
        self.prefix.parts().chain(Location::from(name).parts()).collect()
    }

    /// Writes `bytes` under `name`, replacing what is there, in one step.
    pub(crate) async fn put(&self, name: &str, bytes: Bytes) -> Result<(), ObjectsError> {
        self.store
            .put(&self.location(name), PutPayload::from_bytes(bytes))
            .await
            .map(drop)
            .map_err(|e| ObjectsError::from_store(name, e))
    }

    /// Writes `bytes` under `name` unless the name is taken; true when this call took it.
    pub(crate) async fn create(&self, name: &str, bytes: Bytes) -> Result<bool, ObjectsError> {
        let options = PutOptions::from(PutMode::Create);
        let payload = PutPayload::from_bytes(bytes);
        match self.store.put_opts(&self.location(name), payload, options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => {
                // Whoever took the name may not have synced it yet, and our caller is about to be told that it is there.
                self.sync(name).await?;
                Ok(false)
            }
            Err(e) => Err(ObjectsError::from_store(name, e)),
        }
    }

    /// Reads at most `max_bytes`; more is an error, whatever the store announced.
    pub(crate) async fn get(&self, name: &str, max_bytes: u64) -> Result<Bytes, ObjectsError> {
        let wrap = |e| ObjectsError::from_store(name, e);
        let too_large =
            |bytes| ObjectsError::TooLarge { name: name.into(), bytes, limit: max_bytes };

        let object = self.store.get(&self.location(name)).await.map_err(wrap)?;
        if object.meta.size > max_bytes {
            return Err(too_large(object.meta.size));
        }
        let mut bytes = BytesMut::with_capacity(usize::try_from(object.meta.size).unwrap_or(0));
        let mut stream = object.into_stream();
        while let Some(part) = stream.next().await {
            bytes.extend_from_slice(&part.map_err(wrap)?);
            if bytes.len() as u64 > max_bytes {
                return Err(too_large(bytes.len() as u64));
            }
        }
        Ok(bytes.freeze())
    }

    /// Whether the name is taken.
    pub(crate) async fn exists(&self, name: &str) -> Result<bool, ObjectsError> {
        match self.store.head(&self.location(name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(ObjectsError::from_store(name, e)),
        }
    }

    /// Frees the name; it need not be taken.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), ObjectsError> {
        match self.store.delete(&self.location(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(ObjectsError::from_store(name, e)),
        }
    }

    /// Brings a file that another writer made, and its name, to the disk. Nothing to do in a bucket.
    async fn sync(&self, name: &str) -> Result<(), ObjectsError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(name);
        let synced = tokio::task::spawn_blocking(move || {
            File::open(&path)?.sync_all()?;
            path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
        });
        synced
            .await
            .unwrap_or_else(|e| Err(std::io::Error::other(e)))
            .map_err(|e| ObjectsError::from_io(name, e))
    }
}

/// `mkdir -p` after which a power cut takes none of the folders back.
fn create_dir_durably(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_dir_durably(parent)?;
    match fs::create_dir(path) {
        Err(e) if !path.is_dir() => return Err(e),
        _ => {}
    }
    File::open(parent)?.sync_all()
}
