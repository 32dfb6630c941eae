//! What the verifier of SP1's compressed proofs accepts and rejects, with real proofs.

use std::sync::LazyLock;

use crate::fixtures::{Fixture, compressed, program_id};
use collimate_core::{Commitment, ProgramId};
use collimate_verifiers::{
    ProgramKey, Submission, VerifiedProof, VerifyError,
    limits::{MAX_COMPRESSED_PROOF_BYTES, MAX_PUBLIC_VALUES_BYTES},
    sp1::Sp1Compressed,
    verify_guarded,
};

static VERIFIER: LazyLock<Sp1Compressed> = LazyLock::new(Sp1Compressed::default);

fn verify(submission: &Submission) -> Result<VerifiedProof, VerifyError> {
    verify_guarded(&*VERIFIER, submission)
}

fn code_of(submission: &Submission) -> &'static str {
    verify(submission).expect_err("must be rejected").code()
}

/// Position of the public values' length in the file: values, label `v6.1.0` with its length, `tee_proof`.
fn public_values_at(fixture: &Fixture) -> usize {
    fixture.proof.len() - 1 - (8 + 6) - fixture.public_values.len() - 8
}

/// The file with other public values, everything else as it was.
fn with_public_values(fixture: &Fixture, values: &[u8]) -> Vec<u8> {
    let at = public_values_at(fixture);
    let mut proof = fixture.proof[..at].to_vec();
    proof.extend((values.len() as u64).to_le_bytes());
    proof.extend(values);
    proof.extend(&fixture.proof[at + 8 + fixture.public_values.len()..]);
    proof
}

/// The file with another version label.
fn with_label(fixture: &Fixture, label: &str) -> Vec<u8> {
    let mut proof = fixture.proof[..fixture.proof.len() - 15].to_vec();
    proof.extend((label.len() as u64).to_le_bytes());
    proof.extend(label.as_bytes());
    proof.push(0);
    proof
}

#[test]
fn accepts_a_real_proof_with_its_verifying_key() {
    let Some(fixture) = compressed() else { return };
    let verified = verify(&fixture.submission()).unwrap();
    assert_eq!(verified.program_id, fixture.program_id);
    let claims = verified.sp1.unwrap();
    assert_eq!(ProgramId::from_sp1_words(claims.vk_words), fixture.program_id);
    assert_eq!(verified.public_values, fixture.public_values);
    assert_eq!(verified.commitment, Commitment::new(&fixture.public_values, &fixture.program_id));
    assert_eq!(claims.version, "v6.1.0");
}

#[test]
fn accepts_a_real_proof_with_its_program_id_alone() {
    let Some(fixture) = compressed() else { return };
    let with_key = verify(&fixture.submission()).unwrap();
    let key = ProgramKey::ProgramId(fixture.program_id);
    let with_id = verify(&Submission { key, ..fixture.submission() }).unwrap();
    assert_eq!(with_key, with_id);
}

#[test]
fn accepts_the_networks_form_without_tee_proof() {
    let Some(fixture) = compressed() else { return };
    let mut submission = fixture.submission();
    assert_eq!(submission.proof.pop(), Some(0));
    assert_eq!(verify(&submission), verify(&fixture.submission()));
}

#[test]
fn accepts_a_tee_proof_and_ignores_it() {
    let Some(fixture) = compressed() else { return };
    let mut submission = fixture.submission();
    submission.proof.pop();
    submission.proof.push(1);
    submission.proof.extend(3_u64.to_le_bytes());
    submission.proof.extend([7; 3]);
    assert_eq!(verify(&submission), verify(&fixture.submission()));
}

#[test]
fn accepts_every_proof_of_our_own_programs() {
    for (name, submission) in crate::fixtures::own() {
        let verified = verify(&submission).unwrap_or_else(|error| panic!("{name}: {error}"));
        let key = ProgramKey::ProgramId(verified.program_id);
        assert_eq!(verify(&Submission { key, ..submission }), Ok(verified), "{name}");
    }
}

#[test]
fn accepts_equal_claimed_public_values_and_rejects_others() {
    let Some(fixture) = compressed() else { return };
    let claiming =
        |values: &[u8]| Submission { public_values: Some(values.to_vec()), ..fixture.submission() };
    assert!(verify(&claiming(&fixture.public_values)).is_ok());
    assert_eq!(code_of(&claiming(&[])), "VER-008");
    assert_eq!(code_of(&claiming(&fixture.public_values[1..])), "VER-008");
}

#[test]
fn rejects_an_empty_proof() {
    let Some(fixture) = compressed() else { return };
    assert_eq!(code_of(&Submission { proof: Vec::new(), ..fixture.submission() }), "VER-001");
}

#[test]
fn rejects_100_mib_before_parsing() {
    let Some(fixture) = compressed() else { return };
    let mut proof = fixture.proof.clone();
    proof.resize(100 << 20, 0);
    assert_eq!(code_of(&Submission { proof, ..fixture.submission() }), "VER-002");
}

#[test]
fn rejects_lengths_that_promise_more_than_there_is() {
    let Some(fixture) = compressed() else { return };
    // Every eight bytes set to a huge length in turn, at the places where the file has lengths or values.
    for at in [4, 100, 108, 124, 132, 500, public_values_at(&fixture)] {
        for length in [u64::MAX, 1 << 62, 1 << 40, 1 << 32] {
            let mut submission = fixture.submission();
            submission.proof[at..at + 8].copy_from_slice(&length.to_le_bytes());
            assert!(verify(&submission).is_err(), "{length} at {at}");
        }
    }
}

#[test]
fn rejects_truncated_proofs() {
    let Some(fixture) = compressed() else { return };
    let full = fixture.proof.len();
    // Without its last byte the file is the network's form, so the shortest cut that must fail is of two bytes.
    for length in [1, 3, 4, 5, 100, full / 2, full - 100, full - 3, full - 2] {
        let mut submission = fixture.submission();
        submission.proof.truncate(length);
        assert_eq!(code_of(&submission), "VER-003", "cut to {length}");
    }
}

#[test]
fn rejects_bytes_after_the_proof() {
    let Some(fixture) = compressed() else { return };
    for extra in [&[0][..], &[1], &[0; 64]] {
        let mut submission = fixture.submission();
        submission.proof.extend(extra);
        assert_eq!(code_of(&submission), "VER-003");
    }
}

#[test]
fn rejects_other_forms_by_name() {
    let Some(fixture) = compressed() else { return };
    for (number, code) in [(0, "VER-004"), (2, "VER-005"), (3, "VER-005"), (4, "VER-003")] {
        let mut submission = fixture.submission();
        submission.proof[0] = number;
        assert_eq!(code_of(&submission), code, "form {number}");
    }
}

#[test]
fn rejects_another_version_by_its_label() {
    let Some(fixture) = compressed() else { return };
    for label in ["v6.0.0", "v5.2.4", "v10.11.12", ""] {
        let proof = with_label(&fixture, label);
        let error = verify(&Submission { proof, ..fixture.submission() }).unwrap_err();
        assert_eq!(error.code(), "VER-006", "{label}");
        assert!(error.to_string().contains(label), "{error}");
    }
    // A file of another version has another structure; its label still names the reason.
    let mut proof = with_label(&fixture, "v5.2.4");
    proof.drain(1000..5000);
    assert_eq!(code_of(&Submission { proof, ..fixture.submission() }), "VER-006");
}

#[test]
fn rejects_an_overlong_label() {
    let Some(fixture) = compressed() else { return };
    let proof = with_label(&fixture, &"v".repeat(10_000));
    assert_eq!(code_of(&Submission { proof, ..fixture.submission() }), "VER-003");
}

#[test]
fn rejects_other_public_values_in_the_file() {
    let Some(fixture) = compressed() else { return };
    let mut flipped = fixture.public_values.clone();
    flipped[10] ^= 1;
    for values in [&flipped[..], &[], &fixture.public_values[1..]] {
        let proof = with_public_values(&fixture, values);
        assert_eq!(code_of(&Submission { proof, ..fixture.submission() }), "VER-008");
    }
}

#[test]
fn rejects_too_long_public_values() {
    let Some(fixture) = compressed() else { return };
    let proof = with_public_values(&fixture, &vec![0; MAX_PUBLIC_VALUES_BYTES + 1]);
    assert!(proof.len() < MAX_COMPRESSED_PROOF_BYTES);
    assert_eq!(code_of(&Submission { proof, ..fixture.submission() }), "VER-002");
}

#[test]
fn rejects_the_key_of_another_program() {
    let Some(fixture) = compressed() else { return };
    // A program id that is well formed: words of the field, packed.
    let key = ProgramKey::ProgramId(ProgramId::from_sp1_words([1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!(code_of(&Submission { key, ..fixture.submission() }), "VER-007");
    // Another entry point is another program.
    let ProgramKey::VerifyingKey(mut bytes) = fixture.key.clone() else { unreachable!() };
    bytes[0] ^= 1;
    let key = ProgramKey::VerifyingKey(bytes);
    assert_eq!(code_of(&Submission { key, ..fixture.submission() }), "VER-007");
}

#[test]
fn rejects_malformed_keys() {
    let Some(fixture) = compressed() else { return };
    let ProgramKey::VerifyingKey(bytes) = fixture.key.clone() else { unreachable!() };
    let longer = [&bytes[..], &[0]].concat();
    let mut unreduced = bytes.clone();
    // The same field element, written with the field's order added.
    let word = u32::from_le_bytes(unreduced[4..8].try_into().unwrap()) + 0x7f00_0001;
    unreduced[4..8].copy_from_slice(&word.to_le_bytes());
    for key in [vec![], bytes[..103].to_vec(), longer, unreduced] {
        let key = ProgramKey::VerifyingKey(key);
        assert_eq!(code_of(&Submission { key, ..fixture.submission() }), "VER-010");
    }
    let key = ProgramKey::VerifyingKey(vec![0; 100 << 20]);
    assert_eq!(code_of(&Submission { key, ..fixture.submission() }), "VER-002");
}

#[test]
fn rejects_program_ids_that_pack_no_field_elements() {
    let Some(fixture) = compressed() else { return };
    let high_byte = "0x01e3f2f3dd11e3c2b28234e713a91d6b248fd3ca81619d8bcc6f4ecd7b57a292";
    let all_ones = "0x00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    for id in [high_byte, all_ones] {
        let key = ProgramKey::ProgramId(program_id(id));
        assert_eq!(code_of(&Submission { key, ..fixture.submission() }), "VER-010", "{id}");
    }
}

#[test]
fn rejects_a_second_encoding_of_the_same_proof() {
    let Some(fixture) = compressed() else { return };
    // The first field element of the file is the recursion key's first word.
    let mut submission = fixture.submission();
    let word = u32::from_le_bytes(submission.proof[4..8].try_into().unwrap());
    submission.proof[4..8].copy_from_slice(&(word + 0x7f00_0001).to_le_bytes());
    let error = verify(&submission).unwrap_err();
    assert_eq!(error.code(), "VER-003");
    assert!(error.to_string().contains("canonical"), "{error}");
}
