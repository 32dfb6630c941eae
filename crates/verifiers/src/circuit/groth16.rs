//! Groth16 over BN254, whichever tool's encoding the proof came in.

use ark_bn254::{Bn254, Fr};
use ark_ec::AffineRepr;
use ark_groth16::{Groth16, Proof, VerifyingKey, prepare_verifying_key};

use collimate_core::ProgramId;

use super::{CircuitSubmission, inputs, key_bytes, program_id, reader::Part};
use crate::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError,
    limits::{MAX_CIRCUIT_KEY_BYTES, MAX_GROTH16_PROOF_BYTES},
};

/// How a tool writes keys and proofs; all else is the same for every tool.
pub trait Encoding: std::fmt::Debug + Send + Sync {
    /// The proof system's name.
    const NAME: &'static str;

    /// Reads a key, which is [`checked`] afterwards.
    ///
    /// # Errors
    /// Bytes that the tool does not write.
    fn key(bytes: &[u8]) -> Result<VerifyingKey<Bn254>, VerifyError>;

    /// Reads a proof.
    ///
    /// # Errors
    /// Bytes that the tool does not write.
    fn proof(bytes: &[u8]) -> Result<Proof<Bn254>, VerifyError>;
}

impl<E: Encoding> ProofSystem for E {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_GROTH16_PROOF_BYTES
    }

    fn max_key_bytes(&self) -> usize {
        MAX_CIRCUIT_KEY_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        let bytes = key_bytes(key)?;
        checked(E::key(bytes)?)?;
        Ok(program_id(bytes))
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        let submission = CircuitSubmission::of(submission, self.max_proof_bytes())?;
        let (key, proof) = (checked(E::key(submission.key)?)?, E::proof(submission.proof)?);
        verify(&key, &proof, submission.inputs)?;
        Ok(submission.accepted())
    }
}

/// Refuses keys that no setup makes: with some of them, everything could be proven.
fn checked(key: VerifyingKey<Bn254>) -> Result<VerifyingKey<Bn254>, VerifyError> {
    if key.gamma_abc_g1.is_empty() {
        return Err(Part::Key.fault("it has no points for the public inputs"));
    }
    let degenerate = key.alpha_g1.is_zero()
        || [key.beta_g2, key.gamma_g2, key.delta_g2].iter().any(AffineRepr::is_zero);
    if degenerate {
        return Err(Part::Key.fault("alpha, beta, gamma or delta is the point at infinity"));
    }
    Ok(key)
}

/// Verifies a proof whose points were checked when they were read, with a [`checked`] key.
///
/// # Errors
/// A point at infinity, which no prover makes; another number of public inputs than the key's; a proof that does not
/// hold.
fn verify(
    key: &VerifyingKey<Bn254>,
    proof: &Proof<Bn254>,
    words: &[u8],
) -> Result<(), VerifyError> {
    if proof.a.is_zero() || proof.b.is_zero() || proof.c.is_zero() {
        return Err(Part::Proof.fault("A, B or C is the point at infinity"));
    }
    let inputs = inputs::read::<Fr>(words, key.gamma_abc_g1.len().saturating_sub(1))?;
    match Groth16::<Bn254>::verify_proof(&prepare_verifying_key(key), proof, &inputs) {
        Ok(true) => Ok(()),
        Ok(false) => Err(VerifyError::Rejected { reason: "the pairing check failed".to_owned() }),
        Err(error) => Err(VerifyError::Rejected { reason: error.to_string() }),
    }
}
