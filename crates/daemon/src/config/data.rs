//! `[data]`.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result};
use collimate_data::{DataConfig, UploadKey};
use serde::{Deserialize, Serialize};

/// Serves a folder of batches' files over the S3 API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DataSettings {
    pub listen: SocketAddr,
    /// The folder, which everybody may read.
    pub folder: PathBuf,
    /// The first part of every address.
    pub bucket: String,
    /// Variables with the access key of a batcher on another machine. Without them nobody may write over HTTP.
    pub upload_id_variable: Option<String>,
    pub upload_secret_variable: Option<String>,
}

impl Default for DataSettings {
    fn default() -> Self {
        let listen = ([127, 0, 0, 1], 7430).into();
        let defaults = DataConfig::new(listen, "batches".into());
        Self {
            listen,
            folder: defaults.folder,
            bucket: defaults.bucket,
            upload_id_variable: None,
            upload_secret_variable: None,
        }
    }
}

impl DataSettings {
    pub(crate) fn config(&self) -> Result<DataConfig> {
        let mut config = DataConfig::new(self.listen, self.folder.clone());
        config.bucket.clone_from(&self.bucket);
        config.upload_key = match (&self.upload_id_variable, &self.upload_secret_variable) {
            (None, None) => None,
            (Some(id), Some(secret)) => Some(UploadKey::new(&variable(id)?, &variable(secret)?)?),
            _ => anyhow::bail!(
                "[DMN-061] data.upload_id_variable and data.upload_secret_variable belong together"
            ),
        };
        Ok(config)
    }
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("[DMN-061] data: the variable {name} is not set"))
}
