use ark_bn254::Fq;
use collimate_core::{Commitment, ProgramId};
use risc0_zkvm::{
    Digest, Groth16Receipt, MaybePruned, ReceiptClaim,
    sha::{Impl, Sha256},
};

use super::{image_id, version::Version};
use crate::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError,
    circuit::encoding::Element,
    limits::{MAX_GROTH16_PROOF_BYTES, MAX_PUBLIC_VALUES_BYTES, within},
};

/// RISC Zero's Groth16 proofs, of version 3.0, in the bytes that `IRiscZeroVerifier.verify` takes: four bytes that name the verifier,
/// then eight words.
#[derive(Debug, Clone, Copy, Default)]
pub struct Risc0Groth16;

/// The same of versions 2.2 and 2.3.
#[derive(Debug, Clone, Copy, Default)]
pub struct Risc0Groth16V2;

/// Bytes of the proof without the selector.
const SEAL_BYTES: usize = 256;

impl ProofSystem for Risc0Groth16 {
    fn name(&self) -> &'static str {
        "risc0-groth16"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_GROTH16_PROOF_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        image_id(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify(submission, Version::V3)
    }
}

impl ProofSystem for Risc0Groth16V2 {
    fn name(&self) -> &'static str {
        "risc0-groth16-v2"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_GROTH16_PROOF_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        image_id(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify(submission, Version::V2)
    }
}

fn verify(submission: &Submission, version: Version) -> Result<VerifiedProof, VerifyError> {
    let program_id = image_id(&submission.key)?;
    let journal = submission.public_values.as_ref().ok_or(VerifyError::MissingPublicValues)?;
    let remedy = "commit a hash of the journal's content in the program";
    within("the journal", journal.len(), MAX_PUBLIC_VALUES_BYTES, remedy)?;
    let parameters = version.groth16_digest();
    let seal = read(&submission.proof, version, &parameters)?;
    let digest: Digest = *Impl::hash_bytes(journal);
    let claim = ReceiptClaim::ok(program_id.0, MaybePruned::<Vec<u8>>::Pruned(digest));
    Groth16Receipt::new(seal.to_vec(), MaybePruned::Value(claim), parameters)
        .verify_integrity_with_context(&version.context())
        .map_err(|error| VerifyError::Rejected { reason: error.to_string() })?;
    Ok(VerifiedProof {
        program_id,
        public_values: journal.clone(),
        commitment: Commitment::new(journal, &program_id),
        sp1: None,
    })
}

/// Strips the selector. Every coordinate must be reduced: the library ignores a bit of them that its own encoding uses,
/// so each proof would have others that no contract accepts.
fn read<'a>(
    bytes: &'a [u8],
    version: Version,
    parameters: &Digest,
) -> Result<&'a [u8], VerifyError> {
    if bytes.is_empty() {
        return Err(VerifyError::Empty);
    }
    let remedy = "give the seal that the contract takes, not the whole receipt";
    within("the proof", bytes.len(), MAX_GROTH16_PROOF_BYTES, remedy)?;
    let malformed = |reason: String| VerifyError::Malformed { reason };
    let (selector, seal) = bytes
        .split_first_chunk::<4>()
        .ok_or_else(|| malformed("less than four bytes".to_owned()))?;
    if !parameters.as_bytes().starts_with(selector) {
        return Err(version.wrong_selector(*selector));
    }
    if seal.len() != SEAL_BYTES {
        return Err(malformed(format!("{} bytes, not {}", bytes.len(), 4 + SEAL_BYTES)));
    }
    if seal.chunks_exact(Fq::BYTES).any(|word| Fq::read(word).is_none()) {
        return Err(malformed("a coordinate is not reduced".to_owned()));
    }
    Ok(seal)
}
