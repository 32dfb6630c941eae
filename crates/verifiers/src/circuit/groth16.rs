//! Groth16 over BN254, whichever tool's encoding the proof came in.

use ark_bn254::{Bn254, Fr};
use ark_ec::AffineRepr;
use ark_groth16::{Groth16, Proof, VerifyingKey, prepare_verifying_key};

use super::{inputs, reader::Part};
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

/// Verifies a proof whose points were checked when they were read, with a [`checked`] key.
///
/// # Errors
/// A point at infinity, which no prover makes; another number of public inputs than the key's; a proof that does not
/// hold.
pub(crate) fn verify(
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
