//! gnark's Plonk: wire polynomials committed with KZG, the quotient in three parts, one linearised polynomial.

mod key;
mod proof;
mod transcript;
mod verify;

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use collimate_core::ProgramId;

use self::{key::Key, proof::Proof};
use super::curve::Curve;
use crate::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError,
    circuit::{self, CircuitSubmission, inputs},
    limits::{MAX_CIRCUIT_KEY_BYTES, MAX_PLONK_PROOF_BYTES},
};

/// gnark's Plonk over BN254, with SHA-256 for its challenges: gnark's default.
#[derive(Debug, Clone, Copy, Default)]
pub struct GnarkPlonkBn254;

/// gnark's Plonk over BLS12-381, with SHA-256 for its challenges: gnark's default.
#[derive(Debug, Clone, Copy, Default)]
pub struct GnarkPlonkBls12_381;

impl ProofSystem for GnarkPlonkBn254 {
    fn name(&self) -> &'static str {
        "gnark-plonk-bn254"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_PLONK_PROOF_BYTES
    }

    fn max_key_bytes(&self) -> usize {
        MAX_CIRCUIT_KEY_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        program_id::<Bn254>(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify_on::<Bn254>(submission)
    }
}

impl ProofSystem for GnarkPlonkBls12_381 {
    fn name(&self) -> &'static str {
        "gnark-plonk-bls12-381"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_PLONK_PROOF_BYTES
    }

    fn max_key_bytes(&self) -> usize {
        MAX_CIRCUIT_KEY_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        program_id::<Bls12_381>(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify_on::<Bls12_381>(submission)
    }
}

fn program_id<C: Curve>(key: &ProgramKey) -> Result<ProgramId, VerifyError> {
    let bytes = circuit::key_bytes(key)?;
    Key::<C>::read(bytes)?;
    Ok(circuit::program_id(bytes))
}

/// The same protocol on either curve.
fn verify_on<C: Curve>(submission: &Submission) -> Result<VerifiedProof, VerifyError> {
    let submission = CircuitSubmission::of(submission, MAX_PLONK_PROOF_BYTES)?;
    let key = Key::<C>::read(submission.key)?;
    let proof = Proof::<C>::read(submission.proof)?;
    let inputs = inputs::read::<C::ScalarField>(submission.inputs, key.public_inputs)?;
    if proof.commitments.len() != key.commitments.len() {
        return Err(VerifyError::Malformed {
            reason: "it has another number of commitments than the key".to_owned(),
        });
    }
    verify::verify(&key, &proof, &inputs)
        .map_err(|reason| VerifyError::Rejected { reason: reason.to_owned() })?;
    Ok(submission.accepted())
}
