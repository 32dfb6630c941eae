//! The whole main job against a real node, a real database and real operators. The only thing that is
//! not done again is the proving: the committed proof of this very run is taken, and verified.

use std::time::Duration;

use crate::common::{demo, report, root, wait_for_line};

#[test]
fn real_proofs_become_one_that_ethereum_verifies_with_one_operator_absent() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let output = demo(&state, &["--absent", "2"]).output().unwrap();
    let report = report(&output);
    let proofs = report["proofs"].as_array().unwrap();
    assert_eq!(proofs.len(), 4);
    assert!(proofs.iter().all(|proof| proof["included"] == true));
    assert_eq!(report["blob_hashes"].as_array().unwrap().len(), 1);
    let fast_mode = &report["fast_mode"];
    assert_eq!(
        (fast_mode["proofs"].as_u64(), fast_mode["proving_systems"].as_u64()),
        (Some(10), Some(5))
    );
    assert_eq!(fast_mode["forged"]["refused_by"], 3);
    assert!(report["gas"].as_u64().unwrap() <= 300_000, "{}", report["gas"]);
    assert_eq!(report["guarantee"], "soft", "nobody wrapped the proof");
    assert!(!state.exists(), "the state is removed after success");
}

#[test]
fn a_killed_daemon_goes_on_and_registers_the_root_once() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    // Kill it in each phase: the phases' titles come on standard error.
    for title in ["[2/", "[3/", "[4/", "[5/", "[6/", "[7/"] {
        let mut child = demo(&state, &["--keep"]).spawn().unwrap();
        let reached = wait_for_line(&mut child, title, Duration::from_secs(120));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reached, "the demo never came to {title}");
    }
    let first = report(&demo(&state, &["--keep"]).output().unwrap());
    assert_eq!(first["proofs"].as_array().unwrap().len(), 4);
    // Once more, on the same chain: the same run, not another one.
    let again = report(&demo(&state, &[]).output().unwrap());
    assert_eq!(first["transaction"], again["transaction"]);
    assert_eq!(first["block"], again["block"]);
}

#[test]
fn a_proof_of_another_run_is_not_taken_for_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        demo(&folder.path().join("state"), &["--also", "proofs/fibonacci.proof"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("DMN-051"));
}

#[test]
fn bad_input_gets_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let garbage = folder.path().join("garbage.proof");
    std::fs::write(&garbage, b"not a proof").unwrap();
    std::fs::copy(root().join("proofs/fibonacci.vk"), garbage.with_extension("vk")).unwrap();
    let wrong_key = folder.path().join("wrong.proof");
    std::fs::copy(root().join("proofs/fibonacci.proof"), &wrong_key).unwrap();
    std::fs::copy(root().join("proofs/sha256_preimage.vk"), wrong_key.with_extension("vk"))
        .unwrap();
    let keyless = folder.path().join("keyless.proof");
    std::fs::copy(root().join("proofs/fibonacci.proof"), &keyless).unwrap();
    for (also, code) in [(&garbage, "VER-003"), (&wrong_key, "VER-007"), (&keyless, "DMN-033")] {
        let output = demo(&state, &["--also", also.to_str().unwrap()]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        let line = errors.lines().find(|line| line.starts_with("error:")).unwrap_or_default();
        assert!(line.contains(code), "expected {code} in: {errors}");
        assert!(!errors.contains("panicked"), "{errors}");
    }
    let output = demo(&state, &["--prover", "/nowhere/collimate-prover"]).output().unwrap();
    assert!(!output.status.success(), "--prover and --no-prover exclude each other");
    let output = demo(&state, &["--groth16"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains("--no-prover"), "nobody wraps: {errors}");
}
