use std::borrow::Borrow;

use collimate_core::{Commitment, ProgramId};
use slop_algebra::{AbstractField, PrimeField32};
use sp1_primitives::SP1Field;
use sp1_recursion_executor::{RECURSIVE_PROOF_NUM_PV_ELTS, RecursionPublicValues};
use sp1_verifier::{
    VerifierRecursionVks, blake3_hash,
    compressed::{CompressedError, SP1CompressedVerifier},
    sha256_hash,
};

use super::{
    CIRCUIT_VERSION,
    file::{CompressedFile, RecursionProof},
    key::KeyWords,
};
use crate::{
    ProgramKey, ProofSystem, Sp1Claims, Submission, VerifiedProof, VerifyError,
    limits::MAX_COMPRESSED_PROOF_BYTES,
};

/// SP1's compressed proofs, the form that aggregation takes. The proof is the file that SP1's SDK saves.
///
/// Building one prepares the recursion machine; keep it.
pub struct Sp1Compressed {
    verifier: SP1CompressedVerifier,
    vk_root: [SP1Field; 8],
}

impl Default for Sp1Compressed {
    fn default() -> Self {
        Self {
            verifier: SP1CompressedVerifier::new(),
            vk_root: VerifierRecursionVks::default().root(),
        }
    }
}

impl std::fmt::Debug for Sp1Compressed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sp1Compressed").field("version", &CIRCUIT_VERSION).finish_non_exhaustive()
    }
}

impl ProofSystem for Sp1Compressed {
    fn name(&self) -> &'static str {
        "sp1-compressed"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_COMPRESSED_PROOF_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        KeyWords::from_key(key).map(|words| words.program_id())
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        let words = KeyWords::from_key(&submission.key)?;
        let file = CompressedFile::parse(&submission.proof)?;
        let public_values = file.public_values.as_slice();
        if submission.public_values.as_ref().is_some_and(|claimed| claimed != public_values) {
            return Err(VerifyError::WrongPublicValues);
        }
        self.check_claims(&file.proof, words, public_values)?;
        self.verifier.verify_compressed(&file.proof, &words.to_field()).map_err(rejection)?;

        let program_id = words.program_id();
        Ok(VerifiedProof {
            program_id,
            public_values: public_values.to_vec(),
            commitment: Commitment::new(public_values, &program_id),
            sp1: Some(Sp1Claims {
                vk_words: words.0,
                public_values_digest: sha256_hash(public_values),
                version: file.sp1_version,
            }),
        })
    }
}

impl Sp1Compressed {
    /// Compares what the proof claims with what the submitter says. The claims are bound by the proof, which is
    /// verified after this; looking first is what lets the error name the difference. The digest is checked here
    /// alone: SP1's own check would take a BLAKE3 digest too, which the aggregation programs do not claim.
    fn check_claims(
        &self,
        proof: &RecursionProof,
        words: KeyWords,
        public_values: &[u8],
    ) -> Result<(), VerifyError> {
        let values = proof.proof.public_values.as_slice();
        if values.len() != RECURSIVE_PROOF_NUM_PV_ELTS {
            return Err(VerifyError::Malformed {
                reason: format!("{} recursion public values", values.len()),
            });
        }
        let claims: &RecursionPublicValues<SP1Field> = values.borrow();
        if claims.vk_root != self.vk_root {
            return Err(VerifyError::WrongVersion {
                found: "with other recursion keys".to_owned(),
                expected: CIRCUIT_VERSION,
            });
        }
        if claims.exit_code != SP1Field::zero() {
            return Err(VerifyError::ProgramFailed { exit_code: claims.exit_code.to_string() });
        }
        if claims.sp1_vk_digest != words.to_field() {
            let found = KeyWords(claims.sp1_vk_digest.map(|word| word.as_canonical_u32()));
            return Err(VerifyError::WrongKey {
                found: found.program_id().to_string(),
                expected: words.program_id().to_string(),
            });
        }
        let claimed = |digest: [u8; 32]| {
            digest.iter().map(|&byte| SP1Field::from_canonical_u8(byte)).eq(claims
                .committed_value_digest
                .iter()
                .flatten()
                .copied())
        };
        if claimed(sha256_hash(public_values)) {
            Ok(())
        } else if claimed(blake3_hash(public_values)) {
            Err(VerifyError::Blake3Digest)
        } else {
            Err(VerifyError::WrongPublicValues)
        }
    }
}

fn rejection(error: CompressedError) -> VerifyError {
    match error {
        // The recursion program of the proof is none of this version's.
        CompressedError::InvalidVkey(_) => VerifyError::WrongVersion {
            found: "with other recursion programs".to_owned(),
            expected: CIRCUIT_VERSION,
        },
        other => VerifyError::Rejected { reason: other.to_string() },
    }
}
