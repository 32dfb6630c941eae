//! `[aggregator]`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use alloy::primitives::Address;
use anyhow::{Context, Result};
use collimate_chain::signer::SignerSource;
use collimate_verifiers::sp1::Sp1Groth16Under;
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
    /// The proofs of runs are wrapped and brought to the contract, which verifies them itself.
    #[serde(default)]
    pub hard: Option<HardSettings>,
}

/// `[aggregator.hard]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HardSettings {
    /// The circuit's verification key as gnark writes it; by default the one that SP1 published.
    pub circuit_key: Option<PathBuf>,
    /// Where the `collimate-prover serve` is reached that wraps; by default the one that proves.
    pub prover_url: Option<String>,
}

impl HardSettings {
    /// What proofs are wrapped under.
    pub(crate) fn circuit(&self) -> Result<Sp1Groth16Under> {
        match &self.circuit_key {
            Some(file) => circuit(file),
            None => Ok(Sp1Groth16Under::published()),
        }
    }
}

/// A circuit's verification key from its file.
pub(crate) fn circuit(file: &Path) -> Result<Sp1Groth16Under> {
    let key = std::fs::read(file)
        .with_context(|| format!("[DMN-024] cannot read the circuit key {}", file.display()))?;
    Ok(Sp1Groth16Under::new(key))
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
