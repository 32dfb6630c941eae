use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_groth16::{Proof, VerifyingKey};

use super::curve::Curve;
use crate::{
    VerifyError,
    circuit::{
        groth16::Encoding,
        reader::{Part, Reader},
    },
};

/// gnark's Groth16 over BN254.
#[derive(Debug, Clone, Copy, Default)]
pub struct GnarkGroth16Bn254;

const COMMITMENTS: VerifyError = VerifyError::Unsupported {
    what: "Groth16 of circuits with commitments is",
    remedy: "prove with Plonk, or compile the circuit without api.Commit and what uses it",
};

impl Encoding for GnarkGroth16Bn254 {
    const NAME: &'static str = "gnark-groth16-bn254";

    /// `[α]₁ [β]₁ [β]₂ [γ]₂ [δ]₁ [δ]₂ n [K₀]₁…[Kₙ₋₁]₁`, then what belongs to commitments: two empty lists.
    fn key(bytes: &[u8]) -> Result<VerifyingKey<Bn254>, VerifyError> {
        let mut reader = Reader::new(Part::Key, bytes);
        let alpha_g1 = g1(&mut reader)?;
        let _beta_g1 = g1(&mut reader)?;
        let beta_g2 = g2(&mut reader)?;
        let gamma_g2 = g2(&mut reader)?;
        let _delta_g1 = g1(&mut reader)?;
        let delta_g2 = g2(&mut reader)?;
        // Nothing is reserved by this number: points that are not there end the loop.
        let gamma_abc_g1 =
            (0..reader.u32()?).map(|_| g1(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        if reader.u32()? != 0 || reader.u32()? != 0 {
            return Err(COMMITMENTS);
        }
        reader.finish()?;
        Ok(VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 })
    }

    /// `[A]₁ [B]₂ [C]₁`, then what belongs to commitments: none, and a proof of knowledge, which is infinity for none.
    /// gnark does not look at the latter, so anything else there would be a second encoding.
    fn proof(bytes: &[u8]) -> Result<Proof<Bn254>, VerifyError> {
        let mut reader = Reader::new(Part::Proof, bytes);
        let (a, b, c) = (g1(&mut reader)?, g2(&mut reader)?, g1(&mut reader)?);
        if reader.u32()? != 0 {
            return Err(COMMITMENTS);
        }
        if !g1(&mut reader)?.infinity {
            return Err(reader.fault("a proof of knowledge for no commitment"));
        }
        reader.finish()?;
        Ok(Proof { a, b, c })
    }
}

fn g1(reader: &mut Reader<'_>) -> Result<G1Affine, VerifyError> {
    reader.compressed(&Bn254::MARKS)
}

fn g2(reader: &mut Reader<'_>) -> Result<G2Affine, VerifyError> {
    reader.compressed(&Bn254::MARKS)
}
