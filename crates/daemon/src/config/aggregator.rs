//! `[aggregator]`.

use std::collections::BTreeMap;

use alloy::primitives::Address;
use collimate_chain::signer::SignerSource;
use serde::{Deserialize, Serialize};

use super::{amount::amount, run::RunSettings};

/// Proofs become runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AggregatorSettings {
    /// The account that sends the transactions.
    pub key: SignerSource,
    /// Where `collimate-prover serve` is reached.
    #[serde(default = "default_prover")]
    pub prover_url: String,
    /// Where operators are reached, by account.
    #[serde(default)]
    pub operators: BTreeMap<Address, String>,
    /// The most that one transaction may cost, in ether.
    #[serde(default = "default_max_cost", deserialize_with = "amount")]
    pub max_cost_eth: String,
    /// Chunks that are asked for at once: as many as there are provers.
    #[serde(default = "default_parallel")]
    pub parallel_jobs: usize,
    #[serde(default)]
    pub run: RunSettings,
}

fn default_prover() -> String {
    "http://127.0.0.1:7301".to_owned()
}

fn default_max_cost() -> String {
    "0.5".to_owned()
}

const fn default_parallel() -> usize {
    1
}
