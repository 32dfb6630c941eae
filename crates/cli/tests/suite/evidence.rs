//! `collimate verify-evidence`: what the real command says of good, altered and made-up evidence.

use std::fs;

use alloy::primitives::{Address, B256, Bytes, U256};
use collimate_batch::{Group, Item, Manifest, Part, Pointer};
use collimate_evidence::{Answer, Evidence, SignedTask};
use serde_json::Value;

use crate::{
    command::{code, file, json, json_in, repository},
    network::Network,
};

/// Evidence about a batch of two that nobody signed: the first proof is real, the second damaged.
fn evidence() -> Evidence {
    let read = |end: &str| fs::read(repository().join(format!("proofs/fibonacci.{end}"))).unwrap();
    let (good, key) = (read("proof"), read("vk"));
    let verified =
        json(&["verify", repository().join("proofs/fibonacci.proof").to_str().unwrap()], 0);
    let inputs: Bytes = verified["public_values"].as_str().unwrap().parse().unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    let item = |proof: &[u8]| Item {
        proving_system: 0,
        program_id: verified["program_id"].as_str().unwrap().parse().unwrap(),
        proof: Part::of(proof),
        public_inputs: Part::of(&inputs),
        verification_key: Some(Part::of(&key)),
        generator: Address::ZERO,
    };
    let manifest = Manifest::new(vec![Group { items: vec![item(&good), item(&bad)] }]).unwrap();
    let bytes = manifest.to_bytes().unwrap();
    let mirror = "http://127.0.0.1:1/batches".parse().unwrap();
    let pointer = Pointer::new(Part::of(&bytes).key(), vec![mirror]).unwrap();
    let tree = manifest.tree().unwrap();
    let task = SignedTask {
        batch_merkle_root: tree.root().into(),
        sender_address: Address::repeat_byte(1),
        task_created_block: 7,
        batch_data_pointer: pointer.to_string(),
        respond_to_task_fee_limit: U256::from(1),
    };
    Evidence {
        version: Evidence::VERSION,
        chain_id: 31_337,
        service_manager: Address::repeat_byte(2),
        task_id: task.id(),
        task,
        answer: Answer {
            proving_systems: "0x1".parse().unwrap(),
            responder: Address::repeat_byte(3),
            fee: U256::ZERO,
            transaction: B256::repeat_byte(4),
            block_number: 8,
            block_hash: B256::repeat_byte(5),
            log_index: 0,
            response: None,
        },
        manifest: bytes.into(),
        leaf: 1,
        path: tree.path(0, 1).unwrap().into_iter().map(B256::from).collect(),
        proof: bad.into(),
        public_inputs: inputs,
        verification_key: Some(key.into()),
        // What the verifier says of it, which the command tells.
        refusal: String::new(),
        reason: "for people".to_owned(),
    }
}

#[tokio::test]
async fn evidence_is_checked_offline_and_never_against_the_contract_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, evidence: &Evidence| {
        let path = file(folder.path(), name);
        fs::write(&path, evidence.to_json().unwrap()).unwrap();
        path
    };
    let mut evidence = evidence();
    let unnamed = json(&["verify-evidence", &write("unnamed", &evidence)], 1);
    assert_eq!(code(&unnamed), "EVD-012");
    let reason = unnamed["reason"].as_str().unwrap();
    let refusal = reason
        .split('[')
        .find_map(|text| text.split_once(']').filter(|_| text.starts_with("VER-")));
    evidence.refusal = refusal.unwrap().0.to_owned();
    let good = write("good", &evidence);
    let holds: Value = json(&["verify-evidence", &good], 0);
    assert_eq!((&holds["holds"], &holds["on_chain"]), (&true.into(), &false.into()));
    assert_eq!(holds["leaf"], 1);
    assert_eq!(holds["refusal"], evidence.refusal);

    let honest = Evidence { leaf: 0, path: vec![B256::from(evidence.path[0])], ..evidence.clone() };
    assert_eq!(code(&json(&["verify-evidence", &write("moved", &honest)], 1)), "EVD-006");
    let other = Evidence { proof: vec![1, 2, 3].into(), ..evidence.clone() };
    assert_eq!(code(&json(&["verify-evidence", &write("other", &other)], 1)), "EVD-007");
    let nothing = file(folder.path(), "nothing");
    fs::write(&nothing, "{}").unwrap();
    assert_eq!(code(&json(&["verify-evidence", &nothing], 2)), "EVD-001");
    assert_eq!(code(&json(&["verify-evidence", &file(folder.path(), "nowhere")], 2)), "CLI-001");

    // With a node: the contract is the user's choice.
    let network = Network::start().await;
    let url = network.anvil.url();
    let node = ["verify-evidence", good.as_str(), "--rpc-url", url.as_str()];
    assert_eq!(code(&json(&node, 2)), "CLI-004", "the evidence's own contract is not trusted");
    let trusted = Address::repeat_byte(9).to_string();
    let asked = [&node[..], &["--service-manager", &trusted]].concat();
    assert_eq!(code(&json(&asked, 1)), "EVD-013");
    let named = evidence.service_manager.to_string();
    let asked = [&node[..], &["--service-manager", &named]].concat();
    assert_eq!(code(&json(&asked, 3)), "TSK-001", "nobody deployed it");
    let variable = [("COLLIMATE_RPC_URL", url.as_str())];
    assert_eq!(code(&json_in(&variable, &["verify-evidence", &good], 2)), "CLI-004");
    json_in(&variable, &["verify-evidence", &good, "--offline"], 0);
    let no_node = ["verify-evidence", &good, "--service-manager", &named];
    assert_eq!(code(&json(&no_node, 2)), "CLI-004");
}
