use super::super::curve::Curve;
use crate::{
    VerifyError,
    circuit::reader::{Part, Reader},
    limits::MAX_GNARK_COMMITMENTS,
};

/// What the polynomials are claimed to be at ζ. Their order is that of the file, and of the folded opening.
pub(super) const LINEARISED: usize = 0;
pub(super) const LEFT: usize = 1;
pub(super) const RIGHT: usize = 2;
pub(super) const OUTPUT: usize = 3;
pub(super) const S1: usize = 4;
pub(super) const S2: usize = 5;
pub(super) const CLAIMS: usize = 6;

/// A proof: nine points and seven scalars, and one of each for each commitment of the circuit.
#[derive(Debug)]
pub(super) struct Proof<C: Curve> {
    /// The wires: left, right, output.
    pub(super) wires: [C::G1Affine; 3],
    /// The permutation's product z.
    pub(super) product: C::G1Affine,
    /// The quotient's parts, each of `size + 2` coefficients.
    pub(super) quotient: [C::G1Affine; 3],
    /// The opening at ζ of all that is claimed there.
    pub(super) opening: C::G1Affine,
    /// What is claimed at ζ.
    pub(super) claims: [C::ScalarField; CLAIMS],
    /// What the commitments' selectors are claimed to be at ζ: the file has them behind the claims.
    pub(super) selector_claims: Vec<C::ScalarField>,
    /// The commitments of the circuit.
    pub(super) commitments: Vec<C::G1Affine>,
    /// The opening of z at ωζ.
    pub(super) shifted_opening: C::G1Affine,
    /// z at ωζ.
    pub(super) shifted_product: C::ScalarField,
}

impl<C: Curve> Proof<C> {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, VerifyError> {
        let mut reader = Reader::new(Part::Proof, bytes);
        let mut g1 = || reader.compressed::<C::G1Affine>(&C::MARKS);
        let wires = [g1()?, g1()?, g1()?];
        let product = g1()?;
        let quotient = [g1()?, g1()?, g1()?];
        let opening = g1()?;
        let Some(count) = reader
            .u32()?
            .checked_sub(CLAIMS as u32)
            .filter(|count| *count <= MAX_GNARK_COMMITMENTS)
        else {
            return Err(reader.fault("too few or too many claimed values"));
        };
        let mut scalar = || reader.element::<C::ScalarField>();
        let claims = [scalar()?, scalar()?, scalar()?, scalar()?, scalar()?, scalar()?];
        let selector_claims = (0..count).map(|_| scalar()).collect::<Result<_, _>>()?;
        let shifted_opening = reader.compressed(&C::MARKS)?;
        let shifted_product = reader.element()?;
        if reader.u32()? != count {
            return Err(reader.fault("commitments and claimed values differ in number"));
        }
        let commitments =
            (0..count).map(|_| reader.compressed(&C::MARKS)).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self {
            wires,
            product,
            quotient,
            opening,
            claims,
            selector_claims,
            commitments,
            shifted_opening,
            shifted_product,
        })
    }
}
