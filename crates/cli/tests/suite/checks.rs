//! Checks on the user's own machine: what the real command prints against a real node, and how it exits.

use std::{fs, path::Path};

use alloy::primitives::{B256, Bytes};
use collimate_core::Commitment;
use serde_json::Value;

use crate::{
    command::{code, collimate, file, json, real_proof},
    network::{Network, commitments, program},
};

/// Writes the deployment as `collimated devnet` does.
fn deployment_file(network: &Network, folder: &Path) -> String {
    let path = folder.join("deployment.json");
    fs::write(&path, serde_json::to_vec(&network.deployment).unwrap()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_real_proof_is_verified_with_the_key_beside_it_and_damaged_ones_are_not() {
    let Some(proof) = real_proof() else { return };
    let verified = json(&["verify", &proof], 0);
    assert_eq!(verified["holds"], true);
    let key = proof.replace(".proof", ".vk");
    let named = json(&["program-id", &key], 0);
    assert_eq!(verified["program_id"], named["program_id"]);
    let words = json(&["program-id", named["program_id"].as_str().unwrap()], 0);
    assert_eq!(words, named);

    let values: Bytes = verified["public_values"].as_str().unwrap().parse().unwrap();
    let id = verified["program_id"].as_str().unwrap();
    let commitment = Commitment::new(&values, &id.parse().unwrap());
    assert_eq!(verified["commitment"], commitment.to_string());
    assert_eq!(verified["leaf"], B256::from(commitment.leaf()).to_string());
    json(&["verify", &proof, "--program-id", id, "--public-values", &values.to_string()], 0);

    let folder = tempfile::tempdir().unwrap();
    let other = program(5).to_string();
    assert_eq!(code(&json(&["verify", &proof, "--program-id", &other], 1)), "VER-007");
    assert_eq!(code(&json(&["verify", &proof, "--public-values", "0x00"], 1)), "VER-008");
    assert_eq!(code(&json(&["verify", &proof, "--public-values", "0x0"], 2)), "CLI-003");
    assert_eq!(code(&json(&["verify", &proof, "--vk", &proof], 2)), "CLI-002");

    let bytes = fs::read(&proof).unwrap();
    let damaged = |name: &str, bytes: &[u8]| {
        let path = file(folder.path(), name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let truncated = damaged("truncated", &bytes[..1000]);
    assert_eq!(code(&json(&["verify", &truncated, "--vk", &key], 1)), "VER-003");
    let empty = damaged("empty", &[]);
    assert_eq!(code(&json(&["verify", &empty, "--vk", &key], 1)), "VER-001");
    let huge = damaged("huge", &vec![0; 100 << 20]);
    assert_eq!(code(&json(&["verify", &huge, "--vk", &key], 1)), "VER-002");
    assert_eq!(code(&json(&["verify", &truncated], 2)), "CLI-006");
    assert_eq!(
        code(&json(&["verify", &file(folder.path(), "nowhere"), "--vk", &key], 2)),
        "CLI-001"
    );
}

#[tokio::test]
async fn inclusion_of_a_real_proof_is_shown_from_nothing_but_its_file() {
    let Some(proof) = real_proof() else { return };
    let network = Network::start().await;
    let folder = tempfile::tempdir().unwrap();
    let deployment = deployment_file(&network, folder.path());
    let url = network.anvil.url();
    let chain = ["--rpc-url", &url, "--deployment", &deployment];
    let ask = |arguments: &[&str], exit: i32| json(&[arguments, &chain].concat(), exit);

    // Before it is aggregated, it is not included.
    assert_eq!(code(&ask(&["verify-inclusion", "--proof", &proof], 1)), "SDK-016");

    let verified = json(&["verify", &proof], 0);
    let commitment: Commitment = verified["commitment"].as_str().unwrap().parse().unwrap();
    let mut run = commitments(0..4);
    run.push(commitment);
    let (transaction, root) = network.register(&run).await;
    network.register(&commitments(30..33)).await;
    let (transaction, root) = (transaction.to_string(), root.to_string());

    let bundle = file(folder.path(), "bundle.json");
    let found = ask(&["verify-inclusion", "--proof", &proof, "--bundle-out", &bundle], 0);
    assert_eq!(found["holds"], true);
    assert_eq!(found["included"], true);
    assert_eq!(found["altered_public_values"], false);
    assert_eq!(found["other_program"], false);
    assert_eq!(found["root_rebuilt"], true);
    assert_eq!(found["proof_verified"], true);
    assert_eq!(found["index"], 4);
    assert_eq!(found["bundle"]["root"], root);

    for run in [["--root", &root], ["--tx", &transaction]] {
        let named = ask(&[&["verify-inclusion", "--proof", &proof], &run[..]].concat(), 0);
        assert_eq!(named["bundle"], found["bundle"]);
    }
    let id = verified["program_id"].as_str().unwrap();
    let values = verified["public_values"].as_str().unwrap();
    let claim = ["verify-inclusion", "--program-id", id, "--public-values", values];
    let path: Vec<_> = found["bundle"]["path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hash| hash.as_str().unwrap())
        .collect();
    let path = path.join(",");
    let with_path = ask(&[&claim[..], &["--path", &path, "--no-blob"]].concat(), 0);
    assert_eq!(with_path["root_rebuilt"], false);
    assert_eq!(with_path["bundle"], found["bundle"]);
    assert_eq!(ask(&["verify-inclusion", "--bundle", &bundle], 0)["root_rebuilt"], true);

    // The operators' word and the proof itself are told apart.
    let hard = ask(&["verify-inclusion", "--bundle", &bundle, "--no-blob", "--hard"], 0);
    assert_eq!(hard["hard_since"], hard["bundle"]["block_number"]);
    let two = Network::with_two_guarantees().await;
    two.register(&run).await;
    let other = file(folder.path(), "two.json");
    fs::write(&other, serde_json::to_string(&two.deployment).unwrap()).unwrap();
    let (url_of_two, path_of_two) = (two.anvil.url(), format!("--path={path}"));
    let of_two = ["--rpc-url", &url_of_two, "--deployment", &other, &path_of_two, "--no-blob"];
    assert_eq!(json(&[&claim[..], &of_two].concat(), 0)["included"], true);
    let hard_of_two = [&claim[..], &of_two, &["--hard"]].concat();
    assert_eq!(code(&json(&hard_of_two, 5)), "CLI-017");
    two.harden(&run, false).await;
    assert!(json(&hard_of_two, 0)["hard_since"].is_u64());

    // Bundles: alone, against the contract, and altered.
    assert_eq!(json(&["verify-bundle", &bundle], 0)["on_chain"], false);
    assert_eq!(ask(&["verify-bundle", &bundle], 0)["on_chain"], true);
    assert_eq!(ask(&["verify-bundle", &bundle, "--offline"], 0)["on_chain"], false);
    let no_contract = json(&["verify-bundle", &bundle, "--rpc-url", &url], 2);
    assert_eq!(code(&no_contract), "CLI-004", "the bundle's own contract is not trusted");
    let altered = fs::read_to_string(&bundle).unwrap().replace(values, &format!("{values}00"));
    let altered_file = file(folder.path(), "altered.json");
    fs::write(&altered_file, altered).unwrap();
    assert_eq!(code(&json(&["verify-bundle", &altered_file], 1)), "SDK-017");
    assert_eq!(code(&json(&["verify-bundle", &proof], 2)), "CLI-002");
    assert_eq!(code(&json(&["verify-bundle", &deployment], 2)), "SDK-021");
}

#[tokio::test]
async fn false_claims_of_inclusion_exit_with_one() {
    let network = Network::start().await;
    let url = network.anvil.url();
    let contract = network.deployment.service.to_string();
    let (_, root) = network.register(&commitments(0..4)).await;
    let (_, other_root) = network.register(&commitments(4..8)).await;
    let root = root.to_string();
    let ask = |arguments: &[&str], exit: i32| {
        let chain = ["verify-inclusion", "--rpc-url", &url, "--contract", &contract];
        json(&[&chain, arguments].concat(), exit)
    };
    let id = program(2).to_string();
    let claim = ["--program-id", &id, "--public-values", "0x00000002"];
    assert_eq!(ask(&[&claim[..], &["--root", &root]].concat(), 0)["holds"], true);

    let other_root = other_root.to_string();
    assert_eq!(code(&ask(&[&claim[..], &["--root", &other_root]].concat(), 1)), "SDK-014");
    let unregistered = B256::repeat_byte(1).to_string();
    assert_eq!(code(&ask(&[&claim[..], &["--root", &unregistered]].concat(), 1)), "SDK-002");
    let elsewhere = ["--path", &unregistered, "--no-blob"];
    assert_eq!(code(&ask(&[&claim[..], &elsewhere].concat(), 1)), "SDK-002");
    let misled = ["--path", &unregistered, "--no-blob", "--root", &root];
    assert_eq!(code(&ask(&[&claim[..], &misled].concat(), 1)), "CLI-011");
    let values = ["--program-id", &id, "--public-values", "0x00000003", "--root", &root];
    assert_eq!(code(&ask(&values, 1)), "SDK-014");

    // Wrong usage.
    assert_eq!(code(&ask(&claim, 2)), "CLI-004");
    assert_eq!(code(&ask(&["--program-id", &id, "--root", &root], 2)), "CLI-004");
    assert_eq!(code(&ask(&[&claim[..], &["--root", &root, "--no-blob"]].concat(), 2)), "CLI-004");
    assert_eq!(code(&ask(&[&claim[..], &["--path", "0x12"]].concat(), 2)), "CLI-003");
    // Which of two contracts is meant is not guessed.
    let folder = tempfile::tempdir().unwrap();
    let deployment = deployment_file(&network, folder.path());
    let nowhere = network.deployment.sp1_verifier.to_string();
    let conflict = ["blob", "--root", &root, "--rpc-url", &url, "--deployment", &deployment];
    assert_eq!(code(&json(&[&conflict[..], &["--contract", &nowhere]].concat(), 2)), "CLI-005");
}

#[tokio::test]
async fn blobs_are_fetched_checked_written_and_read_again() {
    let network = Network::start().await;
    let url = network.anvil.url();
    let contract = network.deployment.service.to_string();
    let chain = ["--rpc-url", &url, "--contract", &contract];
    let published = commitments(0..3_969);
    let (transaction, root) = network.register(&published).await;
    let folder = tempfile::tempdir().unwrap();
    let out = file(folder.path(), "run.blobs");
    let (transaction, root) = (transaction.to_string(), root.to_string());

    let fetched = json(&[&["blob", "--tx", &transaction, "--out", &out], &chain[..]].concat(), 0);
    assert_eq!(fetched["count"], 3_969);
    assert_eq!(fetched["root"], root);
    assert_eq!(fetched["commitments"].as_array().unwrap().len(), 3_969);
    assert_eq!(fetched["commitments"][3_968], published[3_968].to_string());
    assert_eq!(fetched["run"]["transaction"], transaction);
    assert_eq!(fs::metadata(&out).unwrap().len(), 2 * 131_072);

    let decoded = json(&["blob", "--file", &out], 0);
    for field in ["count", "root", "commitments", "blob_hashes"] {
        assert_eq!(decoded[field], fetched[field], "{field}");
    }
    assert_eq!(decoded["run"], Value::Null);
    let beacon = ["blob", "--root", &root, "--beacon-url", &url];
    assert_eq!(json(&[&beacon[..], &chain].concat(), 0), fetched);
    let compared = ["blob", "--root", &root, "--file", &out];
    assert_eq!(json(&[&compared[..], &chain].concat(), 0), fetched);

    // A flipped bit in a file is noticed by the chain's hash.
    let mut bytes = fs::read(&out).unwrap();
    bytes[5] ^= 1;
    fs::write(&out, &bytes).unwrap();
    assert_eq!(code(&json(&[&compared[..], &chain].concat(), 1)), "SDK-011");
    fs::write(&out, &bytes[1..]).unwrap();
    assert_eq!(code(&json(&["blob", "--file", &out], 2)), "CLI-003");
    fs::write(&out, vec![0; 131_072]).unwrap();
    assert_eq!(code(&json(&["blob", "--file", &out], 2)), "CLI-003");
    assert_eq!(code(&json(&["blob"], 2)), "CLI-004");
}

#[tokio::test]
async fn node_chain_and_contract_that_do_not_fit_exit_with_three() {
    let network = Network::start().await;
    let url = network.anvil.url();
    let root = B256::repeat_byte(1).to_string();
    let service = network.deployment.service.to_string();
    let nobody = "0x0505050505050505050505050505050505050505";
    let blob = |rest: &[&str], exit: i32| json(&[&["blob", "--root", &root], rest].concat(), exit);

    let away = blob(&["--rpc-url", "http://127.0.0.1:9/s3cret", "--contract", &service], 3);
    assert_eq!(code(&away), "CHN-001");
    assert!(!away.to_string().contains("s3cret"));
    assert_eq!(code(&blob(&["--rpc-url", &url, "--contract", nobody], 3)), "SDK-003");
    let verifier = network.deployment.sp1_verifier.to_string();
    assert_eq!(code(&blob(&["--rpc-url", &url, "--contract", &verifier], 3)), "SDK-004");
    assert_eq!(code(&blob(&["--rpc-url", "localhost:8545", "--contract", &service], 2)), "CHN-004");
    assert_eq!(code(&blob(&["--contract", &service], 2)), "CLI-004");
    assert_eq!(code(&blob(&["--rpc-url", &url], 2)), "CLI-004");

    let folder = tempfile::tempdir().unwrap();
    let mut other_chain = network.deployment.clone();
    other_chain.chain_id = 1;
    let path = file(folder.path(), "mainnet.json");
    fs::write(&path, serde_json::to_vec(&other_chain).unwrap()).unwrap();
    assert_eq!(code(&blob(&["--rpc-url", &url, "--deployment", &path], 3)), "CHN-003");
    fs::write(&path, "{}").unwrap();
    assert_eq!(code(&blob(&["--rpc-url", &url, "--deployment", &path], 2)), "CLI-003");
}

#[test]
fn malformed_arguments_exit_with_two_and_say_why_on_stderr() {
    let cases: [&[&str]; 6] = [
        &[],
        &["verify"],
        &["frobnicate"],
        &["verify-inclusion", "--program-id", "0x12"],
        &["blob", "--root", "0x12"],
        &["blob", "--contract", "nobody"],
    ];
    for arguments in cases {
        let output = collimate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
        // A script is told the same as everywhere else.
        let answer = json(arguments, 2);
        assert_eq!(code(&answer), "CLI-018", "{arguments:?}");
    }
    let unknown = json(&["quota", "--frobnicate"], 2);
    assert!(unknown["error"]["message"].as_str().unwrap().contains("--frobnicate"), "{unknown}");
    assert!(collimate(&["--json", "--help"]).status.success());
    assert_eq!(code(&json(&["program-id", "0x12"], 2)), "CLI-003");
    let no_key = format!("0x{}", "ff".repeat(32));
    assert_eq!(code(&json(&["program-id", &no_key], 2)), "VER-010");
}

#[test]
fn people_get_lines_on_stdout_and_progress_on_stderr() {
    let Some(proof) = real_proof() else { return };
    let output = collimate(&["verify", &proof]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.lines().any(|line| line.starts_with("program id ")), "{stdout}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("verifying"));
    assert!(collimate(&["verify", &proof, "--quiet"]).stderr.is_empty());
}

#[test]
fn completions_are_a_script() {
    let output = collimate(&["completions", "bash"]);
    assert!(output.status.success());
    let script = String::from_utf8(output.stdout).unwrap();
    assert!(script.contains("verify-inclusion"));
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let output = collimate(&["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("verify-inclusion"), "{shell}");
    }
    let as_json = json(&["completions", "bash"], 0);
    assert_eq!(as_json["script"].as_str().unwrap().trim_end(), script.trim_end());
}
