use ark_bn254::{Bn254, G1Affine};
use ark_ec::AffineRepr;

use super::point;
use crate::{
    VerifyError,
    circuit::reader::{Part, Reader},
    limits::MAX_GNARK_COMMITMENTS,
};

/// A proof.
#[derive(Debug)]
pub(super) struct Proof {
    /// Groth16's own proof.
    pub(super) groth16: ark_groth16::Proof<Bn254>,
    /// The commitments of the circuit.
    pub(super) commitments: Vec<G1Affine>,
    /// Proves that the prover knew what they committed to, for all commitments at once.
    pub(super) knowledge: G1Affine,
}

impl Proof {
    /// `[A]₁ [B]₂ [C]₁ n [D₀]₁…[Dₙ₋₁]₁ [P]₁`. Without commitments gnark does not look at the last point, and writes infinity:
    /// anything else there would be a second encoding.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, VerifyError> {
        let mut reader = Reader::new(Part::Proof, bytes);
        let (a, b, c) = (point(&mut reader)?, point(&mut reader)?, point(&mut reader)?);
        let count = reader.u32()?;
        if count > MAX_GNARK_COMMITMENTS {
            return Err(reader.fault("too many commitments"));
        }
        let commitments = (0..count).map(|_| point(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let knowledge: G1Affine = point(&mut reader)?;
        if commitments.is_empty() && !knowledge.is_zero() {
            return Err(reader.fault("a proof of knowledge for no commitment"));
        }
        reader.finish()?;
        Ok(Self { groth16: ark_groth16::Proof { a, b, c }, commitments, knowledge })
    }
}
