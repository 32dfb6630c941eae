//! `[operator]` and `[operator.fast_mode]`.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use alloy::primitives::Address;
use anyhow::Result;
use collimate_attestation::{KeySource, PasswordSource};
use collimate_operator::OperatorConfig;
use collimate_verifiers::ProofSystems;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{
    amount::{amount, ether},
    systems::{every_system, named},
};

/// An operator that verifies final proofs and signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorSettings {
    /// The account that is registered.
    pub account: Address,
    /// The BLS key's keystore (EIP-2335).
    pub keystore: PathBuf,
    /// A file with its password.
    pub password_file: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it signed; on a disk that survives a restart, the operator's own.
    pub journal: PathBuf,
    #[serde(default)]
    pub fast_mode: Option<FastOperatorSettings>,
}

impl OperatorSettings {
    /// Where the BLS key is.
    pub(crate) fn key(&self) -> KeySource {
        let password = PasswordSource::File { path: self.password_file.clone() };
        KeySource::Keystore { path: self.keystore.clone(), password }
    }
}

/// The same operator, with the same key, verifies batches of fast mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FastOperatorSettings {
    /// Where it answers about tasks.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// What it signed of fast mode; on a disk that survives a restart, the operator's own.
    pub journal: PathBuf,
    /// Base addresses of the signature aggregators that get its signatures.
    pub aggregators: Vec<Url>,
    /// The proof systems that it verifies, by name.
    #[serde(default = "every_system")]
    pub systems: Vec<String>,
    /// Data services that are asked before those that a batch names. They may be anywhere.
    #[serde(default)]
    pub mirrors: Vec<Url>,
    /// Whether mirrors that a batch names may have addresses that are not public: on a development machine alone.
    #[serde(default)]
    pub allow_private_mirrors: bool,
    /// Files of all batches in memory at once, in MiB.
    #[serde(default = "default_memory")]
    pub memory_mib: u64,
    /// Seconds after which a verification counts as a failed one.
    #[serde(default = "default_verification")]
    pub verification_seconds: u64,
    /// Batches in work at once.
    #[serde(default = "default_batches")]
    pub max_batches: NonZeroUsize,
    /// Tasks that pay less for their response, in ether, are not looked at.
    #[serde(default = "nothing", deserialize_with = "amount")]
    pub least_fee_limit_eth: String,
}

fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 7410).into()
}

const fn default_memory() -> u64 {
    256
}

const fn default_verification() -> u64 {
    30
}

const fn default_batches() -> NonZeroUsize {
    NonZeroUsize::MIN.saturating_add(7)
}

fn nothing() -> String {
    "0".to_owned()
}

impl FastOperatorSettings {
    /// For the service manager of a deployment.
    pub(crate) fn config(&self, service_manager: Address) -> Result<OperatorConfig> {
        let mut config = OperatorConfig::new(self.listen, service_manager, self.journal.clone());
        config.aggregators.clone_from(&self.aggregators);
        config.download.mirrors.clone_from(&self.mirrors);
        config.download.allow_private = self.allow_private_mirrors;
        config.memory_bytes = self.memory_mib.saturating_mul(1 << 20);
        config.verification_timeout = Duration::from_secs(self.verification_seconds);
        config.max_batches = self.max_batches;
        config.least_fee_limit =
            ether("operator.fast_mode.least_fee_limit_eth", &self.least_fee_limit_eth)?;
        Ok(config)
    }

    /// The verifiers that are named.
    pub(crate) fn proof_systems(&self) -> Result<ProofSystems> {
        named("operator.fast_mode.systems", &self.systems)
    }
}
