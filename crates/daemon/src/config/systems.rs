//! Proof systems by name.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use collimate_verifiers::{ProofSystemId, ProofSystems};

/// All of them.
pub(super) fn every_system() -> Vec<String> {
    ProofSystemId::ALL.iter().map(ToString::to_string).collect()
}

/// Those that a setting names, each once.
pub(super) fn named(setting: &str, names: &[String]) -> Result<ProofSystems> {
    let system = |name: &String| name.parse().with_context(|| format!("[DMN-061] {setting}"));
    let ids: BTreeSet<ProofSystemId> = names.iter().map(system).collect::<Result<_>>()?;
    ensure!(
        !ids.is_empty() && ids.len() == names.len(),
        "[DMN-061] {setting}: it names no proof system, or one twice"
    );
    Ok(ids.into_iter().collect())
}
