//! The command against fast mode's real services.

use std::fs;

use serde_json::Value;

use crate::{
    command::{code, file, repository},
    fast::{ALICE_KEY, User},
    fast_network::RESPONSE_BLOCKS,
    fast_services::FastServices,
};

fn sample(extension: &str) -> String {
    repository().join(format!("proofs/fast/sudoku.{extension}")).display().to_string()
}

fn balance(user: &User) -> u128 {
    user.ask(&["account"], 0)["account"]["balance_wei"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_goes_from_its_file_to_a_contract_that_says_yes_and_is_paid_for_once() {
    let mut services = FastServices::start().await;
    let alice = User::new(&services.network, "alice", ALICE_KEY);
    let folder = services.network.folder.path().to_owned();
    let (proof, out) = (sample("proof"), file(&folder, "verified"));
    let submit = ["submit", &proof, "--system", "circom-groth16-bn254", "--yes"];
    assert_eq!(code(&alice.ask(&submit, 4)), "SDK-053", "no deposit");
    alice.ask(&["deposit", "--amount", "1eth", "--yes"], 0);
    let before = balance(&alice);

    // What the command would refuse itself gets as far as the batcher, which refuses it, and takes nothing.
    let mut bytes = fs::read(&proof).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let forged = file(&folder, "forged.proof");
    fs::write(&forged, bytes).unwrap();
    let (key, inputs) = (sample("vk"), sample("pub"));
    let beside = ["--vk", &key, "--public-inputs", &inputs, "--no-verify"];
    let forged = ["submit", &forged, "--system", "circom-groth16-bn254", "--yes"];
    assert_eq!(code(&alice.ask(&[&forged[..], &beside].concat(), 1)), "BTC-014");
    let account = &alice.ask(&["account"], 0)["account"];
    assert_eq!((&account["nonce"], balance(&alice)), (&0.into(), before));

    // Accepted; then the batcher is stopped and started again, and the same command goes on.
    let accepted = alice.ask(&submit, 0);
    services.close_batcher().await;
    services.open_batcher().await;
    let whole = alice.ask(&[&submit[..], &["--bundles", &out]].concat(), 0);
    let told = [&whole["id"], &whole["resumed"], &whole["verified"]];
    assert_eq!(told, [&accepted["id"], &Value::from(true), &Value::from(true)]);
    let bundle = format!("{out}/sudoku.verification.json");
    assert_eq!(alice.ask(&["verify", &bundle], 0)["holds"], true);
    let id = accepted["id"].as_str().unwrap();
    assert_eq!(alice.ask(&["watch", id], 0)["groups"][0]["status"], "verified");
    assert_eq!(alice.ask(&["account"], 0)["account"]["nonce"], 1);
    let paid = before - balance(&alice);
    let most: u128 = accepted["max_fee_wei"].as_str().unwrap().parse().unwrap();
    assert!(paid > 0 && paid <= most, "{paid} of at most {most}");
    // The same once more pays nothing.
    assert_eq!(alice.ask(&submit, 0)["resumed"], true);
    assert_eq!(before - balance(&alice), paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_nobody_verifies_costs_nothing_and_the_command_says_why() {
    let mut services = FastServices::start().await;
    services.close_operators().await;
    let alice = User::new(&services.network, "alice", ALICE_KEY);
    alice.ask(&["deposit", "--amount", "1eth", "--yes"], 0);
    let before = balance(&alice);
    let proof = sample("proof");
    let submit = ["submit", &proof, "--system", "circom-groth16-bn254", "--yes"];
    let id = alice.ask(&submit, 0)["id"].as_str().unwrap().to_owned();
    crate::fast_network::until("it is charged", || async {
        (balance(&alice) < before).then_some(())
    })
    .await;
    services.network.mine(u64::from(RESPONSE_BLOCKS) + 1).await;
    assert_eq!(code(&alice.ask(&["watch", &id], 1)), "BTC-070");
    assert_eq!(balance(&alice), before, "every wei is back");
}
