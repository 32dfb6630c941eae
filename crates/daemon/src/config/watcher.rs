//! `[watcher]`.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use alloy::primitives::{Address, B256};
use anyhow::{Context, Result};
use collimate_watcher::{Sampling, WatcherConfig};
use reqwest::Url;
use serde::{Deserialize, Serialize, Serializer};

use super::chain::host_alone;

/// Samples the batches that operators signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WatcherSettings {
    /// Where it answers about what it found.
    pub listen: SocketAddr,
    /// A folder for its ledger and its evidence; on a disk that survives a restart, its own.
    pub folder: PathBuf,
    /// Block at which a new ledger begins; the newest by default.
    pub first_block: Option<u64>,
    /// Share of each batch's proofs that is checked, from 0 to 1, and bounds of their number.
    pub share: f64,
    pub at_least: NonZeroUsize,
    pub at_most: NonZeroUsize,
    /// A variable with the seed of the choice, 32 bytes in hex. By default a new ledger gets a random one.
    pub seed_variable: Option<String>,
    /// Data services that are asked before those that a batch names.
    pub mirrors: Vec<Url>,
    /// Whether mirrors that a batch names may have addresses that are not public: on a development machine alone.
    pub allow_private_mirrors: bool,
    /// Gets a `POST` with JSON for each proof that nobody should have signed.
    #[serde(serialize_with = "host_alone_if_any")]
    pub alert_webhook: Option<Url>,
}

fn host_alone_if_any<S: Serializer>(url: &Option<Url>, to: S) -> Result<S::Ok, S::Error> {
    match url {
        Some(url) => host_alone(url.as_str(), to),
        None => to.serialize_none(),
    }
}

impl Default for WatcherSettings {
    fn default() -> Self {
        let Sampling { share, at_least, at_most } = Sampling::default();
        Self {
            listen: ([127, 0, 0, 1], 7440).into(),
            folder: "watcher".into(),
            first_block: None,
            share,
            at_least,
            at_most,
            seed_variable: None,
            mirrors: vec![],
            allow_private_mirrors: false,
            alert_webhook: None,
        }
    }
}

impl WatcherSettings {
    /// For the service manager of a deployment.
    pub(crate) fn config(&self, service_manager: Address) -> Result<WatcherConfig> {
        let mut config = WatcherConfig::new(self.listen, service_manager, self.folder.clone());
        config.first_block = self.first_block;
        let (share, at_least, at_most) = (self.share, self.at_least, self.at_most);
        config.sampling = Sampling { share, at_least, at_most };
        config.seed = self.seed()?;
        config.download.mirrors.clone_from(&self.mirrors);
        config.download.allow_private = self.allow_private_mirrors;
        config.alert_webhook.clone_from(&self.alert_webhook);
        Ok(config)
    }

    fn seed(&self) -> Result<Option<B256>> {
        let Some(name) = &self.seed_variable else { return Ok(None) };
        let seed = std::env::var(name).ok().and_then(|text| text.parse().ok());
        let wrong = || format!("[DMN-061] watcher: the variable {name} has no 32 bytes in hex");
        seed.with_context(wrong).map(Some)
    }
}
