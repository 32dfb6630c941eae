//! `[signatures]`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use alloy::primitives::Address;
use anyhow::Result;
use collimate_chain::signer::SignerSource;
use collimate_signatures::SignaturesConfig;
use serde::{Deserialize, Serialize};

use super::amount::{amount, ether};

/// Collects operators' signatures of fast mode and answers tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignaturesSettings {
    /// The account that sends the answers, and is paid for them.
    pub key: SignerSource,
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// A folder for transactions that are on their way; its own, on a disk that survives a restart.
    #[serde(default = "default_transactions")]
    pub transactions: PathBuf,
    /// Milliseconds for the rest of the operators after a quorum signed: each that is absent costs gas. Several aggregators take
    /// different ones, so that they do not all answer at once.
    #[serde(default = "default_linger")]
    pub linger_ms: u64,
    /// What an answer may cost beyond what its task pays for it, in ether.
    #[serde(default = "default_subsidy", deserialize_with = "amount")]
    pub subsidy_eth: String,
    /// The most that an answer may cost, whatever its task pays, in ether.
    #[serde(default = "default_max_cost", deserialize_with = "amount")]
    pub max_cost_eth: String,
}

fn default_listen() -> SocketAddr {
    ([127, 0, 0, 1], 7420).into()
}

fn default_transactions() -> PathBuf {
    "signatures".into()
}

const fn default_linger() -> u64 {
    250
}

fn default_subsidy() -> String {
    "0".to_owned()
}

fn default_max_cost() -> String {
    "0.1".to_owned()
}

impl SignaturesSettings {
    /// For the service manager of a deployment.
    pub(crate) fn config(&self, service_manager: Address) -> Result<SignaturesConfig> {
        let mut config = SignaturesConfig::new(self.listen, service_manager);
        config.linger = Duration::from_millis(self.linger_ms);
        config.subsidy = ether("signatures.subsidy_eth", &self.subsidy_eth)?;
        config.max_cost = ether("signatures.max_cost_eth", &self.max_cost_eth)?;
        Ok(config)
    }
}
