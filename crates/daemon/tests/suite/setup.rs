//! A service is set up on a chain that has nothing of it: contracts, an operator's key and registration, the users' profile.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use alloy::primitives::Address;
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_KEYS, development_signer},
    provider::{Timeouts, connect},
};
use collimate_contracts::{Deployment, OperatorRegistry};
use collimate_sdk::NetworkProfile;
use serde_json::Value;

use crate::common::root;

const DEPLOYER: usize = 3;
const OPERATOR: usize = 4;
const RECEIPTS: usize = 5;

/// `collimated` in a folder, with the key of a development account.
fn collimated(folder: &Path, account: usize, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_collimated"))
        .current_dir(folder)
        .args(arguments)
        .env("COLLIMATE_CONFIG", folder.join("collimated.toml"))
        .env("COLLIMATE_PRIVATE_KEY", DEVELOPMENT_KEYS[account])
        .env("RECEIPT_KEY", DEVELOPMENT_KEYS[RECEIPTS])
        .env_remove("DATABASE_URL")
        .output()
        .unwrap()
}

fn succeeds(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output, code: &str) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains(code), "{code}: {errors}");
    let mut keys = DEVELOPMENT_KEYS.iter().map(|key| key.trim_start_matches("0x"));
    assert!(!keys.any(|key| errors.contains(key)), "a key is shown: {errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_gets_contracts_an_operator_and_a_profile_for_users() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
    let url = anvil.url();
    let node = connect(&url, Timeouts::default()).unwrap();

    // Contracts.
    let deploy = ["deploy", "--rpc-url", &url];
    refused(&collimated(folder, DEPLOYER, &deploy), "DMN-060");
    let owner = development_signer(DEPLOYER).unwrap().address();
    let example = fs::read_to_string(root().join("docs/contracts.example.toml")).unwrap();
    let contracts =
        example.replace("0x70997970C51812dc3A010C7d01b50e0d17dc79C8", &owner.to_string());
    fs::write(folder.join("contracts.toml"), contracts).unwrap();
    let planned = succeeds(&collimated(folder, DEPLOYER, &[&deploy[..], &["--dry-run"]].concat()));
    assert!(planned.contains("min_stake_wei"), "{planned}");
    let file = folder.join("deployment.json");
    assert!(!file.exists(), "a dry run leaves nothing");
    let printed = succeeds(&collimated(folder, DEPLOYER, &deploy));
    let deployment: Deployment = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Deployment>(&printed).unwrap(), deployment);
    refused(&collimated(folder, DEPLOYER, &deploy), "DMN-090");
    assert_eq!(
        serde_json::from_slice::<Deployment>(&fs::read(&file).unwrap()).unwrap(),
        deployment
    );

    // An operator.
    fs::write(folder.join("password"), "a password\n").unwrap();
    let new_key = ["operator", "new-key", "operator.json", "--password-file", "password"];
    succeeds(&collimated(folder, OPERATOR, &new_key));
    refused(&collimated(folder, OPERATOR, &new_key), "ATT-009");
    let operator = development_signer(OPERATOR).unwrap().address();
    let config = format!(
        "deployment = 'deployment.json'\n[chain]\nrpc_url = '{url}'\nconfirmations = 3\n\
         [gateway]\nlisten = '127.0.0.1:0'\nkey.environment.variable = 'RECEIPT_KEY'\n\
         [operator]\naccount = '{operator}'\nkeystore = 'operator.json'\npassword_file = 'password'\n\
         listen = '127.0.0.1:0'\njournal = 'journal'\n"
    );
    fs::write(folder.join("collimated.toml"), config).unwrap();
    let register = ["operator", "register", "--stake", "32"];
    refused(&collimated(folder, DEPLOYER, &register), "DMN-093");
    let registered = succeeds(&collimated(folder, OPERATOR, &register));
    assert!(registered.contains("32") && registered.contains("next epoch"), "{registered}");
    let registry = OperatorRegistry::new(deployment.registry.unwrap(), &node);
    let id = registry.activeId(operator).call().await.unwrap();
    let stored = registry.operator(id).call().await.unwrap();
    assert_eq!((stored.account, stored.stake), (operator, 32 * 10_u128.pow(18)));
    assert!(succeeds(&collimated(folder, OPERATOR, &register)).contains("before"));

    // What is there is what the check looks for.
    let checked = collimated(folder, OPERATOR, &["config", "check", "--json"]);
    let checked: Value = serde_json::from_str(&succeeds(&checked)).unwrap();
    assert!(checked["findings"].as_array().unwrap().len() > 6, "{checked}");

    // A profile.
    let profile = [
        "profile",
        "--name",
        "test",
        "--rpc-url",
        "https://node.example",
        "--gateway-url",
        "https://gateway.example",
    ];
    succeeds(&collimated(folder, OPERATOR, &profile));
    let profile = NetworkProfile::read(&folder.join("network.json")).unwrap();
    assert_eq!(profile.receipt_signer, Some(development_signer(RECEIPTS).unwrap().address()));
    assert_eq!(
        (profile.aggregation_service, profile.payment_service),
        (deployment.service, deployment.payments)
    );
    assert_eq!(profile.payment_confirmations, Some(3));
    assert_eq!(profile.gateway_url.as_deref(), Some("https://gateway.example"));
    let fast_mode = profile.fast_mode.unwrap();
    assert_ne!(fast_mode.service_manager, Address::ZERO);
    assert_eq!(fast_mode.batcher, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_without_operators_are_checked_for_the_circuit_key_that_proofs_are_wrapped_under()
{
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
    let url = anvil.url();
    let published = root().join("contracts/test/data/sp1-groth16-v6.1.0.json");
    fs::copy(published, folder.join("key.json")).unwrap();
    let owner = development_signer(DEPLOYER).unwrap().address();
    let contracts = format!(
        "owner = '{owner}'\nhard_verifier.groth16 = 'key.json'\n\
         [payments]\ndelay_seconds = 60\nprice_eth = '0.001'\nvalidity_seconds = 86400\ndaily_cap = 100\n"
    );
    fs::write(folder.join("contracts.toml"), contracts).unwrap();
    let deployed = collimated(folder, DEPLOYER, &["deploy", "--rpc-url", &url]);
    let deployment: Deployment = serde_json::from_str(&succeeds(&deployed)).unwrap();
    assert_eq!(deployment.hard_verifier, Some(deployment.sp1_verifier));
    assert_eq!((deployment.registry, deployment.fast_mode), (None, None));

    let find = |hard: &str, what: &str| {
        let config = format!(
            "deployment = 'deployment.json'\n[chain]\nrpc_url = '{url}'\n\
             [aggregator]\nkey.environment.variable = 'RECEIPT_KEY'\nprover_url = 'http://127.0.0.1:9'\n{hard}"
        );
        fs::write(folder.join("collimated.toml"), config).unwrap();
        // It fails: there is no prover.
        let checked = collimated(folder, OPERATOR, &["config", "check", "--json"]);
        let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
        let findings = checked["findings"].as_array().unwrap();
        let found = findings.iter().find(|found| found["what"] == what).unwrap();
        (found["good"].as_bool().unwrap(), found["detail"].to_string())
    };
    let (good, detail) = find("", "aggregator.operators");
    assert!(!good && detail.contains("DMN-021"), "{detail}");
    let (good, detail) = find("[aggregator.hard]\n", "aggregator.operators");
    assert!(good, "{detail}");
    let (good, detail) = find("[aggregator.hard]\n", "aggregator.hard");
    assert!(good && detail.contains("published"), "{detail}");
    fs::write(folder.join("other.bin"), "the key of another set-up").unwrap();
    let (good, detail) = find("[aggregator.hard]\ncircuit_key = 'other.bin'\n", "aggregator.hard");
    assert!(!good && detail.contains("DMN-023"), "{detail}");
}
