//! RISC Zero's receipts and seals: what differs from the statement is named, and nothing but a proof is believed.

use collimate_core::ProgramId;
use collimate_verifiers::{ProgramKey, ProofSystemId, VerifyError, risc0::Risc0Composite};
use risc0_zkvm::{
    Digest, FakeReceipt, InnerReceipt, Journal, Receipt, ReceiptClaim, SegmentReceipt,
};

use crate::honest::{self, Honest};

fn receipts() -> impl Iterator<Item = &'static Honest> {
    [ProofSystemId::Risc0Composite, ProofSystemId::Risc0Succinct].into_iter().filter_map(honest::of)
}

fn receipt(honest: &Honest) -> Receipt {
    bincode::deserialize(&honest.submission.proof).unwrap()
}

#[track_caller]
fn rejects(honest: &Honest, code: &str, proof: Vec<u8>) -> VerifyError {
    let error = honest.verify(|changed| changed.proof = proof).unwrap_err();
    assert_eq!(error.code(), code, "{}: {error}", honest.id);
    error
}

#[test]
fn receipts_carry_their_journal() {
    for honest in receipts() {
        let carried = honest.verify(|changed| changed.public_values = None).unwrap();
        assert_eq!(Some(&carried.public_values), honest.submission.public_values.as_ref());
    }
}

#[test]
fn rejects_another_image_by_name() {
    for honest in receipts() {
        let other = ProgramKey::ProgramId(ProgramId([7; 32]));
        let error = honest.verify(|changed| changed.key = other).unwrap_err();
        assert_eq!(error.code(), "VER-007");
        let ProgramKey::ProgramId(id) = &honest.submission.key else { unreachable!() };
        assert!(error.to_string().contains(&id.to_string()), "{error}");
    }
}

#[test]
fn rejects_another_journal_in_the_file() {
    for honest in receipts() {
        let mut changed = receipt(honest);
        changed.journal = Journal::new(b"something else".to_vec());
        let proof = bincode::serialize(&changed).unwrap();
        let error = honest
            .verify(|submission| {
                submission.proof = proof;
                submission.public_values = None;
            })
            .unwrap_err();
        assert_eq!(error.code(), "VER-008");
    }
}

#[test]
fn rejects_other_parameters_as_another_version() {
    for honest in receipts() {
        let mut changed = receipt(honest);
        changed.metadata.verifier_parameters = Digest::ZERO;
        rejects(honest, "VER-012", bincode::serialize(&changed).unwrap());
    }
    for honest in receipts() {
        let mut changed = receipt(honest);
        changed.metadata.verifier_parameters = Digest::ZERO;
        match &mut changed.inner {
            InnerReceipt::Composite(inner) => inner.verifier_parameters = Digest::ZERO,
            InnerReceipt::Succinct(inner) => inner.verifier_parameters = Digest::ZERO,
            _ => unreachable!(),
        }
        rejects(honest, "VER-006", bincode::serialize(&changed).unwrap());
    }
    let Some(honest) = honest::of(ProofSystemId::Risc0Groth16) else { return };
    let mut seal = honest.submission.proof.clone();
    seal[0] ^= 1;
    rejects(honest, "VER-006", seal);
}

#[test]
fn rejects_receipts_without_a_proof() {
    let Some(honest) = honest::of(ProofSystemId::Risc0Succinct) else { return };
    let ProgramKey::ProgramId(image) = &honest.submission.key else { unreachable!() };
    let journal = honest.submission.public_values.clone().unwrap();
    let claim = ReceiptClaim::ok(image.0, journal.clone());
    let fake = Receipt::new(InnerReceipt::Fake(FakeReceipt::new(claim)), journal);
    let error = rejects(honest, "VER-005", bincode::serialize(&fake).unwrap());
    assert!(error.to_string().contains("development"), "{error}");
}

#[test]
fn rejects_the_other_form_by_name() {
    let (Some(composite), Some(succinct)) =
        (honest::of(ProofSystemId::Risc0Composite), honest::of(ProofSystemId::Risc0Succinct))
    else {
        return;
    };
    rejects(composite, "VER-005", succinct.submission.proof.clone());
    rejects(succinct, "VER-005", composite.submission.proof.clone());
}

#[test]
fn rejects_a_composite_receipt_without_or_with_fewer_segments() {
    let Some(honest) = honest::of(ProofSystemId::Risc0Composite) else { return };
    let mut changed = receipt(honest);
    let InnerReceipt::Composite(inner) = &mut changed.inner else { unreachable!() };
    inner.segments.pop();
    rejects(honest, "VER-012", bincode::serialize(&changed).unwrap());
}

#[test]
fn rejects_other_labels_of_segments() {
    let Some(honest) = honest::of(ProofSystemId::Risc0Composite) else { return };
    let changed = |change: fn(&mut SegmentReceipt)| {
        let mut changed = receipt(honest);
        let InnerReceipt::Composite(inner) = &mut changed.inner else { unreachable!() };
        change(&mut inner.segments[0]);
        bincode::serialize(&changed).unwrap()
    };
    rejects(honest, "VER-003", changed(|segment| segment.index = 1));
    rejects(honest, "VER-006", changed(|segment| segment.verifier_parameters = Digest::ZERO));
    rejects(honest, "VER-012", changed(|segment| segment.hashfn = "sha-256".to_owned()));
    rejects(honest, "VER-012", changed(|segment| segment.seal[100] ^= 1));
}

#[test]
fn rejects_a_path_of_digests_that_are_not_reduced() {
    let Some(honest) = honest::of(ProofSystemId::Risc0Succinct) else { return };
    let mut changed = receipt(honest);
    let InnerReceipt::Succinct(inner) = &mut changed.inner else { unreachable!() };
    inner.control_inclusion_proof.digests[0] = Digest::from([u32::MAX; 8]);
    rejects(honest, "VER-003", bincode::serialize(&changed).unwrap());
}

#[test]
fn rejects_receipts_nested_without_end() {
    let Some(honest) = honest::of(ProofSystemId::Risc0Composite) else { return };
    // Composite, no segments, one assumption: composite, no segments, one assumption…
    let level = [&0_u32.to_le_bytes()[..], &0_u64.to_le_bytes(), &1_u64.to_le_bytes()].concat();
    let limit = collimate_verifiers::ProofSystem::max_proof_bytes(&Risc0Composite);
    let error = rejects(honest, "VER-003", level.repeat(limit / level.len()));
    assert!(error.to_string().contains("assumption"), "{error}");
}

#[test]
fn rejects_coordinates_of_a_seal_that_are_not_reduced() {
    let Some(honest) = honest::of(ProofSystemId::Risc0Groth16) else { return };
    for word in 0..8 {
        for mark in [0x80, 0x40] {
            let mut seal = honest.submission.proof.clone();
            seal[4 + 32 * word] |= mark;
            rejects(honest, "VER-003", seal);
        }
    }
}
