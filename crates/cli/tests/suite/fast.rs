//! Fast mode with the command alone, on the real contracts: an account with a batcher, and a batch of one's own from files to `isVerified`.

use std::fs;

use alloy::primitives::{B256, U256, aliases::U96};
use collimate_api::fast::{
    BatchAnswer, BatchStatus, FeesAnswer, GroupAnswer, GroupStatus, VerificationData, Wei, group,
};
use collimate_batch::auxiliary_commitment;
use collimate_contracts::fast_mode::task_id;
use collimate_sdk::{
    ExpectedBatcher, FastProof, FastTask, NetworkProfile, ProofGroup, SignedGroup,
    fast::{KeyFile, ProofFiles, ProofSystemId},
};
use serde_json::Value;

use crate::{
    command::{code, file, json_in, repository},
    fake_batcher::{FakeBatcher, GROUPS, answer},
    fake_gateway::Answer,
    fast_network::{ALICE, BATCHER, FastNetwork, UNLOCK_DELAY, account, on_chain, signer},
};

/// Keys of the development accounts `ALICE` and 5: no secrets.
pub(crate) const ALICE_KEY: &str =
    "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356";
const FRIEND_KEY: &str = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";

/// One user's command: a home of their own, and the network's profile.
pub(crate) struct User {
    home: String,
    network: String,
    key: &'static str,
}

impl User {
    pub(crate) fn new(network: &FastNetwork, name: &str, key: &'static str) -> Self {
        Self { home: file(network.folder.path(), name), network: network.profile_file(), key }
    }

    pub(crate) fn ask(&self, arguments: &[&str], exit: i32) -> Value {
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

/// What a batch with nobody else in it costs, in wei.
const INSTANT_FEE: u128 = 2_000_000_000_000_000;

/// A proof of Alice's, as the command describes it.
fn proof_of_alice(path: &str) -> FastProof {
    let files = ProofFiles {
        system: ProofSystemId::Sp1Compressed,
        proof: path.into(),
        key: KeyFile::File(std::path::Path::new(path).with_extension("vk")),
        public_inputs: None,
        generator: account(ALICE),
    };
    FastProof::verify(files.read().unwrap()).unwrap()
}

/// What an honest batcher says of a group that is alone in its batch.
fn batched(signed: &SignedGroup, sender: alloy::primitives::Address, task: B256) -> GroupAnswer {
    let (group, root) = (signed.group(), signed.group().root());
    let tree = group.manifest().tree().unwrap();
    let data = group.proofs().iter().enumerate().map(|(index, proof)| {
        let item = proof.item();
        VerificationData {
            nonce: index as u64,
            index: index as u32,
            commitment: proof.commitment(),
            proof_commitment: item.proof.keccak256,
            public_inputs_commitment: item.public_inputs.keccak256,
            auxiliary_commitment: auxiliary_commitment(item.proving_system, &item.program_id)
                .into(),
            proving_system: item.proving_system,
            program_id: item.program_id.0.into(),
            generator: item.generator,
            path: tree.path(0, index).unwrap().into_iter().map(B256::from).collect(),
            batch_root: root,
        }
    });
    let batch = BatchAnswer {
        id: 7,
        status: BatchStatus::Open,
        root,
        pointer: "v1".to_owned(),
        group_count: 1,
        proof_count: group.count(),
        bytes: 1,
        fee_per_proof: Wei(1),
        fee_limit: Wei(1),
        sender,
        task_id: Some(task),
        task_block: Some(1),
        transaction: None,
        verified_block: None,
        created_at: 1,
        updated_at: 1,
    };
    let proofs = data.collect();
    GroupAnswer { batch: Some(batch), proofs, ..answer(signed, GroupStatus::Verified, 5) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_goes_through_a_batcher_once_and_is_believed_when_the_chain_says_so() {
    let mut network = FastNetwork::start().await;
    let expected = ExpectedBatcher::of(&network.profile).unwrap();
    let fake = FakeBatcher::of(expected, signer(BATCHER)).await;
    let fast = network.profile.fast_mode.as_mut().unwrap();
    fast.batcher_url = Some(fake.server.url.clone());
    let fees =
        FeesAnswer { min_fee_per_proof: Wei(1), instant_fee: Wei(INSTANT_FEE), last: vec![] };
    fake.server.always("/v1/batcher/fees", Answer::json(&fees));
    fake.tell_account(account(ALICE), 0);
    let alice = User::new(&network, "alice", ALICE_KEY);
    let proofs = repository().join("proofs");
    let names = ["fibonacci", "sha256_preimage"];
    let files = names.map(|name| proofs.join(format!("{name}.proof")).display().to_string());
    let submit = ["submit", &files[0], &files[1]];

    assert_eq!(alice.ask(&["fees"], 0)["sufficient_fee_wei"], "2000000000000000");
    assert_eq!(code(&alice.ask(&submit, 2)), "CLI-004", "nobody consents");
    let poor = alice.ask(&[&submit[..], &["--yes"]].concat(), 4);
    assert_eq!(code(&poor), "SDK-053", "no deposit: {poor}");
    alice.ask(&["deposit", "--amount", "0.01eth", "--yes"], 0);

    // The answer gets lost; what was signed is not.
    fake.server.always(GROUPS, Answer::text(200, "the connection is cut"));
    assert_eq!(code(&alice.ask(&[&submit[..], &["--yes"]].concat(), 3)), "SDK-071");
    let sent = fake.sent().remove(0);
    assert_eq!((sent.max_fee, sent.proof_count), (Wei(INSTANT_FEE), 2));
    let group_of_alice =
        ProofGroup::new(files.iter().map(|file| proof_of_alice(file)).collect()).unwrap();
    let (chain, payments) = (network.profile.chain_id, network.payments());
    let signed = SignedGroup::resume(group_of_alice, sent.clone(), chain, payments).unwrap();
    fake.server.instead(GROUPS, Answer::json(&fake.accept(&signed)));
    let accepted = alice.ask(&submit, 0);
    let id = signed.id().to_string();
    assert_eq!((&accepted["id"], &accepted["resumed"]), (&id.as_str().into(), &true.into()));
    assert_eq!(accepted["proofs"][1]["nonce"], 1);
    assert_eq!(fake.sent(), [sent.clone(), sent.clone()], "one signature");

    // The batcher says that it is verified before it is.
    let task = network.charge(signed.group().root(), INSTANT_FEE / 2, vec![on_chain(&sent)]).await;
    let told = batched(&signed, payments, task_id(&task));
    fake.server.always(&group(&signed.id()), Answer::json(&told));
    assert_eq!(alice.ask(&["status", &id], 0)["groups"][0]["status"], "verified");
    assert_eq!(alice.ask(&["watch", &id], 0)["groups"][0]["batch"]["id"], 7);
    let out = file(network.folder.path(), "verified");
    let bundles = ["bundles", &id, &files[0], &files[1], "--out", &out];
    assert_eq!(code(&alice.ask(&bundles, 5)), "SDK-057");
    assert!(!fs::exists(&out).unwrap(), "nothing is written of what does not hold");
    network.answer(&task, U96::from(1), &[0, 1, 2, 3]).await;
    let found = alice.ask(&bundles, 0);
    assert_eq!((&found["holds"], found["files"].as_array().unwrap().len()), (&true.into(), 2));
    let both = names.map(|name| format!("{out}/{name}.verification.json"));
    assert_eq!(alice.ask(&["verify", &both[0], &both[1]], 0)["holds"], true);
    let whole = alice.ask(&[&submit[..], &["--bundles", &out]].concat(), 0);
    assert_eq!((&whole["verified"], &whole["block"]), (&true.into(), &found["block"]));
    assert_eq!(alice.ask(&["account"], 0)["account"]["nonce"], 2);

    // Other proofs than the group's, and a batcher that lies about where they are.
    let other = proofs.join("ecdsa_secp256k1.proof").display().to_string();
    let foreign = ["bundles", &id, &files[0], &other, "--out", &out];
    assert_eq!(code(&alice.ask(&foreign, 1)), "SDK-056");
    let mut lie = told;
    lie.proofs[1].path[0].0[0] ^= 1;
    fake.server.instead(&group(&signed.id()), Answer::json(&lie));
    assert_eq!(code(&alice.ask(&bundles, 1)), "SDK-055");
    let failed = GroupAnswer {
        code: Some("BTC-070".to_owned()),
        reason: Some("nobody answered in time".to_owned()),
        ..answer(&signed, GroupStatus::Failed, 9)
    };
    fake.server.instead(&group(&signed.id()), Answer::json(&failed));
    assert_eq!(code(&alice.ask(&["watch", &id], 1)), "BTC-070");
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
