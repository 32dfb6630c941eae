use std::{net::SocketAddr, path::PathBuf, time::Duration};

use collimate_http::ServerLimits;
use collimate_objects::MAX_OBJECT_BYTES;
use prometheus::Registry;
use s3s::auth::SecretKey;

use crate::{DataError, limits::MIN_SECRET_CHARS};

/// How the data service works.
#[derive(Debug, Clone)]
pub struct DataConfig {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The folder whose objects everybody may read; made if absent, see [`open_public_folder`](crate::open_public_folder).
    pub folder: PathBuf,
    /// The bucket's name, the first part of every address: 3 to 63 lower-case letters, digits and `-`.
    pub bucket: String,
    /// Who may write over HTTP. Without a key nobody may, and what is served comes from a batcher on this machine.
    pub upload_key: Option<UploadKey>,
    /// Bytes of an object that is written.
    pub max_object_bytes: u64,
    /// Bytes of all objects that are being written, together; at least `max_object_bytes`. Further uploads wait.
    pub upload_memory_bytes: u64,
    /// What its connections are held to. An upload has the request's time; a client that reads slowly, or not at all, holds a place
    /// and an open file no longer than twice the connection's.
    pub connections: ServerLimits,
}

impl DataConfig {
    /// The bucket `batches`, objects of at most 64 MiB as batches have them, 128 MiB for uploads; 1,024 connections of which 128 of
    /// one client, two minutes for an upload and five for a download: 64 MiB at 256 KiB a second, the slowest that a downloader
    /// waits for.
    #[must_use]
    pub fn new(listen: SocketAddr, folder: PathBuf) -> Self {
        Self {
            listen,
            folder,
            bucket: "batches".to_owned(),
            upload_key: None,
            max_object_bytes: 64 << 20,
            upload_memory_bytes: 128 << 20,
            connections: ServerLimits {
                max_connections: 1_024,
                max_per_client: 128,
                request_timeout: Some(Duration::from_secs(120)),
                connection_time: Some(Duration::from_secs(300)),
                ..ServerLimits::default()
            },
        }
    }

    /// Whether a data service can start with it.
    ///
    /// # Errors
    /// [`DataError::Config`] with what is wrong.
    pub fn check(&self) -> Result<(), DataError> {
        let unusable = |reason: &str| Err(DataError::Config { reason: reason.to_owned() });
        let name = self.bucket.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| *byte != b'-');
        let is_name = (3..=63).contains(&name.len())
            && name.iter().all(plain)
            && edge(name.first())
            && edge(name.last());
        if !is_name {
            return unusable(
                "the bucket's name needs 3 to 63 lower-case letters, digits and -, and no - at its ends",
            );
        }
        if ["healthz", "metrics"].contains(&self.bucket.as_str()) {
            return unusable(
                "the bucket cannot be called healthz or metrics: these paths are taken",
            );
        }
        if self.max_object_bytes == 0 || self.max_object_bytes > MAX_OBJECT_BYTES {
            return unusable("an object has from 1 byte to 256 MiB");
        }
        if self.upload_memory_bytes < self.max_object_bytes {
            return unusable("the memory for uploads is less than the largest object");
        }
        Ok(())
    }
}

/// An access key as S3's clients have it: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
#[derive(Debug, Clone)]
pub struct UploadKey {
    pub(crate) id: String,
    pub(crate) secret: SecretKey,
}

impl UploadKey {
    /// A key.
    ///
    /// # Errors
    /// [`DataError::Config`] without an id, or for a secret of fewer than [`MIN_SECRET_CHARS`] characters.
    pub fn new(id: &str, secret: &str) -> Result<Self, DataError> {
        let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if id.is_empty() || id.contains(['/', ',']) || !printable(id) {
            let reason = "the upload key's id is empty, or has spaces, slashes or commas";
            return Err(DataError::Config { reason: reason.to_owned() });
        }
        if secret.len() < MIN_SECRET_CHARS || !printable(secret) {
            let reason = format!(
                "the upload key's secret needs {MIN_SECRET_CHARS} printable characters or more; `openssl rand -hex 32` makes one"
            );
            return Err(DataError::Config { reason });
        }
        Ok(Self { id: id.to_owned(), secret: secret.into() })
    }
}

/// What the data service is given.
#[derive(Debug)]
pub struct DataParts {
    /// Where its metrics are registered.
    pub metrics: Registry,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> DataConfig {
        DataConfig::new("127.0.0.1:0".parse().unwrap(), "/nowhere".into())
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        config().check().unwrap();
        for bucket in ["", "ab", "Batches", "a/b", "-abc", "abc-", "healthz", "metrics", ".."] {
            let config = DataConfig { bucket: bucket.to_owned(), ..config() };
            assert_eq!(config.check().unwrap_err().code(), "DAT-001", "{bucket}");
        }
        for (max_object_bytes, upload_memory_bytes) in [(0, 10), (10, 9), (1 << 30, 1 << 30)] {
            let config = DataConfig { max_object_bytes, upload_memory_bytes, ..config() };
            assert_eq!(config.check().unwrap_err().code(), "DAT-001");
        }
    }

    #[test]
    fn a_key_that_is_none_is_refused_and_a_secret_is_never_shown() {
        for (id, secret) in [("", "0123456789abcdef"), ("a/b", "0123456789abcdef"), ("a", "short")]
        {
            assert_eq!(UploadKey::new(id, secret).unwrap_err().code(), "DAT-001");
        }
        let key = UploadKey::new("batcher", "0123456789abcdef").unwrap();
        let config = DataConfig { upload_key: Some(key), ..config() };
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }
}
