//! The independent program's values: `vectors/fast-mode.json`.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use collimate_batch::{BatchTree, Item, Part, group_root};
use collimate_core::ProgramId;
use serde_json::Value;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/fast-mode.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(value: &Value, name: &str) -> T {
    serde_json::from_value(value[name].clone()).unwrap()
}

#[test]
fn commitments_are_those_of_the_vectors() {
    let vectors = vectors();
    let commitments = vectors["commitments"].as_array().unwrap();
    assert!(!commitments.is_empty());
    for vector in commitments {
        let item = Item {
            proving_system: read(vector, "proving_system"),
            program_id: ProgramId(read::<B256>(vector, "program_id").0),
            proof: Part::of(&read::<Bytes>(vector, "proof")),
            public_inputs: Part::of(&read::<Bytes>(vector, "public_inputs")),
            verification_key: None,
            generator: read::<Address>(vector, "proof_generator"),
        };
        assert_eq!(item.proof.keccak256, read::<B256>(vector, "proof_commitment"));
        assert_eq!(B256::from(item.commitment()), read::<B256>(vector, "commitment"));
    }
}

#[test]
fn trees_and_paths_are_those_of_the_vectors() {
    let vectors = vectors();
    let batches = vectors["batches"].as_array().unwrap();
    assert!(!batches.is_empty());
    for vector in batches {
        let seed: B256 = read(vector, "seed");
        let sizes: Vec<usize> = read(vector, "groups");
        let mut number = 0u64;
        let groups: Vec<Vec<_>> = sizes
            .iter()
            .map(|size| {
                let commitments = (number..).take(*size);
                number += *size as u64;
                commitments.map(|i| keccak256([&seed[..], &i.to_be_bytes()].concat()).0).collect()
            })
            .collect();
        let tree = BatchTree::new(groups.clone()).unwrap();
        assert_eq!(B256::from(tree.root()), read::<B256>(vector, "root"));
        let roots: Vec<B256> = read(vector, "group_roots");
        assert_eq!(tree.group_roots(), roots.iter().map(|root| root.0).collect::<Vec<_>>());
        let mut paths: Vec<Vec<B256>> = read(vector, "paths");
        paths.reverse();
        for (group, commitments) in groups.iter().enumerate() {
            assert_eq!(group_root(commitments).unwrap(), roots[group].0);
            for index in 0..commitments.len() {
                let expected: Vec<_> = paths.pop().unwrap().iter().map(|node| node.0).collect();
                assert_eq!(tree.path(group, index).unwrap(), expected);
            }
            assert_eq!(tree.path(group, commitments.len()), None);
        }
        assert_eq!(tree.path(groups.len(), 0), None);
    }
}
