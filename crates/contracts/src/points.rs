//! BLS12-381 points in the contracts' encoding (EIP-2537) and in blst's uncompressed one.
//!
//! blst writes a coordinate in 48 bytes and an element of Fp2 as (imaginary, real); EIP-2537 pads a coordinate to 64 bytes and
//! writes (real, imaginary). In both, bytes are big-endian and x precedes y. Nothing here checks that a point is on its curve:
//! blst does when it reads one, and so do the contracts.

use alloy::primitives::U256;

use crate::{
    ContractsError,
    bindings::{aligned_layer_service_manager, operator_registry},
};

/// Bytes of a coordinate in blst's encoding.
const COORDINATE: usize = 48;
/// blst's flags in the first byte: compressed, infinity, sign.
const FLAGS: u8 = 0b1110_0000;

/// A point of G1: a signature. Holds blst's uncompressed encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct G1Point([u8; 2 * COORDINATE]);

/// A point of G2: a public key. Holds blst's uncompressed encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct G2Point([u8; 4 * COORDINATE]);

impl G1Point {
    /// A point from blst's `Signature::serialize()`. Infinity is refused: it signs nothing.
    ///
    /// # Errors
    /// [`ContractsError::InvalidPoint`] if a flag is set: compressed form or infinity.
    pub fn from_uncompressed(bytes: [u8; 96]) -> Result<Self, ContractsError> {
        without_flags(&bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes that blst's `Signature::deserialize` takes.
    #[must_use]
    pub fn to_uncompressed(self) -> [u8; 96] {
        self.0
    }

    fn words(&self) -> [U256; 4] {
        let [[x0, x1], [y0, y1]] = [word_pair(&self.0, 0), word_pair(&self.0, 1)];
        [x0, x1, y0, y1]
    }
}

impl G2Point {
    /// A point from blst's `PublicKey::serialize()`. Infinity is refused: it is nobody's key.
    ///
    /// # Errors
    /// [`ContractsError::InvalidPoint`] if a flag is set: compressed form or infinity.
    pub fn from_uncompressed(bytes: [u8; 192]) -> Result<Self, ContractsError> {
        without_flags(&bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes that blst's `PublicKey::deserialize` takes.
    #[must_use]
    pub fn to_uncompressed(self) -> [u8; 192] {
        self.0
    }

    /// The 256 bytes of EIP-2537, which a proof of possession signs.
    #[must_use]
    pub fn to_eip2537(self) -> [u8; 256] {
        let mut bytes = [0; 256];
        for (target, word) in bytes.chunks_exact_mut(32).zip(self.words()) {
            target.copy_from_slice(&word.to_be_bytes::<32>());
        }
        bytes
    }

    fn words(&self) -> [U256; 8] {
        let [a, b, c, d] = [1, 0, 3, 2].map(|index| word_pair(&self.0, index));
        [a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]]
    }

    fn from_words(words: [[U256; 2]; 4]) -> Result<Self, ContractsError> {
        let mut bytes = [0; 192];
        // EIP-2537's order, real before imaginary, becomes blst's.
        let [x0, x1, y0, y1] = words;
        for (target, [hi, lo]) in bytes.chunks_exact_mut(COORDINATE).zip([x1, x0, y1, y0]) {
            let (upper, lower) = target.split_at_mut(16);
            let hi = u128::try_from(hi)
                .map_err(|_| ContractsError::InvalidPoint("a coordinate exceeds 48 bytes"))?;
            upper.copy_from_slice(&hi.to_be_bytes());
            lower.copy_from_slice(&lo.to_be_bytes::<32>());
        }
        Self::from_uncompressed(bytes)
    }
}

fn without_flags(bytes: &[u8]) -> Result<(), ContractsError> {
    match bytes.first() {
        Some(first) if first & FLAGS == 0 => Ok(()),
        _ => Err(ContractsError::InvalidPoint("compressed form or the point at infinity")),
    }
}

/// The `index`-th coordinate as EIP-2537's two words.
fn word_pair(bytes: &[u8], index: usize) -> [U256; 2] {
    let coordinate = bytes.get(index * COORDINATE..(index + 1) * COORDINATE).unwrap_or_default();
    let (upper, lower) = coordinate.split_at_checked(16).unwrap_or_default();
    [U256::from_be_slice(upper), U256::from_be_slice(lower)]
}

#[expect(non_snake_case, reason = "the contracts' field names")]
impl From<G1Point> for operator_registry::BLS12381::G1Point {
    fn from(point: G1Point) -> Self {
        let [xHi, xLo, yHi, yLo] = point.words();
        Self { xHi, xLo, yHi, yLo }
    }
}

#[expect(non_snake_case, reason = "the contracts' field names")]
impl From<G1Point> for aligned_layer_service_manager::BLS12381::G1Point {
    fn from(point: G1Point) -> Self {
        let [xHi, xLo, yHi, yLo] = point.words();
        Self { xHi, xLo, yHi, yLo }
    }
}

#[expect(non_snake_case, reason = "the contracts' field names")]
impl From<G2Point> for operator_registry::BLS12381::G2Point {
    fn from(point: G2Point) -> Self {
        let [x0Hi, x0Lo, x1Hi, x1Lo, y0Hi, y0Lo, y1Hi, y1Lo] = point.words();
        Self { x0Hi, x0Lo, x1Hi, x1Lo, y0Hi, y0Lo, y1Hi, y1Lo }
    }
}

impl TryFrom<operator_registry::BLS12381::G2Point> for G2Point {
    type Error = ContractsError;

    fn try_from(point: operator_registry::BLS12381::G2Point) -> Result<Self, ContractsError> {
        Self::from_words([
            [point.x0Hi, point.x0Lo],
            [point.x1Hi, point.x1Lo],
            [point.y0Hi, point.y0Lo],
            [point.y1Hi, point.y1Lo],
        ])
    }
}
