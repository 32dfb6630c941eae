use ark_bn254::{Bn254, Fr};
use ark_groth16::{Proof, VerifyingKey};
use collimate_core::ProgramId;

use crate::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError,
    circuit::{
        self, CircuitSubmission, groth16, inputs,
        reader::{Part, Reader},
    },
    limits::{MAX_CIRCUIT_KEY_BYTES, MAX_GROTH16_PROOF_BYTES},
};

/// Groth16 over BN254 as snarkjs proves it, in Ethereum's words.
#[derive(Debug, Clone, Copy, Default)]
pub struct CircomGroth16Bn254;

impl ProofSystem for CircomGroth16Bn254 {
    fn name(&self) -> &'static str {
        "circom-groth16-bn254"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_GROTH16_PROOF_BYTES
    }

    fn max_key_bytes(&self) -> usize {
        MAX_CIRCUIT_KEY_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        let bytes = circuit::key_bytes(key)?;
        read_key(bytes)?;
        Ok(circuit::program_id(bytes))
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        let submission = CircuitSubmission::of(submission, MAX_GROTH16_PROOF_BYTES)?;
        let (key, proof) = (read_key(submission.key)?, read_proof(submission.proof)?);
        let count = key.gamma_abc_g1.len().saturating_sub(1);
        let inputs = inputs::read::<Fr>(submission.inputs, count)?;
        groth16::verify(&key, &proof, &inputs, &[])?;
        Ok(submission.accepted())
    }
}

fn read_key(bytes: &[u8]) -> Result<VerifyingKey<Bn254>, VerifyError> {
    let mut reader = Reader::new(Part::Key, bytes);
    let alpha_g1 = reader.raw()?;
    let (beta_g2, gamma_g2, delta_g2) = (reader.raw()?, reader.raw()?, reader.raw()?);
    let mut gamma_abc_g1 = Vec::new();
    while reader.left() > 0 {
        gamma_abc_g1.push(reader.raw()?);
    }
    groth16::checked(VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 })
}

fn read_proof(bytes: &[u8]) -> Result<Proof<Bn254>, VerifyError> {
    let mut reader = Reader::new(Part::Proof, bytes);
    let (a, b, c) = (reader.raw()?, reader.raw()?, reader.raw()?);
    reader.finish()?;
    Ok(Proof { a, b, c })
}
