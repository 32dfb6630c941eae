//! What can be checked without any node, and every way in which it can be wrong.

use alloy::primitives::{Address, B256, Bytes};
use collimate_api::fast::{BatchAnswer, BatchStatus, VerificationData, Wei};
use collimate_batch::{Group, Manifest, auxiliary_commitment};
use collimate_sdk::{
    FastError, FastProof, FastTask, VerificationBundle, fast::BatchPlace, root_of_path,
};
use proptest::prelude::*;

use super::described;

pub(crate) const SENDER: Address = Address::repeat_byte(0x5e);

/// A batch of two groups, the second of which is ours.
pub(crate) struct Batch {
    pub(crate) proofs: Vec<FastProof>,
    pub(crate) answer: BatchAnswer,
    pub(crate) data: Vec<VerificationData>,
}

/// The network of the batch.
pub(crate) fn place() -> BatchPlace {
    BatchPlace {
        chain_id: 31_337,
        service_manager: Address::repeat_byte(0xc0),
        sender: SENDER,
        batch_root: B256::ZERO,
        task_id: None,
    }
}

/// What an honest batcher says of these proofs, of which others' come first in the batch.
pub(crate) fn batch_of(proofs: Vec<FastProof>, sender: Address) -> Batch {
    let items = |proofs: &[FastProof]| Group {
        items: proofs.iter().map(|proof| proof.item().clone()).collect(),
    };
    let others: Vec<_> = (100..103).map(described).collect();
    let manifest = Manifest::new(vec![items(&others), items(&proofs)]).unwrap();
    let tree = manifest.tree().unwrap();
    let root = B256::from(tree.root());
    let data = proofs.iter().enumerate().map(|(index, proof)| {
        let item = proof.item();
        VerificationData {
            nonce: index as u64,
            index: others.len() as u32 + index as u32,
            commitment: proof.commitment(),
            proof_commitment: item.proof.keccak256,
            public_inputs_commitment: item.public_inputs.keccak256,
            auxiliary_commitment: auxiliary_commitment(item.proving_system, &item.program_id)
                .into(),
            proving_system: item.proving_system,
            program_id: item.program_id.0.into(),
            generator: item.generator,
            path: tree.path(1, index).unwrap().into_iter().map(B256::from).collect(),
            batch_root: root,
        }
    });
    let data = data.collect();
    let answer = BatchAnswer {
        id: 7,
        status: BatchStatus::Open,
        root,
        pointer: "v1".to_owned(),
        group_count: 2,
        proof_count: 3 + proofs.len() as u32,
        bytes: 1,
        fee_per_proof: Wei(1),
        fee_limit: Wei(1),
        sender,
        task_id: Some(B256::repeat_byte(0x7a)),
        task_block: Some(1),
        transaction: None,
        verified_block: None,
        created_at: 1,
        updated_at: 1,
    };
    Batch { proofs, answer, data }
}

fn batch() -> Batch {
    batch_of((0..3).map(described).collect(), SENDER)
}

fn bundle() -> VerificationBundle {
    let batch = batch();
    VerificationBundle::of_answer(&batch.proofs[1], &place(), &batch.answer, &batch.data[1])
        .unwrap()
}

#[test]
fn an_honest_answer_becomes_a_bundle_that_survives_json() {
    let batch = batch();
    for (proof, data) in batch.proofs.iter().zip(&batch.data) {
        let bundle = VerificationBundle::of_answer(proof, &place(), &batch.answer, data).unwrap();
        assert_eq!(bundle.batch_root, batch.answer.root);
        assert_eq!(bundle.task_id, batch.answer.task_id);
        assert_eq!(bundle.public_inputs, Bytes::from(proof.public_inputs().clone()));
        let commitment = collimate_sdk::Commitment(bundle.commitment.0);
        assert_eq!(root_of_path(&commitment, &bundle.path), batch.answer.root);
        let text = serde_json::to_string(&bundle).unwrap();
        assert_eq!(VerificationBundle::from_json(&text).unwrap(), bundle);
    }
}

#[test]
fn an_answer_with_one_false_field_is_refused() {
    type Lie = fn(&mut BatchAnswer, &mut VerificationData);
    let lies: [(&str, Lie); 11] = [
        ("SDK-056", |_, data| data.commitment.0[0] ^= 1),
        ("SDK-056", |_, data| data.proof_commitment.0[31] ^= 1),
        ("SDK-056", |_, data| data.public_inputs_commitment.0[5] ^= 1),
        ("SDK-056", |_, data| data.auxiliary_commitment.0[5] ^= 1),
        ("SDK-056", |_, data| data.proving_system ^= 1),
        ("SDK-056", |_, data| data.program_id.0[0] ^= 1),
        ("SDK-056", |_, data| data.generator = Address::ZERO),
        ("SDK-056", |_, data| data.batch_root.0[0] ^= 1),
        ("SDK-056", |batch, _| batch.sender = Address::repeat_byte(0xba)),
        ("SDK-055", |_, data| data.path[0].0[0] ^= 1),
        // Both roots are another batch's: the path does not lead there.
        ("SDK-055", |batch, data| {
            batch.root = B256::repeat_byte(9);
            data.batch_root = batch.root;
        }),
    ];
    for (number, (code, lie)) in lies.into_iter().enumerate() {
        let Batch { proofs, mut answer, mut data } = batch();
        lie(&mut answer, &mut data[1]);
        let error =
            VerificationBundle::of_answer(&proofs[1], &place(), &answer, &data[1]).unwrap_err();
        assert_eq!(error.code(), code, "lie {number}: {error}");
        assert!(error.denies());
    }
}

#[test]
fn the_data_of_another_proof_of_the_same_batch_is_refused() {
    let Batch { proofs, answer, data } = batch();
    let error = VerificationBundle::of_answer(&proofs[0], &place(), &answer, &data[1]).unwrap_err();
    assert!(matches!(error, FastError::OtherProof { field: "the commitment", .. }), "{error}");
}

#[test]
fn a_bundle_with_one_altered_field_is_refused_and_the_field_named() {
    type Damage = fn(&mut VerificationBundle);
    let cases: [(&str, Damage); 11] = [
        ("commitment", |bundle| bundle.proof_commitment.0[0] ^= 1),
        ("commitment", |bundle| bundle.public_inputs = Bytes::new()),
        ("commitment", |bundle| bundle.program_id.0[31] ^= 1),
        ("commitment", |bundle| bundle.proving_system += 1),
        ("commitment", |bundle| bundle.generator = Address::ZERO),
        ("commitment", |bundle| bundle.commitment.0[0] ^= 1),
        ("proving_system", |bundle| bundle.proving_system = 96),
        ("batch_root", |bundle| bundle.batch_root.0[0] ^= 1),
        ("batch_root", |bundle| bundle.path.truncate(1)),
        ("batch_root", |bundle| bundle.path.push(B256::ZERO)),
        ("length of path", |bundle| bundle.path = vec![B256::ZERO; 25]),
    ];
    for (expected, alter) in cases {
        let mut altered = bundle();
        alter(&mut altered);
        match altered.verify_offline().unwrap_err() {
            FastError::BundleInconsistent { field, .. } => assert_eq!(field, expected),
            other => panic!("{expected}: {other}"),
        }
    }
}

#[test]
fn text_that_is_no_bundle_or_task_is_refused() {
    let good = serde_json::to_value(bundle()).unwrap();
    let mut unknown = good.clone();
    unknown["verified"] = true.into();
    let mut newer = good.clone();
    newer["version"] = 2.into();
    let mut missing = good;
    missing.as_object_mut().unwrap().remove("path");
    for text in
        [String::new(), "[]".into(), unknown.to_string(), newer.to_string(), missing.to_string()]
    {
        assert_eq!(VerificationBundle::from_json(&text).unwrap_err().code(), "SDK-054", "{text}");
        assert_eq!(FastTask::from_json(&text).unwrap_err().code(), "SDK-054", "{text}");
    }
}

proptest! {
    #[test]
    fn a_bundle_with_one_altered_byte_never_holds(position in 0_usize..4000, byte in any::<u8>()) {
        let bundle = bundle();
        let mut text = serde_json::to_vec(&bundle).unwrap();
        let position = position % text.len();
        text[position] = byte;
        if let Ok(read) = VerificationBundle::from_json(&String::from_utf8_lossy(&text)) {
            // What the statement consists of; the rest names where it is verified, which only the chain can check.
            let statement = |bundle: &VerificationBundle| VerificationBundle {
                chain_id: 0,
                service_manager: Address::ZERO,
                sender: Address::ZERO,
                task_id: None,
                ..bundle.clone()
            };
            prop_assert!(statement(&read) == statement(&bundle) || read.verify_offline().is_err());
        }
    }
}
