//! Field elements and points as bytes: big-endian, reduced, one encoding each.

use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{BigInt, Fp, Fp2, Fp2Config, FpConfig, PrimeField};

/// A field element with one encoding.
pub(crate) trait Element: Sized {
    /// Bytes of an element.
    const BYTES: usize;

    /// Reads an element; nothing if the bytes are of another length, or a number that is not reduced.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Appends the element's bytes.
    fn write(&self, bytes: &mut Vec<u8>);
}

impl<P: FpConfig<N>, const N: usize> Element for Fp<P, N> {
    const BYTES: usize = N * 8;

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::BYTES {
            return None;
        }
        let mut limbs = [0; N];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks_exact(8)) {
            *limb = u64::from_be_bytes(chunk.try_into().ok()?);
        }
        Self::from_bigint(BigInt::new(limbs))
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        for limb in self.into_bigint().0.iter().rev() {
            bytes.extend(limb.to_be_bytes());
        }
    }
}

/// The imaginary part comes first, in gnark as in EIP-197.
impl<P: Fp2Config> Element for Fp2<P>
where
    P::Fp: Element,
{
    const BYTES: usize = 2 * P::Fp::BYTES;

    fn read(bytes: &[u8]) -> Option<Self> {
        let (imaginary, real) = bytes.split_at_checked(P::Fp::BYTES)?;
        Some(Self::new(P::Fp::read(real)?, P::Fp::read(imaginary)?))
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        self.c1.write(bytes);
        self.c0.write(bytes);
    }
}

/// How a curve marks its points in the first bits of the x coordinate, which are zero in the coordinate itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    /// The bits that are a mark.
    pub(crate) mask: u8,
    /// Compressed, of the two y the smaller one.
    pub(crate) smallest: u8,
    /// Compressed, of the two y the larger one.
    pub(crate) largest: u8,
    /// The point at infinity, compressed.
    pub(crate) infinity: u8,
    /// The point at infinity, uncompressed.
    pub(crate) raw_infinity: u8,
}

/// A point of a pairing's groups. Whatever is read is on the curve and in the subgroup of prime order.
pub(crate) trait Point: Sized {
    /// Bytes of a coordinate, and of a compressed point.
    const BYTES: usize;

    /// Reads x with the mark of y.
    fn read_compressed(bytes: &[u8], marks: &Marks) -> Option<Self>;

    /// Reads x and y as EIP-197 has them; zeros are the point at infinity.
    fn read_raw(bytes: &[u8]) -> Option<Self>;

    /// Appends x and y.
    fn write_raw(&self, marks: &Marks, bytes: &mut Vec<u8>);
}

impl<C: SWCurveConfig> Point for Affine<C>
where
    C::BaseField: Element,
{
    const BYTES: usize = C::BaseField::BYTES;

    fn read_compressed(bytes: &[u8], marks: &Marks) -> Option<Self> {
        let mut x = bytes.to_vec();
        let first = x.first_mut()?;
        let mark = *first & marks.mask;
        *first &= !marks.mask;
        if mark == marks.infinity {
            let zeros = x.len() == Self::BYTES && x.iter().all(|&byte| byte == 0);
            return zeros.then(Self::identity);
        }
        if mark != marks.smallest && mark != marks.largest {
            return None;
        }
        let x = C::BaseField::read(&x)?;
        let point = Self::get_point_from_x_unchecked(x, mark == marks.largest)?;
        point.is_in_correct_subgroup_assuming_on_curve().then_some(point)
    }

    fn read_raw(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 2 * Self::BYTES {
            return None;
        }
        if bytes.iter().all(|&byte| byte == 0) {
            return Some(Self::identity());
        }
        let (x, y) = bytes.split_at_checked(Self::BYTES)?;
        let point = Self::new_unchecked(C::BaseField::read(x)?, C::BaseField::read(y)?);
        let valid = point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve();
        valid.then_some(point)
    }

    fn write_raw(&self, marks: &Marks, bytes: &mut Vec<u8>) {
        if self.infinity {
            bytes.push(marks.raw_infinity);
            bytes.extend(std::iter::repeat_n(0, 2 * Self::BYTES - 1));
        } else {
            self.x.write(bytes);
            self.y.write(bytes);
        }
    }
}
