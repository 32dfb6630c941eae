//! Real proving, which takes minutes and 20 GB of memory: `make test-proving` runs it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::common::{proving_demo, report, root};

/// A job's proof takes minutes; this is far beyond.
const PATIENCE: Duration = Duration::from_secs(3600);

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
    let mut daemon =
        proving_demo(&folder.path().join("state"), &["--also", others.to_str().unwrap()])
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
    assert!(killed, "the prover was killed while it worked");
    let report = report(&daemon.wait_with_output().unwrap());
    let proofs = report["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 5);
    assert!(proofs.iter().all(|proof| proof["included"] == true));
}

#[test]
#[ignore = "proves for minutes"]
fn proving_two_layers_goes_on_after_a_killed_daemon_without_proving_a_chunk_twice() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let two_layers = ["--direct-max", "2", "--chunk-size", "2", "--keep"];
    let mut daemon = proving_demo(&state, &two_layers).stderr(Stdio::inherit()).spawn().unwrap();
    let started = Instant::now();
    while outputs(&state) < 1 {
        assert!(daemon.try_wait().unwrap().is_none(), "the demo ended");
        assert!(started.elapsed() < PATIENCE, "no chunk was proven");
        sleep(Duration::from_millis(500));
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();

    let again = proving_demo(&state, &two_layers).stderr(Stdio::inherit()).output().unwrap();
    let report = report(&again);
    assert!(report["proofs"].as_array().unwrap().iter().all(|proof| proof["included"] == true));
    assert_eq!(outputs(&state), 3, "two chunks and the run");
    let log = std::fs::read_to_string(state.join("prover.log")).unwrap();
    let mut proven: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("proven"))
        .filter_map(|line| line.split("id=").nth(1))
        .collect();
    let count = proven.len();
    proven.sort_unstable();
    proven.dedup();
    assert_eq!(proven.len(), count, "a job was proven twice");
}

/// The whole of `make demo-groth16` but for the aggregation, whose committed proof is taken: a real wrap under the machine's development
/// set-up, which a real contract verifies.
#[test]
#[ignore = "wraps for half an hour, and makes a set-up first where there is none"]
fn proving_a_demo_whose_root_ethereum_verifies_itself() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let demo = ["--groth16", "--reuse", "proofs/run/run.proof", "--no-fast-mode"];
    let report = report(&proving_demo(&state, &demo).stderr(Stdio::inherit()).output().unwrap());
    assert!(report["proofs"].as_array().unwrap().iter().all(|proof| proof["included"] == true));
    let hard = &report["hard"];
    assert_eq!((&report["guarantee"], &hard["development_key"]), (&"hard".into(), &true.into()));
    assert!(hard["since"].as_u64() > report["block"].as_u64(), "soft first: {report}");
    assert_ne!(hard["transaction"], report["transaction"]);
    assert!(hard["gas"].as_u64().unwrap() <= 330_000, "{hard}");
    assert!(report["trusted"].as_str().unwrap().contains("could forge"), "{report}");
}

/// Finished jobs in the object store of a state folder.
fn outputs(state: &Path) -> usize {
    std::fs::read_dir(state.join("objects/outputs")).map_or(0, Iterator::count)
}
