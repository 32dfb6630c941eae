//! What a user can check without any node: blobs, paths and bundles, and every way in which they can be wrong.

use alloy::primitives::{Address, B256, Bytes};
use collimate_chain::kzg;
use collimate_core::{Commitment, ProgramId, blob, tree};
use collimate_sdk::{
    InclusionBundle, InclusionPath, Run, RunContent, SdkError, path_from_blob, root_of_path,
};
use proptest::prelude::*;

fn program(number: usize) -> ProgramId {
    ProgramId::from_sp1_words([number as u32; 8])
}

fn values(number: usize) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn commitments(count: usize) -> Vec<Commitment> {
    (0..count).map(|number| Commitment::new(&values(number), &program(number))).collect()
}

/// A run as the chain would show it, with its blobs.
fn run_of(commitments: &[Commitment]) -> (Run, Vec<Vec<u8>>) {
    let blobs = blob::encode(commitments).unwrap();
    let leaves: Vec<_> = commitments.iter().map(Commitment::leaf).collect();
    let run = Run {
        chain_id: 31337,
        contract: Address::repeat_byte(0xc0),
        root: tree::root(&leaves).unwrap().into(),
        leaf_count: commitments.len() as u32,
        block_number: 7,
        block_hash: B256::repeat_byte(7),
        block_timestamp: 1_800_000_000,
        transaction: B256::repeat_byte(8),
        blob_hashes: blobs.iter().map(|blob| kzg::versioned_hash(blob).unwrap()).collect(),
    };
    (run, blobs)
}

#[test]
fn derives_from_the_blob_alone_the_path_of_every_proof() {
    for count in [1, 2, 3, 5, 8] {
        let (run, blobs) = run_of(&commitments(count));
        for number in 0..count {
            let path = path_from_blob(&run, &blobs, &program(number), &values(number)).unwrap();
            let commitment = Commitment::new(&values(number), &program(number));
            assert_eq!(path.index, number);
            assert_eq!(root_of_path(&commitment, &path.siblings), run.root, "{number} of {count}");
        }
    }
}

#[test]
fn derives_paths_across_blobs() {
    let count = blob::COMMITMENTS_PER_BLOB + 2;
    let (run, blobs) = run_of(&commitments(count));
    assert_eq!(blobs.len(), 2);
    let content = RunContent::from_blobs(&run, &blobs).unwrap();
    for number in [0, blob::COMMITMENTS_PER_BLOB - 1, blob::COMMITMENTS_PER_BLOB, count - 1] {
        let commitment = Commitment::new(&values(number), &program(number));
        let path = content.path(&commitment).unwrap();
        assert_eq!((path.index, content.commitments()[number]), (number, commitment));
        assert_eq!(root_of_path(&commitment, &path.siblings), run.root);
    }
}

#[test]
fn a_commitment_that_occurs_twice_has_a_path_that_holds() {
    let mut twice = commitments(5);
    twice[4] = twice[1];
    let (run, blobs) = run_of(&twice);
    let path = path_from_blob(&run, &blobs, &program(1), &values(1)).unwrap();
    assert_eq!(root_of_path(&twice[1], &path.siblings), run.root);
}

#[test]
fn a_proof_of_another_run_has_no_path() {
    let (run, blobs) = run_of(&commitments(4));
    let by_values = path_from_blob(&run, &blobs, &program(1), &values(2)).unwrap_err();
    let by_program = path_from_blob(&run, &blobs, &program(9), &values(1)).unwrap_err();
    for error in [by_values, by_program] {
        assert_eq!(error.code(), "SDK-014");
        assert!(error.denies());
    }
}

#[test]
fn blobs_that_are_not_the_runs_are_refused() {
    let (run, blobs) = run_of(&commitments(blob::COMMITMENTS_PER_BLOB + 1));
    let code = |blobs: &[Vec<u8>]| RunContent::from_blobs(&run, blobs).unwrap_err().code();
    assert_eq!(code(&[]), "SDK-015");
    assert_eq!(code(&blobs[..1]), "SDK-015");
    assert_eq!(code(&[blobs[1].clone(), blobs[0].clone()]), "SDK-011");
    let mut flipped = blobs.clone();
    flipped[1][1] ^= 1;
    assert_eq!(code(&flipped), "SDK-011");
    let mut short = blobs.clone();
    short[0].pop();
    assert_eq!(code(&short), "CHN-040");
}

#[test]
fn a_run_that_published_something_else_than_its_leaves_is_named() {
    // The chain vouches for these blobs, but not for their being the leaves.
    let (mut run, blobs) = run_of(&commitments(4));
    run.root = B256::repeat_byte(1);
    let error = RunContent::from_blobs(&run, &blobs).unwrap_err();
    assert_eq!(error.code(), "SDK-013");
    assert!(error.denies());

    // Fewer leaves than commitments: what is behind the last is not empty.
    let (mut run, blobs) = run_of(&commitments(4));
    run.leaf_count = 3;
    assert_eq!(RunContent::from_blobs(&run, &blobs).unwrap_err().code(), "SDK-012");
}

fn bundle() -> InclusionBundle {
    let (run, blobs) = run_of(&commitments(5));
    let path = path_from_blob(&run, &blobs, &program(2), &values(2)).unwrap();
    InclusionBundle::new(&run, program(2), values(2).into(), &path).unwrap()
}

#[test]
fn a_bundle_survives_json() {
    let bundle = bundle();
    let text = serde_json::to_string(&bundle).unwrap();
    let read = InclusionBundle::from_json(&text).unwrap();
    assert_eq!(read, bundle);
    read.verify_offline().unwrap();
}

#[test]
fn a_bundle_cannot_be_made_with_a_path_of_another_proof() {
    let (run, blobs) = run_of(&commitments(5));
    let path = path_from_blob(&run, &blobs, &program(2), &values(2)).unwrap();
    let error = InclusionBundle::new(&run, program(3), values(3).into(), &path).unwrap_err();
    assert_eq!(error.code(), "SDK-017");
    let empty = InclusionPath { index: 0, siblings: Vec::new() };
    assert!(InclusionBundle::new(&run, program(2), values(2).into(), &empty).is_err());
}

#[test]
fn a_bundle_with_one_altered_field_is_refused_and_the_field_named() {
    type Damage = fn(&mut InclusionBundle);
    let cases: [(&str, Damage); 11] = [
        ("commitment", |bundle| bundle.program_id.0[31] ^= 1),
        ("commitment", |bundle| bundle.public_values = Bytes::new()),
        ("commitment", |bundle| bundle.commitment.0[0] ^= 1),
        ("leaf", |bundle| bundle.leaf.0[5] ^= 1),
        ("root", |bundle| bundle.root.0[5] ^= 1),
        ("root", |bundle| bundle.path[0].0[5] ^= 1),
        ("root", |bundle| bundle.path.push(B256::ZERO)),
        ("root", |bundle| bundle.path.truncate(1)),
        ("leaf_count", |bundle| bundle.leaf_count = 0),
        ("leaf_count", |bundle| bundle.leaf_count = u32::MAX),
        ("number of blob_hashes", |bundle| bundle.blob_hashes.clear()),
    ];
    for (expected, alter) in cases {
        let mut altered = bundle();
        alter(&mut altered);
        match altered.verify_offline().unwrap_err() {
            SdkError::BundleInconsistent { field, .. } => assert_eq!(field, expected),
            other => panic!("{expected}: {other}"),
        }
    }
}

#[test]
fn a_path_longer_than_the_tree_is_high_is_refused() {
    // Five leaves make a tree of height three. Its author chose root and path to fit each other.
    let mut bundle = bundle();
    bundle.path = vec![B256::repeat_byte(3); 4];
    bundle.root = root_of_path(&bundle.commitment, &bundle.path);
    let error = bundle.verify_offline().unwrap_err();
    assert!(error.to_string().contains("length of path"), "{error}");
}

#[test]
fn text_that_is_no_bundle_is_refused() {
    let good = serde_json::to_value(bundle()).unwrap();
    let mut unknown = good.clone();
    unknown["verified"] = true.into();
    let mut newer = good.clone();
    newer["version"] = 2.into();
    let mut missing = good.clone();
    missing.as_object_mut().unwrap().remove("path");
    for text in
        [String::new(), "[]".into(), unknown.to_string(), newer.to_string(), missing.to_string()]
    {
        assert_eq!(InclusionBundle::from_json(&text).unwrap_err().code(), "SDK-021", "{text}");
    }
}

proptest! {
    #[test]
    fn reading_a_bundle_never_panics(text in ".{0,400}") {
        let _ = InclusionBundle::from_json(&text);
    }

    #[test]
    fn a_bundle_with_one_altered_byte_never_holds(position in 0_usize..2000, byte in any::<u8>()) {
        let bundle = bundle();
        let mut text = serde_json::to_vec(&bundle).unwrap();
        let position = position % text.len();
        text[position] = byte;
        if let Ok(read) = InclusionBundle::from_json(&String::from_utf8_lossy(&text)) {
            // What the statement consists of; the rest names where it is registered, which only the chain can check.
            let statement = |bundle: &InclusionBundle| {
                (bundle.root, bundle.program_id, bundle.public_values.clone(), bundle.commitment, bundle.leaf, bundle.path.clone())
            };
            prop_assert!(statement(&read) == statement(&bundle) || read.verify_offline().is_err());
        }
    }
}
