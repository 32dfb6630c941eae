//! The curves in gnark-crypto's encoding.

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ec::pairing::Pairing;

use crate::circuit::encoding::{Element, Marks, Point};

/// A pairing whose points gnark writes.
pub(super) trait Curve:
    Pairing<G1Affine: Point, G2Affine: Point, ScalarField: Element>
{
    /// The marks of compressed points.
    const MARKS: Marks;

    /// How many pairs of lines gnark-crypto computes ahead for a point of G2: two for each step of the Miller loop.
    const LINE_PAIRS: usize;
}

impl Curve for Bn254 {
    const MARKS: Marks = Marks {
        mask: 0b11 << 6,
        smallest: 0b10 << 6,
        largest: 0b11 << 6,
        infinity: 0b01 << 6,
        raw_infinity: 0,
    };
    const LINE_PAIRS: usize = 66;
}

impl Curve for Bls12_381 {
    const MARKS: Marks = Marks {
        mask: 0b111 << 5,
        smallest: 0b100 << 5,
        largest: 0b101 << 5,
        infinity: 0b110 << 5,
        raw_infinity: 0b010 << 5,
    };
    const LINE_PAIRS: usize = 63;
}
