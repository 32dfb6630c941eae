//! `[batcher]`.

use std::{net::SocketAddr, path::PathBuf};

use alloy::primitives::{Address, utils::parse_units};
use anyhow::{Context, Result, ensure};
use collimate_batcher::BatcherConfig;
use collimate_chain::signer::SignerSource;
use collimate_verifiers::ProofSystems;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{
    amount::amount,
    systems::{every_system, named},
};

/// Takes proofs of fast mode and makes batches of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatcherSettings {
    /// The batcher's account: it sends the transactions, and signs receipts.
    pub key: SignerSource,
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Files of batches: a public folder, or `s3://bucket/prefix`.
    #[serde(default = "default_objects")]
    pub objects: String,
    /// Data services that serve those files, as operators reach them.
    pub mirrors: Vec<Url>,
    /// The proof systems that it takes, by name.
    #[serde(default = "every_system")]
    pub systems: Vec<String>,
    /// Proxies in front that append to `X-Forwarded-For`; with 0 the header is not looked at.
    #[serde(default)]
    pub trusted_proxies: usize,
    /// Where uploads are spooled while they arrive, and how much of it they may take, in MiB.
    #[serde(default = "default_spool")]
    pub spool_folder: PathBuf,
    #[serde(default = "default_spool_mib")]
    pub spool_mib: u64,
    /// The most that one transaction may cost, in ether.
    #[serde(default = "default_max_cost", deserialize_with = "amount")]
    pub max_cost_eth: String,
    /// Least that each proof must offer, in gwei.
    #[serde(default = "default_floor", deserialize_with = "amount")]
    pub floor_gwei: String,
    #[serde(default)]
    pub closing: ClosingSettings,
}

/// A batch is closed as soon as any of these holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClosingSettings {
    /// The first group has waited for so many blocks.
    pub blocks: u64,
    /// So many proofs wait.
    pub proofs: u64,
    /// The files of those that wait have so many MiB.
    pub mib: u64,
}

impl Default for ClosingSettings {
    fn default() -> Self {
        Self { blocks: 1, proofs: 1_024, mib: 32 }
    }
}

fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 8548).into()
}

fn default_objects() -> String {
    "batches".to_owned()
}

fn default_spool() -> PathBuf {
    std::env::temp_dir()
}

const fn default_spool_mib() -> u64 {
    4_096
}

fn default_max_cost() -> String {
    "0.1".to_owned()
}

fn default_floor() -> String {
    "0".to_owned()
}

impl BatcherSettings {
    /// For the payment service of a deployment.
    pub(crate) fn config(&self, payment_service: Address) -> Result<BatcherConfig> {
        ensure!(!self.mirrors.is_empty(), "[DMN-061] batcher.mirrors names no data service");
        let mut config = BatcherConfig::new(self.listen, payment_service, self.mirrors.clone());
        config.intake.trusted_proxies = self.trusted_proxies;
        config.intake.spool_dir.clone_from(&self.spool_folder);
        config.intake.spool_bytes = self.spool_mib.saturating_mul(1 << 20);
        config.closing.blocks = self.closing.blocks;
        config.closing.enough_proofs = self.closing.proofs;
        config.closing.enough_bytes = self.closing.mib.saturating_mul(1 << 20);
        let floor = parse_units(&self.floor_gwei, "gwei").ok();
        let floor = floor.and_then(|floor| u128::try_from(floor.get_absolute()).ok());
        config.prices.floor = floor.with_context(|| {
            format!("[DMN-061] batcher.floor_gwei: {} is no amount of gwei", self.floor_gwei)
        })?;
        Ok(config)
    }

    /// The verifiers that are named.
    pub(crate) fn proof_systems(&self) -> Result<ProofSystems> {
        named("batcher.systems", &self.systems)
    }
}
