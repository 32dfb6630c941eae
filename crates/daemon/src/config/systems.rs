//! Proof systems by name.

use anyhow::{Context, Result};
use collimate_verifiers::ProofSystemId;

/// All of them.
pub(super) fn every_system() -> Vec<String> {
    ProofSystemId::ALL.iter().map(ToString::to_string).collect()
}

/// Those that a setting names.
pub(super) fn named(setting: &str, names: &[String]) -> Result<Vec<ProofSystemId>> {
    let system = |name: &String| name.parse().with_context(|| format!("[DMN-061] {setting}"));
    names.iter().map(system).collect()
}
