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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_known_proof_systems_once_each() {
        let named = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            named("batcher.systems", &names)
        };
        let systems = named(&["circom-groth16-bn254", "risc0-groth16"]).unwrap();
        assert_eq!(systems.numbers().collect::<Vec<_>>(), [5, 9]);
        for wrong in [&["sp1"][..], &["risc0-groth16", "risc0-groth16"], &[]] {
            let error = format!("{:#}", named(wrong).unwrap_err());
            assert!(error.contains("[DMN-061] batcher.systems"), "{error}");
        }
    }
}
