use ark_bn254::Bn254;
use ark_groth16::{Proof, VerifyingKey};

use crate::{
    VerifyError,
    circuit::{
        groth16::Encoding,
        reader::{Part, Reader},
    },
};

/// Groth16 over BN254 as snarkjs proves it, in Ethereum's words.
#[derive(Debug, Clone, Copy, Default)]
pub struct CircomGroth16Bn254;

impl Encoding for CircomGroth16Bn254 {
    const NAME: &'static str = "circom-groth16-bn254";

    fn key(bytes: &[u8]) -> Result<VerifyingKey<Bn254>, VerifyError> {
        let mut reader = Reader::new(Part::Key, bytes);
        let alpha_g1 = reader.raw()?;
        let (beta_g2, gamma_g2, delta_g2) = (reader.raw()?, reader.raw()?, reader.raw()?);
        let mut gamma_abc_g1 = Vec::new();
        while reader.left() > 0 {
            gamma_abc_g1.push(reader.raw()?);
        }
        Ok(VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 })
    }

    fn proof(bytes: &[u8]) -> Result<Proof<Bn254>, VerifyError> {
        let mut reader = Reader::new(Part::Proof, bytes);
        let (a, b, c) = (reader.raw()?, reader.raw()?, reader.raw()?);
        reader.finish()?;
        Ok(Proof { a, b, c })
    }
}
