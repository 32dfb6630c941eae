//! Real proving, which takes minutes and 20 GB of memory: `make test-proving` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The processes that prove below this one.
fn provers_of(parent: u32) -> Vec<u32> {
    let children = format!("/proc/{parent}/task/{parent}/children");
    std::fs::read_to_string(children)
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .filter(|pid| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.starts_with("collimate-prove")
        })
        .collect()
}

#[test]
#[ignore = "proves for minutes"]
fn proving_survives_a_killed_prover_and_takes_a_proof_made_by_others() {
    let fixtures = std::env::var_os("COLLIMATE_FIXTURES")
        .map_or_else(|| root().join("../shared/fixtures"), PathBuf::from);
    let others = fixtures.join("sp1/compressed-v6.1.0/proof.bin");
    if !others.is_file() {
        eprintln!("SKIPPED: {} is missing; set COLLIMATE_FIXTURES", others.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_collimated"))
        .current_dir(root())
        .args(["demo", "--json", "--chain-port", "0", "--state"])
        .arg(folder.path().join("state"))
        .arg("--also")
        .arg(&others)
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut killed = false;
    for line in BufReader::new(daemon.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        eprintln!("{line}");
        if !killed && line.trim_start().starts_with("proving the program") {
            let provers = provers_of(daemon.id());
            assert_eq!(provers.len(), 1, "one prover works");
            Command::new("kill").args(["-9", &provers[0].to_string()]).status().unwrap();
            killed = true;
        }
    }
    let output = daemon.wait_with_output().unwrap();
    assert!(output.status.success(), "the demo failed");
    assert!(killed, "the prover was killed while it worked");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let proofs = report["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 5);
    assert!(proofs.iter().all(|proof| proof["included"] == true));
}
