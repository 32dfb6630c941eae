//! A forger who rewrites what a proof claims: each claim is compared with the statement, and bound by the proof.

use std::{borrow::Borrow, sync::LazyLock};

use crate::fixtures::{Fixture, compressed};
use collimate_core::ProgramId;
use collimate_verifiers::{ProgramKey, Submission, sp1::Sp1Compressed, verify_guarded};
use sp1_recursion_executor::{RECURSIVE_PROOF_NUM_PV_ELTS, RecursionPublicValues};
use sp1_verifier::{blake3_hash, sha256_hash};

/// The position of each claim.
static CLAIMS: LazyLock<RecursionPublicValues<usize>> = LazyLock::new(|| {
    let positions: [usize; RECURSIVE_PROOF_NUM_PV_ELTS] = std::array::from_fn(|at| at);
    *positions.as_slice().borrow()
});

/// The real proof with its claims open to change.
struct Forgery {
    proof: Vec<u8>,
    /// Where the claims begin: words of four bytes.
    claims: usize,
}

impl Forgery {
    fn of(fixture: &Fixture) -> Self {
        let digest = words_of(sha256_hash(&fixture.public_values));
        let proof = fixture.proof.clone();
        let at = proof.windows(digest.len()).position(|window| window == digest).unwrap();
        Self { proof, claims: at - 4 * CLAIMS.committed_value_digest[0][0] }
    }

    fn word(&mut self, column: usize) -> &mut [u8; 4] {
        self.proof[self.claims + 4 * column..].first_chunk_mut().unwrap()
    }

    fn set_digest(&mut self, digest: [u8; 32]) {
        let at = self.claims + 4 * CLAIMS.committed_value_digest[0][0];
        self.proof[at..at + 128].copy_from_slice(&words_of(digest));
    }
}

/// A digest as claims have it: one field element a byte.
fn words_of(digest: [u8; 32]) -> Vec<u8> {
    digest.iter().flat_map(|&byte| u32::from(byte).to_le_bytes()).collect()
}

fn code_of(fixture: &Fixture, proof: Vec<u8>, key: ProgramKey) -> &'static str {
    let submission = Submission { proof, key, ..fixture.submission() };
    verify_guarded(&Sp1Compressed::default(), &submission).expect_err("must be rejected").code()
}

#[test]
fn rejects_a_blake3_digest_by_name() {
    let Some(fixture) = compressed() else { return };
    let mut forgery = Forgery::of(&fixture);
    forgery.set_digest(blake3_hash(&fixture.public_values));
    assert_eq!(code_of(&fixture, forgery.proof, fixture.key.clone()), "VER-009");
}

#[test]
fn rejects_a_digest_that_was_rewritten_for_other_public_values() {
    let Some(fixture) = compressed() else { return };
    let mut forgery = Forgery::of(&fixture);
    let mut values = fixture.public_values.clone();
    values[0] ^= 1;
    forgery.set_digest(sha256_hash(&values));
    let at = forgery.proof.len() - 1 - 14 - values.len();
    forgery.proof[at] = values[0];
    assert_eq!(code_of(&fixture, forgery.proof, fixture.key.clone()), "VER-012");
}

#[test]
fn rejects_digest_bytes_that_are_equal_only_after_truncation() {
    let Some(fixture) = compressed() else { return };
    let mut forgery = Forgery::of(&fixture);
    // 256 more than the byte: equal as u8, another field element.
    forgery.word(CLAIMS.committed_value_digest[3][1])[1] = 1;
    assert_eq!(code_of(&fixture, forgery.proof, fixture.key.clone()), "VER-008");
}

#[test]
fn rejects_a_key_that_was_rewritten_to_another_programs() {
    let Some(fixture) = compressed() else { return };
    let words = [1, 2, 3, 4, 5, 6, 7, 8];
    let mut forgery = Forgery::of(&fixture);
    for (column, word) in CLAIMS.sp1_vk_digest.into_iter().zip(words) {
        *forgery.word(column) = u32::to_le_bytes(word);
    }
    let key = ProgramKey::ProgramId(ProgramId::from_sp1_words(words));
    assert_eq!(code_of(&fixture, forgery.proof, key), "VER-012");
}

#[test]
fn rejects_a_failed_or_incomplete_execution_and_other_recursion_keys() {
    let Some(fixture) = compressed() else { return };
    for (column, value, code) in [
        (CLAIMS.exit_code, 1_u32, "VER-011"),
        (CLAIMS.is_complete, 0, "VER-012"),
        (CLAIMS.vk_root[0], 1, "VER-006"),
        (CLAIMS.digest[0], 1, "VER-012"),
        (CLAIMS.pc_start[0], 1, "VER-012"),
        (CLAIMS.deferred_proofs_digest[0], 1, "VER-012"),
    ] {
        let mut forgery = Forgery::of(&fixture);
        assert_ne!(*forgery.word(column), value.to_le_bytes());
        *forgery.word(column) = value.to_le_bytes();
        assert_eq!(code_of(&fixture, forgery.proof, fixture.key.clone()), code, "{column}");
    }
}
