//! The statements of fast mode against `vectors/fast-mode.json`, which an independent program computed.

use alloy::primitives::{Address, B256, U256, aliases::U96};
use collimate_contracts::{
    AlignedLayerServiceManager::NewBatchV3,
    fast_mode::{ProofAuthorization, Task, response_message, task_id},
};
use serde_json::Value;

fn vectors(list: &str) -> Vec<Value> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/fast-mode.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    vectors[list].as_array().unwrap().clone()
}

/// A string field, parsed.
fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(case: &Value, field: &str) -> T {
    case[field].as_str().unwrap().parse().unwrap()
}

#[test]
fn tasks_and_responses_are_those_of_the_vectors() {
    let cases = vectors("tasks");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let event = NewBatchV3 {
            batchMerkleRoot: parsed(&case, "batch_merkle_root"),
            senderAddress: parsed(&case, "sender"),
            taskCreatedBlock: u32::try_from(case["created_block"].as_u64().unwrap()).unwrap(),
            batchDataPointer: case["batch_data_pointer"].as_str().unwrap().to_owned(),
            respondToTaskFeeLimit: parsed::<U256>(&case, "fee_limit"),
        };
        let id = task_id(&Task::from(&event));
        assert_eq!(id, parsed::<B256>(&case, "task_id"));
        let message = response_message(
            case["chain_id"].as_u64().unwrap(),
            parsed(&case, "service_manager"),
            id,
            parsed::<U96>(&case, "proving_systems"),
        );
        assert_eq!(message, parsed::<B256>(&case, "response_message"));
    }
}

#[test]
fn authorisations_are_those_of_the_vectors() {
    let cases = vectors("authorizations");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let authorization = ProofAuthorization {
            user: parsed(&case, "user"),
            batcher: parsed(&case, "batcher"),
            proofsRoot: parsed(&case, "proofs_root"),
            proofCount: u32::try_from(case["proof_count"].as_u64().unwrap()).unwrap(),
            firstNonce: parsed(&case, "first_nonce"),
            maxFee: parsed(&case, "max_fee"),
            deadline: parsed(&case, "deadline"),
        };
        let payments: Address = parsed(&case, "payment_service");
        let digest = authorization.digest(case["chain_id"].as_u64().unwrap(), payments);
        assert_eq!(digest, parsed::<B256>(&case, "digest"));
    }
}
