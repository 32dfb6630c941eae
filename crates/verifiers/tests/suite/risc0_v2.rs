//! RISC Zero 2.2 and 2.3: the same circuit with other parameters. What is of one version is never accepted as the other's.

use std::fs;

use collimate_core::ProgramId;
use collimate_verifiers::{ProgramKey, ProofSystemId, Submission, VerifyError};
use risc0_zkvm::{Digest, FakeReceipt, InnerReceipt, Journal, Receipt, ReceiptClaim};

use crate::{
    fixtures::{folder, risc0_claim},
    honest::{self, Honest},
};

/// A real succinct receipt of 2.3, which others wrote as CBOR, in bincode.
fn succinct_v2() -> Option<Honest> {
    let folder = folder("risc0/succinct-v2.3.0")?;
    let file = fs::read(folder.join("succinct_16.bin")).unwrap();
    let receipt: Receipt = ciborium::from_reader(file.as_slice()).unwrap();
    let id = ProofSystemId::Risc0SuccinctV2;
    let proof = bincode::serialize(&receipt).unwrap();
    let submission = Submission { proof, ..risc0_claim(&folder, "succinct_16") };
    Some(Honest { id, system: id.verifier(), submission })
}

fn receipt(honest: &Honest) -> Receipt {
    bincode::deserialize(&honest.submission.proof).unwrap()
}

/// The receipt with another label, as whoever wants it to pass for another version would write it.
fn relabelled(honest: &Honest, label: Digest) -> Vec<u8> {
    let mut changed = receipt(honest);
    changed.metadata.verifier_parameters = label;
    match &mut changed.inner {
        InnerReceipt::Composite(inner) => inner.verifier_parameters = label,
        InnerReceipt::Succinct(inner) => inner.verifier_parameters = label,
        _ => unreachable!(),
    }
    bincode::serialize(&changed).unwrap()
}

#[track_caller]
fn rejects(honest: &Honest, code: &str, change: impl FnOnce(&mut Submission)) -> VerifyError {
    let error = honest.verify(change).unwrap_err();
    assert_eq!(error.code(), code, "{}: {error}", honest.id);
    error
}

#[test]
fn accepts_a_succinct_receipt_and_says_what_it_proves() {
    let Some(honest) = succinct_v2() else { return };
    let verified = honest.truth();
    assert_eq!(honest.system.program_id(&honest.submission.key), Ok(verified.program_id));
    assert_eq!(Some(&verified.public_values), honest.submission.public_values.as_ref());
    let carried = honest.verify(|changed| changed.public_values = None).unwrap();
    assert_eq!(carried, verified);
}

#[test]
fn rejects_another_statement_by_name() {
    let Some(honest) = succinct_v2() else { return };
    let other = ProgramKey::ProgramId(ProgramId([7; 32]));
    let error = rejects(&honest, "VER-007", |changed| changed.key = other);
    assert!(error.to_string().contains(&honest.truth().program_id.to_string()), "{error}");
    rejects(&honest, "VER-008", |changed| changed.public_values = Some(b"other".to_vec()));
    let mut journal = receipt(&honest);
    journal.journal = Journal::new(b"something else".to_vec());
    let proof = bincode::serialize(&journal).unwrap();
    rejects(&honest, "VER-008", |changed| {
        changed.proof = proof;
        changed.public_values = None;
    });
}

#[test]
fn rejects_damaged_receipts_and_other_files() {
    let Some(honest) = succinct_v2() else { return };
    let truth = honest.truth();
    let length = honest.submission.proof.len();
    for at in (0..length).step_by(length / 200) {
        let flipped = honest.verify(|changed| changed.proof[at] ^= 1 << (at % 8));
        assert!(flipped.as_ref().is_ok_and(|found| *found == truth) || flipped.is_err());
        if let Err(error) = flipped {
            assert_ne!(error.code(), "VER-013", "byte {at}: {error}");
        }
    }
    for at in [0, 1, 4, 1000, length / 2] {
        let mut seal = receipt(&honest);
        let InnerReceipt::Succinct(inner) = &mut seal.inner else { unreachable!() };
        let at = at % inner.seal.len();
        inner.seal[at] ^= 1;
        let proof = bincode::serialize(&seal).unwrap();
        rejects(&honest, "VER-012", |changed| changed.proof = proof);
    }
    for cut in [1, 4, 100, length / 2, length - 1] {
        assert!(honest.verify(|changed| changed.proof.truncate(cut)).is_err(), "{cut}");
    }
    rejects(&honest, "VER-003", |changed| changed.proof.push(0));
    // Not bincode.
    let Some(folder) = folder("risc0/succinct-v2.3.0") else { return };
    let cbor = fs::read(folder.join("succinct_16.bin")).unwrap();
    rejects(&honest, "VER-003", |changed| changed.proof = cbor);
}

#[test]
fn receipts_are_of_one_version_whatever_their_label_says() {
    let Some(old) = succinct_v2() else { return };
    let Some(new) = honest::of(ProofSystemId::Risc0Succinct) else { return };
    let (of_old, of_new) = (receipt(&old), receipt(new));
    let labels = (of_old.metadata.verifier_parameters, of_new.metadata.verifier_parameters);

    let error = rejects(new, "VER-006", |changed| *changed = old.submission.clone());
    assert!(error.to_string().contains("risc0-succinct-v2 takes"), "{error}");
    let error = rejects(&old, "VER-006", |changed| *changed = new.submission.clone());
    assert!(error.to_string().contains("risc0-succinct takes"), "{error}");

    rejects(new, "VER-012", |changed| {
        *changed = Submission { proof: relabelled(&old, labels.1), ..old.submission.clone() };
    });
    rejects(&old, "VER-012", |changed| {
        *changed = Submission { proof: relabelled(new, labels.0), ..new.submission.clone() };
    });
    rejects(&old, "VER-006", |changed| changed.proof = relabelled(&old, Digest::ZERO));
}

#[test]
fn seals_are_of_one_version_whatever_their_selector_says() {
    let Some(old) = honest::of(ProofSystemId::Risc0Groth16V2) else { return };
    let Some(new) = honest::of(ProofSystemId::Risc0Groth16) else { return };
    for (of, by, taken) in [(old, new, "risc0-groth16-v2 takes"), (new, old, "risc0-groth16 takes")]
    {
        let error = rejects(by, "VER-006", |changed| *changed = of.submission.clone());
        assert!(error.to_string().contains(taken), "{error}");
        rejects(by, "VER-012", |changed| {
            let selector = changed.proof[..4].to_vec();
            *changed = of.submission.clone();
            changed.proof[..4].copy_from_slice(&selector);
        });
    }
    for (selector, release) in
        [([0xf5, 0x36, 0x08, 0x5a], "2.1"), ([0x9f, 0x39, 0x69, 0x6c], "2.0")]
    {
        let error =
            rejects(old, "VER-006", |changed| changed.proof[..4].copy_from_slice(&selector));
        assert!(error.to_string().contains(&format!("{release}, which is not taken")), "{error}");
    }
}

#[test]
fn a_composite_receipt_of_2_3_is_refused_with_what_can_be_done() {
    let Some(honest) = honest::of(ProofSystemId::Risc0Composite) else { return };
    // What 2.3 names its parameters; its segments would not verify here, either.
    let label =
        risc0_zkp::digest!("12d12ff8404824a12d4242993527a6ae5b15037a454e9a8fa682e00b62fdc6f5");
    let error = rejects(honest, "VER-006", |changed| changed.proof = relabelled(honest, label));
    assert!(error.to_string().contains("compress it to a succinct one"), "{error}");
    let Some(old) = succinct_v2() else { return };
    rejects(&old, "VER-005", |changed| changed.proof = honest.submission.proof.clone());
}

#[test]
fn rejects_receipts_without_a_proof() {
    let Some(honest) = succinct_v2() else { return };
    let ProgramKey::ProgramId(image) = &honest.submission.key else { unreachable!() };
    let journal = honest.submission.public_values.clone().unwrap();
    let claim = ReceiptClaim::ok(image.0, journal.clone());
    let fake = Receipt::new(InnerReceipt::Fake(FakeReceipt::new(claim)), journal);
    let proof = bincode::serialize(&fake).unwrap();
    rejects(&honest, "VER-005", |changed| changed.proof = proof);
}
