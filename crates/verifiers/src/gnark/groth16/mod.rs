//! gnark's Groth16: the paper's, and the commitments of circuits that use `api.Commit` (ePrint 2022/1072).
//!
//! A commitment is a point of the proof, whose hash the circuit takes for a random number. The hash follows the public inputs, the
//! point is added to what they make, and one more point proves that the prover knew what they committed to.

mod commitments;
mod key;
mod proof;

use ark_bn254::{Bn254, Fr};
use collimate_core::ProgramId;

use self::{key::Key, proof::Proof};
use super::curve::Curve;
use crate::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError,
    circuit::{
        self, CircuitSubmission,
        encoding::Point,
        groth16, inputs,
        reader::{Part, Reader},
    },
    limits::{MAX_CIRCUIT_KEY_BYTES, MAX_GROTH16_PROOF_BYTES},
};

/// gnark's Groth16 over BN254, with gnark's default hash function for commitments.
#[derive(Debug, Clone, Copy, Default)]
pub struct GnarkGroth16Bn254;

impl ProofSystem for GnarkGroth16Bn254 {
    fn name(&self) -> &'static str {
        "gnark-groth16-bn254"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_GROTH16_PROOF_BYTES
    }

    fn max_key_bytes(&self) -> usize {
        MAX_CIRCUIT_KEY_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        let bytes = circuit::key_bytes(key)?;
        Key::read(bytes)?;
        Ok(circuit::program_id(bytes))
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        let submission = CircuitSubmission::of(submission, MAX_GROTH16_PROOF_BYTES)?;
        let (key, proof) = (Key::read(submission.key)?, Proof::read(submission.proof)?);
        let inputs = inputs::read::<Fr>(submission.inputs, key.inputs)?;
        if proof.commitments.len() != key.commitments.len() {
            return Err(Part::Proof.fault("it has another number of commitments than the key"));
        }
        let hashes = commitments::hashes(&key.commitments, &proof.commitments, &inputs)
            .ok_or_else(|| Part::Key.fault(key::LATER))?;
        commitments::check_knowledge(&key.commitments, &proof, &hashes)
            .map_err(|reason| VerifyError::Rejected { reason: reason.to_owned() })?;
        let inputs = [inputs, hashes].concat();
        groth16::verify(&key.groth16, &proof.groth16, &inputs, &proof.commitments)?;
        Ok(submission.accepted())
    }
}

/// Reads a point as gnark writes it.
fn point<P: Point>(reader: &mut Reader<'_>) -> Result<P, VerifyError> {
    reader.compressed(&Bn254::MARKS)
}
