use ark_ec::AffineRepr;
use ark_ff::{Field, One};

use super::super::curve::Curve;
use crate::{
    VerifyError,
    circuit::{
        encoding::Point,
        inputs::WORD,
        reader::{Part, Reader},
    },
    limits::{MAX_GNARK_COMMITMENTS, MAX_PUBLIC_VALUES_BYTES},
};

/// Circuits have fewer rows than this in any setup that exists; it keeps `size + 2` far from overflowing.
const MAX_ROWS: u64 = 1 << 32;

/// A verifying key. Names are those of the paper (ePrint 2019/953): `q` selects, `s` permutes.
#[derive(Debug)]
pub(super) struct Key<C: Curve> {
    /// Rows of the circuit, a power of two.
    pub(super) size: u64,
    /// Inverse of the size.
    pub(super) size_inverse: C::ScalarField,
    /// Generates the domain: a root of unity of order `size`.
    pub(super) generator: C::ScalarField,
    /// How many public inputs there are.
    pub(super) public_inputs: usize,
    /// Separates the domains of the three wires.
    pub(super) shift: C::ScalarField,
    pub(super) s: [C::G1Affine; 3],
    pub(super) q_left: C::G1Affine,
    pub(super) q_right: C::G1Affine,
    pub(super) q_product: C::G1Affine,
    pub(super) q_output: C::G1Affine,
    pub(super) q_constant: C::G1Affine,
    /// What the circuit commits to (`api.Commit`).
    pub(super) commitments: Vec<Commitment<C>>,
    /// The setup's generator of G1.
    pub(super) kzg_g1: C::G1Affine,
    /// The setup's generator of G2, and the secret times it.
    pub(super) kzg_g2: [C::G2Affine; 2],
}

/// A commitment to wires, whose hash the circuit takes for a random number.
#[derive(Debug)]
pub(super) struct Commitment<C: Curve> {
    /// Selects the wires.
    pub(super) selector: C::G1Affine,
    /// The row whose public value is the hash.
    pub(super) row: u64,
}

impl<C: Curve> Key<C> {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, VerifyError> {
        let mut reader = Reader::new(Part::Key, bytes);
        let size = reader.u64()?;
        let size_inverse = reader.element()?;
        let generator = reader.element()?;
        let public_inputs = reader.u64()?;
        let shift = reader.element()?;
        let mut g1 = || reader.compressed::<C::G1Affine>(&C::MARKS);
        let s = [g1()?, g1()?, g1()?];
        let [q_left, q_right, q_product, q_output, q_constant] =
            [g1()?, g1()?, g1()?, g1()?, g1()?];
        let count = reader.u32()?;
        if count > MAX_GNARK_COMMITMENTS {
            return Err(VerifyError::Unsupported {
                what: "circuits with that many commitments are",
                remedy: "commit to more wires at once",
            });
        }
        let selectors =
            (0..count).map(|_| reader.compressed(&C::MARKS)).collect::<Result<Vec<_>, _>>()?;
        let kzg_g1 = reader.compressed(&C::MARKS)?;
        let kzg_g2 = [reader.compressed(&C::MARKS)?, reader.compressed(&C::MARKS)?];
        // What gnark computes ahead of a pairing, from the two points before: two points' lines, each of two elements
        // of G2's field. They are covered by the program id, and not used.
        let elements = 2 * (2 * C::LINE_PAIRS) * 2;
        reader.take(elements * <C::G2Affine as Point>::BYTES)?;
        if reader.u32()? != count {
            return Err(reader.fault("commitments and their rows differ in number"));
        }
        let commitments = selectors
            .into_iter()
            .map(|selector| {
                // The file counts from the row behind the public inputs.
                let row = reader.u64()?.saturating_add(public_inputs);
                Ok(Commitment { selector, row })
            })
            .collect::<Result<_, VerifyError>>()?;
        reader.finish()?;
        let key = Self {
            size,
            size_inverse,
            generator,
            public_inputs: usize::try_from(public_inputs).unwrap_or(usize::MAX),
            shift,
            s,
            q_left,
            q_right,
            q_product,
            q_output,
            q_constant,
            commitments,
            kzg_g1,
            kzg_g2,
        };
        key.check().map_err(|reason| Part::Key.fault(reason))?;
        Ok(key)
    }

    /// That the numbers describe a domain, and that the setup is none that proves everything.
    fn check(&self) -> Result<(), &'static str> {
        if !self.size.is_power_of_two() || self.size < 2 || self.size > MAX_ROWS {
            return Err("its size is not a power of two, or too large");
        }
        if C::ScalarField::from(self.size) * self.size_inverse != C::ScalarField::one() {
            return Err("the inverse of its size is not the inverse");
        }
        // Of order `size` and no smaller one: half way round is -1.
        if self.generator.pow([self.size / 2]) != -C::ScalarField::one() {
            return Err("its generator does not generate the domain");
        }
        // In one domain, two wires would share their positions.
        let shifted = self.shift.pow([self.size]);
        let one = C::ScalarField::one();
        if shifted == one || shifted == C::ScalarField::from(0_u64) || shifted.square() == one {
            return Err("its shift does not separate the wires");
        }
        let inputs = self.public_inputs;
        if inputs > MAX_PUBLIC_VALUES_BYTES / WORD
            || u64::try_from(inputs).map_or(true, |inputs| inputs > self.size)
        {
            return Err("it has too many public inputs");
        }
        if self.commitments.iter().any(|commitment| commitment.row >= self.size) {
            return Err("a commitment is in no row");
        }
        if self.kzg_g1.is_zero() || self.kzg_g2.iter().any(AffineRepr::is_zero) {
            return Err("its setup has a point at infinity");
        }
        Ok(())
    }
}
