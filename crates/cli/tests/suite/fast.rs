//! Fast mode with the command alone, on the real contracts: an account with a batcher, and a batch of one's own from files to `isVerified`.

use std::fs;

use alloy::primitives::{U256, aliases::U96};
use collimate_sdk::{FastTask, NetworkProfile};
use serde_json::Value;

use crate::{
    command::{code, file, json_in, repository},
    fast_network::{ALICE, BATCHER, FastNetwork, UNLOCK_DELAY, account},
};

/// Keys of the development accounts `ALICE` and 5: no secrets.
const ALICE_KEY: &str = "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356";
const FRIEND_KEY: &str = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";

/// One user's command: a home of their own, and the network's profile.
struct User {
    home: String,
    network: String,
    key: &'static str,
}

impl User {
    fn new(network: &FastNetwork, name: &str, key: &'static str) -> Self {
        Self { home: file(network.folder.path(), name), network: network.profile_file(), key }
    }

    fn ask(&self, arguments: &[&str], exit: i32) -> Value {
        let environment = [
            ("COLLIMATE_HOME", self.home.as_str()),
            ("COLLIMATE_NETWORK", self.network.as_str()),
            ("COLLIMATE_PRIVATE_KEY", self.key),
        ];
        let arguments = [&["fast"], arguments].concat();
        tokio::task::block_in_place(|| json_in(&environment, &arguments, exit))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_paid_into_shown_unlocked_and_withdrawn_from() {
    let network = FastNetwork::start().await;
    let alice = User::new(&network, "alice", ALICE_KEY);
    // As JSON has addresses: without the checksum in their letters' case.
    let text = |number| account(number).to_string().to_lowercase();
    let (address, batcher) = (text(ALICE), text(BATCHER));
    let empty = alice.ask(&["account"], 0);
    assert_eq!(empty["account"]["user"], address.as_str(), "the key is Alice's");
    assert_eq!(empty["account"]["batcher"], batcher.as_str());
    assert_eq!(
        (&empty["account"]["balance_wei"], &empty["account"]["state"]),
        (&"0".into(), &"locked".into())
    );

    assert_eq!(
        code(&alice.ask(&["deposit", "--amount", "0.05eth"], 2)),
        "CLI-004",
        "nobody consents"
    );
    let looked = alice.ask(&["deposit", "--amount", "0.05eth", "--dry-run"], 0);
    assert_eq!(looked["deposit"], Value::Null);
    assert_eq!(code(&alice.ask(&["deposit", "--amount", "999999eth", "--yes"], 4)), "CHN-021");
    let paid = alice.ask(&["deposit", "--amount", "0.05eth", "--yes"], 0);
    assert_eq!(paid["deposit"]["amount_wei"], "50000000000000000");
    assert_eq!(paid["account"]["balance_wei"], "50000000000000000");
    let friend = User::new(&network, "friend", FRIEND_KEY);
    let gift = friend.ask(&["deposit", "--amount", "7wei", "--for", &address, "--yes"], 0);
    assert_eq!(gift["deposit"]["user"], address.as_str());

    assert_eq!(code(&alice.ask(&["withdraw"], 4)), "SDK-053");
    let unlocking = alice.ask(&["unlock"], 0);
    assert_eq!(unlocking["account"]["state"], "unlocking");
    assert_eq!(unlocking["unlock_delay_seconds"], UNLOCK_DELAY);
    assert_eq!(alice.ask(&["lock"], 0)["account"]["state"], "locked");
    assert_eq!(code(&alice.ask(&["lock"], 4)), "SDK-053");
    alice.ask(&["unlock"], 0);
    network.pass(UNLOCK_DELAY + 1).await;
    assert_eq!(alice.ask(&["account"], 0)["account"]["state"], "unlocked");
    let some = alice.ask(&["withdraw", "--amount", "0.01eth"], 0);
    assert_eq!(some["withdrawal"]["amount_wei"], "10000000000000000");
    let rest = alice.ask(&["withdraw", "--to", &batcher], 0);
    assert_eq!(rest["withdrawal"]["receiver"], batcher.as_str());
    assert_eq!(rest["account"]["balance_wei"], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_ones_own_from_files_to_a_contract_that_says_yes() {
    let mut network = FastNetwork::start().await;
    let aggregator = network.start_aggregator().await;
    let fast = network.profile.fast_mode.as_mut().unwrap();
    fast.signature_aggregators = vec![aggregator.clone()];
    let alice = User::new(&network, "alice", ALICE_KEY);
    let proofs = repository().join("proofs");
    let proof = |name: &str| proofs.join(format!("{name}.proof")).display().to_string();
    let (one, two) = (proof("fibonacci"), proof("sha256_preimage"));
    let (store, out) = (network.store(), file(network.folder.path(), "batch"));
    // Nothing is paid for the response: the aggregator does not send it, Alice does.
    let create =
        ["create-batch", &one, &two, "--store", &store, "--fee-limit", "0wei", "--out", &out];
    let looked = alice.ask(&[&create[..], &["--dry-run"]].concat(), 0);
    assert_eq!((&looked["task"], &looked["proofs"]), (&Value::Null, &2.into()));
    assert!(!fs::exists(&out).unwrap(), "nothing is written of what is not there");
    assert_eq!(code(&alice.ask(&create, 2)), "CLI-004", "nobody consents");
    let dead = [&create[..], &["--mirror", "http://127.0.0.1:9", "--yes"]].concat();
    assert_eq!(code(&alice.ask(&dead, 3)), "SDK-064");
    let created = alice.ask(&[&create[..], &["--yes", "--no-wait"]].concat(), 0);
    assert_eq!(created["batch_root"], looked["batch_root"]);
    assert_eq!(created["verified"], Value::Null);
    assert_eq!(created["files"].as_array().unwrap().len(), 3);

    let task_file = format!("{out}/task.json");
    let bundle = format!("{out}/fibonacci.verification.json");
    let other = format!("{out}/sha256_preimage.verification.json");
    let task = FastTask::from_json(&fs::read_to_string(&task_file).unwrap()).unwrap();
    assert_eq!(alice.ask(&["task", &task_file], 5)["status"], "open");
    assert_eq!(code(&alice.ask(&["verify", &bundle], 5)), "SDK-057");
    assert_eq!(alice.ask(&["verify", &bundle, "--offline"], 0)["on_chain"], false);
    assert_eq!(code(&alice.ask(&["respond", &task_file], 5)), "SDK-063");

    let (systems, contract_task) = (U96::from(1), task.to_contract());
    network.send_signatures(&aggregator, &contract_task, systems, &[0, 2, 3]).await;
    let responded = alice.ask(&["respond", &task_file], 0);
    assert_eq!(responded["task_id"], task.task_id.to_string());
    assert_eq!(alice.ask(&["task", &task.task_id.to_string()], 0)["status"], "verified");
    let verified = alice.ask(&["verify", &bundle, &other], 0);
    assert_eq!((&verified["holds"], &verified["on_chain"]), (&true.into(), &true.into()));
    assert!(verified["verified"][0]["block"].as_u64().unwrap() > u64::from(task.created_block));

    // One that was altered is named, and the other holds all the same.
    let text = fs::read_to_string(&bundle).unwrap();
    let mut altered: Value = serde_json::from_str(&text).unwrap();
    altered["public_inputs"] = "0x00".into();
    fs::write(&bundle, altered.to_string()).unwrap();
    assert_eq!(code(&alice.ask(&["verify", &bundle], 1)), "SDK-055");
    let mixed = alice.ask(&["verify", &bundle, &other], 1);
    assert_eq!((&mixed["holds"], code(&mixed["failed"][0])), (&false.into(), "SDK-055"));
    assert_eq!(mixed["verified"].as_array().unwrap().len(), 1);
    fs::write(&bundle, "{}").unwrap();
    assert_eq!(code(&alice.ask(&["verify", &bundle], 2)), "SDK-054");
    assert_eq!(code(&alice.ask(&["reclaim", &task_file], 4)), "SDK-053", "nothing was paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_response_did_not_cost_is_reclaimed_by_file_or_by_root() {
    let network = FastNetwork::start().await;
    let alice = User::new(&network, "alice", ALICE_KEY);
    let proof = repository().join("proofs/fibonacci.proof").display().to_string();
    let (store, out) = (network.store(), file(network.folder.path(), "batch"));
    let create = [
        "create-batch",
        &proof,
        "--store",
        &store,
        "--fee-limit",
        "0.01eth",
        "--out",
        &out,
        "--yes",
        "--no-wait",
    ];
    alice.ask(&create, 0);
    let task_file = format!("{out}/task.json");
    let task = FastTask::from_json(&fs::read_to_string(&task_file).unwrap()).unwrap();
    assert_eq!(code(&alice.ask(&["reclaim", &task_file], 4)), "SDK-053", "it is open");
    network.answer(&task.to_contract(), U96::from(1), &[0, 1, 2, 3]).await;
    let status = alice.ask(&["task", &task_file, "--timeout", "5"], 0);
    let friend = User::new(&network, "friend", FRIEND_KEY);
    assert_eq!(code(&friend.ask(&["reclaim", &task_file], 4)), "SDK-053", "it is not theirs");
    let root = task.batch_root.to_string();
    assert_eq!(code(&friend.ask(&["reclaim", "--root", &root], 2)), "SDK-060");
    fs::remove_file(&task_file).unwrap();
    let reclaimed = alice.ask(&["reclaim", "--root", &root], 0);
    assert_eq!(reclaimed["reclaimed"][0]["amount_wei"], status["unspent_wei"]);
    assert_eq!(reclaimed["reclaimed"][0]["verified"], true);
    let unspent: U256 = status["unspent_wei"].as_str().unwrap().parse().unwrap();
    assert!(unspent > U256::ZERO && unspent < U256::from(10_000_000_000_000_000_u128));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_that_do_not_hold_or_lack_a_part_are_refused_before_anything_is_stored() {
    let network = FastNetwork::start().await;
    let alice = User::new(&network, "alice", ALICE_KEY);
    let proofs = repository().join("proofs");
    let good = proofs.join("fibonacci.proof").display().to_string();
    let key = proofs.join("fibonacci.vk").display().to_string();
    let store = file(network.folder.path(), "store");
    let end = ["--store", store.as_str(), "--fee-limit", "1wei", "--yes"];
    let create = |arguments: &[&str], exit: i32| {
        alice.ask(&[&["create-batch"], arguments, &end[..]].concat(), exit)
    };
    let mut bytes = fs::read(&good).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let bad = file(network.folder.path(), "bad.proof");
    fs::write(&bad, &bytes).unwrap();
    assert!(code(&create(&[&bad, "--vk", &key], 1)).starts_with("VER-"));
    assert_eq!(code(&create(&[&bad], 2)), "CLI-006", "no key beside it");
    assert_eq!(code(&create(&[&good, "--system", "risc0-succinct"], 2)), "CLI-004");
    assert_eq!(code(&create(&[&good, "--no-verify"], 2)), "SDK-051");
    let list = file(network.folder.path(), "list.json");
    fs::write(&list, r#"[{"system": "no-such", "proof": "a", "vk": "b"}]"#).unwrap();
    assert_eq!(code(&create(&["--list", &list], 2)), "CLI-003");
    fs::write(&list, r#"[{"system": "sp1-groth16", "proof": "a"}]"#).unwrap();
    assert_eq!(code(&create(&["--list", &list], 2)), "CLI-003");
    assert!(!fs::exists(&store).unwrap());
}

#[test]
fn what_a_profile_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let source = file(folder.path(), "network.json");
    let text = r#"{"version":1,"name":"checks","chain_id":31337,"rpc_url":"http://127.0.0.1:9",
        "aggregation_service":"0x5FbDB2315678afecb367f032d93F642f64180aa3"}"#;
    NetworkProfile::from_json(text).unwrap().write(source.as_ref()).unwrap();
    let key = ("COLLIMATE_PRIVATE_KEY", ALICE_KEY);
    let id = "0x3f5c4b1a3f5c4b1a3f5c4b1a3f5c4b1a3f5c4b1a3f5c4b1a3f5c4b1a3f5c4b1a";
    let commands: [&[&str]; 8] = [
        &["fees"],
        &["account"],
        &["deposit", "--amount", "1wei", "--yes"],
        &["unlock"],
        &["withdraw"],
        &["status", id],
        &["watch", id],
        &["task", id],
    ];
    for command in commands {
        let command = [&["fast"], command].concat();
        let answer = json_in(&[key], &[&command[..], &["--network", &source]].concat(), 2);
        assert_eq!(code(&answer), "SDK-028", "{command:?}");
        assert_eq!(code(&json_in(&[key], &command, 2)), "CLI-004", "{command:?}");
    }
}
