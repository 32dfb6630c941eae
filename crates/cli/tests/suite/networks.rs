//! Profiles of networks: kept, chosen, and used by every command.

use std::fs;

use alloy::primitives::B256;
use collimate_sdk::NetworkProfile;

use crate::{
    command::{code, file, json_in, start},
    network::{Network, commitments, program},
};

fn profile(name: &str) -> NetworkProfile {
    let text = format!(
        r#"{{"version":1,"name":"{name}","chain_id":31337,"rpc_url":"http://127.0.0.1:9",
        "aggregation_service":"0x5FbDB2315678afecb367f032d93F642f64180aa3"}}"#
    );
    NetworkProfile::from_json(&text).unwrap()
}

#[test]
fn profiles_are_added_listed_shown_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let home = file(folder.path(), "home");
    let environment = [("COLLIMATE_HOME", home.as_str())];
    let ask = |arguments: &[&str], exit: i32| json_in(&environment, arguments, exit);

    assert_eq!(ask(&["network", "list"], 0)["networks"].as_array().unwrap().len(), 0);
    assert_eq!(code(&ask(&["network", "show"], 2)), "CLI-004");
    assert_eq!(code(&ask(&["network", "use", "devnet"], 2)), "CLI-012");

    let source = file(folder.path(), "network.json");
    profile("devnet").write(source.as_ref()).unwrap();
    assert_eq!(ask(&["network", "add", &source], 0)["name"], "devnet");
    assert_eq!(ask(&["network", "add", &source], 0)["name"], "devnet", "the same again");
    assert_eq!(ask(&["network", "add", &source, "--name", "other"], 0)["name"], "other");
    let changed = NetworkProfile { first_block: 7, ..profile("devnet") };
    changed.write(source.as_ref()).unwrap();
    assert_eq!(code(&ask(&["network", "add", &source], 2)), "CLI-013");
    assert_eq!(ask(&["network", "show", "devnet"], 0)["first_block"], 0);
    ask(&["network", "add", &source, "--replace"], 0);
    assert_eq!(ask(&["network", "show", "devnet"], 0)["first_block"], 7);

    // Chosen by option, by environment, by use; a path is a file.
    ask(&["network", "use", "devnet"], 0);
    let list = ask(&["network", "list"], 0);
    assert_eq!(list["in_use"], "devnet");
    assert_eq!(list["networks"].as_array().unwrap().len(), 2);
    assert_eq!(ask(&["network", "show"], 0)["name"], "devnet");
    assert_eq!(ask(&["network", "show", "--network", "other"], 0)["name"], "other");
    assert_eq!(ask(&["--network", &source, "network", "show"], 0)["first_block"], 7);
    let named = [environment[0], ("COLLIMATE_NETWORK", "other")];
    assert_eq!(json_in(&named, &["network", "show"], 0)["name"], "other");

    for name in ["../devnet", ".", "a b"] {
        assert_eq!(start(&environment, &["network", "use", name]).status.code(), Some(2), "{name}");
    }
    fs::write(&source, "{}").unwrap();
    assert_eq!(code(&ask(&["network", "add", &source], 2)), "SDK-022");
    assert_eq!(code(&ask(&["network", "add", "nowhere.json"], 2)), "SDK-023");
}

#[test]
fn what_a_profile_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let source = file(folder.path(), "network.json");
    profile("checks-only").write(source.as_ref()).unwrap();
    let key = (
        "COLLIMATE_PRIVATE_KEY",
        "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    );
    let id = "0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e";
    let commands: [&[&str]; 6] = [
        &["quota"],
        &["deposit", "--yes"],
        &["status", id],
        &["watch", id],
        &["list"],
        &["inclusion", id],
    ];
    for command in commands {
        let answer = json_in(&[key], &[command, &["--network", &source]].concat(), 2);
        assert_eq!(code(&answer), "SDK-028", "{command:?}");
        let answer = json_in(&[key], command, 2);
        assert_eq!(code(&answer), "CLI-004", "{command:?}");
    }
}

#[tokio::test]
async fn checks_take_node_contract_and_first_block_from_the_profile() {
    let network = Network::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (transaction, root) = network.register(&commitments(0..4)).await;
    let profile = NetworkProfile::of_deployment("test", network.anvil.url(), &network.deployment);
    let source = file(folder.path(), "network.json");
    profile.write(source.as_ref()).unwrap();
    let home = file(folder.path(), "home");
    let environment = [("COLLIMATE_HOME", home.as_str())];
    let ask = |arguments: &[&str], exit: i32| json_in(&environment, arguments, exit);

    let id = program(2).to_string();
    let claim = ["verify-inclusion", "--program-id", &id, "--public-values", "0x00000002"];
    let named = ["--network", source.as_str()];
    let bundle = file(folder.path(), "bundle.json");
    let out = ["--bundle-out", bundle.as_str()];
    let found = ask(&[&claim[..], &named, &out].concat(), 0);
    assert_eq!(found["bundle"]["root"], root.to_string());
    assert_eq!(ask(&[&["verify-bundle", &bundle], &named[..]].concat(), 0)["on_chain"], true);
    let blob = ["blob", "--tx", &transaction.to_string()];
    assert_eq!(ask(&[&blob[..], &named].concat(), 0)["count"], 4);

    // Once it is in use it needs no mention.
    ask(&["network", "add", &source], 0);
    assert_eq!(ask(&["verify-bundle", &bundle], 0)["on_chain"], false);
    ask(&["network", "use", "test"], 0);
    assert_eq!(ask(&["verify-bundle", &bundle], 0)["on_chain"], true);
    assert_eq!(ask(&["verify-bundle", &bundle, "--offline"], 0)["on_chain"], false);
    assert_eq!(ask(&claim, 0)["bundle"]["root"], root.to_string());

    // Of two contracts that are named, none is guessed; a network that is only in use gives way.
    let other = network.deployment.sp1_verifier.to_string();
    let contradicting = [&claim[..], &named, &["--contract", &other]].concat();
    assert_eq!(code(&ask(&contradicting, 2)), "CLI-005");
    let elsewhere = ["blob", "--root", &B256::repeat_byte(1).to_string(), "--contract", &other];
    assert_eq!(code(&ask(&elsewhere, 2)), "CLI-004", "no node is named");
    let url = network.anvil.url();
    assert_eq!(code(&ask(&[&elsewhere[..], &["--rpc-url", &url]].concat(), 3)), "SDK-004");
}
