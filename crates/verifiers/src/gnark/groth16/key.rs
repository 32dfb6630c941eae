use ark_bn254::{Bn254, G1Affine, G2Affine};
use ark_ec::AffineRepr;
use ark_groth16::VerifyingKey;

use super::point;
use crate::{
    VerifyError,
    circuit::{
        groth16,
        reader::{Part, Reader},
    },
    limits::MAX_GNARK_COMMITMENTS,
};

/// A commitment may be hashed with the public inputs and with the hashes of those before it.
pub(super) const LATER: &str = "a commitment is hashed with a value that is not there before it";

/// A verifying key.
#[derive(Debug)]
pub(super) struct Key {
    /// How many public inputs there are.
    pub(super) inputs: usize,
    /// Groth16's own key. For it, the hashes of the commitments are public inputs, too.
    pub(super) groth16: VerifyingKey<Bn254>,
    /// What the circuit commits to, in order.
    pub(super) commitments: Vec<CommitmentKey>,
}

/// The key of a commitment.
#[derive(Debug)]
pub(super) struct CommitmentKey {
    /// Which values are hashed with the commitment, by their place among the public inputs and the hashes that follow them.
    pub(super) hashed: Vec<usize>,
    /// A generator of G2, the same one for all commitments.
    pub(super) generator: G2Affine,
    /// A secret of the setup, another one for each commitment, times the generator; negative.
    pub(super) negated_secret: G2Affine,
}

impl Key {
    /// `[α]₁ [β]₁ [β]₂ [γ]₂ [δ]₁ [δ]₂ n [K₀]₁…[Kₙ₋₁]₁`, then the lists of what is hashed with each commitment, and their keys.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, VerifyError> {
        let mut reader = Reader::new(Part::Key, bytes);
        let alpha_g1 = point(&mut reader)?;
        let _beta_g1: G1Affine = point(&mut reader)?;
        let beta_g2 = point(&mut reader)?;
        let gamma_g2 = point(&mut reader)?;
        let _delta_g1: G1Affine = point(&mut reader)?;
        let delta_g2 = point(&mut reader)?;
        // Nothing is reserved by this number: points that are not there end the loop. So do the lists below.
        let gamma_abc_g1 =
            (0..reader.u32()?).map(|_| point(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let count = reader.u32()?;
        if count > MAX_GNARK_COMMITMENTS {
            return Err(VerifyError::Unsupported {
                what: "circuits with that many commitments are",
                remedy: "commit to more wires at once",
            });
        }
        let hashed = (0..count).map(|_| wires(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        // One point is for the constant one, one for the hash of each commitment, the others for the public inputs.
        let Some(inputs) = gamma_abc_g1.len().checked_sub(hashed.len().saturating_add(1)) else {
            return Err(reader.fault("it has fewer points than commitments"));
        };
        if reader.u32()? != count {
            return Err(reader.fault("commitments and their keys differ in number"));
        }
        let commitments = (inputs..)
            .zip(hashed)
            .map(|(before, wires)| {
                let hashed = places(&wires, before).ok_or_else(|| reader.fault(LATER))?;
                let (generator, negated_secret) = (point(&mut reader)?, point(&mut reader)?);
                Ok(CommitmentKey { hashed, generator, negated_secret })
            })
            .collect::<Result<Vec<_>, VerifyError>>()?;
        reader.finish()?;
        let groth16 =
            groth16::checked(VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 })?;
        check(&commitments).map_err(|reason| Part::Key.fault(reason))?;
        Ok(Self { inputs, groth16, commitments })
    }
}

/// gnark's numbers of wires, of which the first, zero, is the constant one.
fn wires(reader: &mut Reader<'_>) -> Result<Vec<u64>, VerifyError> {
    (0..reader.u32()?).map(|_| reader.u64()).collect()
}

/// Places of wires among the first `before` values; nothing if one of them is not there.
fn places(wires: &[u64], before: usize) -> Option<Vec<usize>> {
    let place = |wire: &u64| usize::try_from(wire.checked_sub(1)?).ok();
    wires.iter().map(|wire| place(wire).filter(|place| *place < before)).collect()
}

/// Refuses keys that no setup makes: with some of them, knowledge of what is committed to needs no proof.
fn check(commitments: &[CommitmentKey]) -> Result<(), &'static str> {
    let Some(first) = commitments.first() else { return Ok(()) };
    if commitments.iter().any(|key| key.generator != first.generator) {
        return Err("its commitments have different generators");
    }
    if first.generator.is_zero() || commitments.iter().any(|key| key.negated_secret.is_zero()) {
        return Err("the key of a commitment has a point at infinity");
    }
    Ok(())
}
