//! Groth16 over BN254, whichever tool's encoding the proof came in.

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_groth16::{Groth16, Proof, VerifyingKey, prepare_verifying_key};

use super::reader::Part;
use crate::VerifyError;

/// Refuses keys that no setup makes: with some of them, everything could be proven.
pub(crate) fn checked(key: VerifyingKey<Bn254>) -> Result<VerifyingKey<Bn254>, VerifyError> {
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

/// Verifies a proof whose points were checked when they were read, with a [`checked`] key. The commitments, of a tool that
/// has them, are a part of the statement beside the inputs.
///
/// # Errors
/// A point at infinity, which no prover makes; a proof that does not hold.
pub(crate) fn verify(
    key: &VerifyingKey<Bn254>,
    proof: &Proof<Bn254>,
    inputs: &[Fr],
    commitments: &[G1Affine],
) -> Result<(), VerifyError> {
    if proof.a.is_zero() || proof.b.is_zero() || proof.c.is_zero() {
        return Err(Part::Proof.fault("A, B or C is the point at infinity"));
    }
    let key = prepare_verifying_key(key);
    let verdict = Groth16::<Bn254>::prepare_inputs(&key, inputs).and_then(|of_inputs| {
        let statement = commitments.iter().fold(of_inputs, |sum, commitment| sum + commitment);
        Groth16::<Bn254>::verify_proof_with_prepared_inputs(&key, proof, &statement)
    });
    match verdict {
        Ok(true) => Ok(()),
        Ok(false) => Err(VerifyError::Rejected { reason: "the pairing check failed".to_owned() }),
        Err(error) => Err(VerifyError::Rejected { reason: error.to_string() }),
    }
}
