//! Fiat-Shamir as gnark does it: each challenge is `SHA-256(name ‖ previous challenge ‖ what it is bound to)`, taken
//! modulo the order of the scalar field.

use ark_ff::PrimeField;
use sha2::{Digest, Sha256};

use super::super::{curve::Curve, hash_to_field::hash_to_field};
use crate::circuit::encoding::{Element, Point};

/// gnark's domain separator for the commitments of circuits.
const COMMITMENT: &[u8] = b"BSB22-Plonk";

/// A chain of challenges.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    /// The challenge before, unreduced; nothing before the first.
    previous: Vec<u8>,
}

impl Transcript {
    pub(super) fn challenge<F: PrimeField>(&mut self, name: &str, bound_to: &[u8]) -> F {
        let digest =
            Sha256::new().chain_update(name).chain_update(&self.previous).chain_update(bound_to);
        self.previous = digest.finalize().to_vec();
        F::from_be_bytes_mod_order(&self.previous)
    }
}

/// The number that a circuit gets for its commitment.
pub(super) fn hash_of<C: Curve>(commitment: &C::G1Affine) -> C::ScalarField {
    hash_to_field(&points::<C>([commitment]), COMMITMENT)
}

/// Points, uncompressed, one after the other.
pub(super) fn points<'a, C: Curve>(points: impl IntoIterator<Item = &'a C::G1Affine>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for point in points {
        point.write_raw(&C::MARKS, &mut bytes);
    }
    bytes
}

/// Scalars, one after the other.
pub(super) fn scalars<'a, F: Element + 'a>(scalars: impl IntoIterator<Item = &'a F>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for scalar in scalars {
        scalar.write(&mut bytes);
    }
    bytes
}
