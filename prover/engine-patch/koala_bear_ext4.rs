//! Fast multiplication in KoalaBear's degree-4 binomial extension, `F[X] / (X^4 - 3)`.
//!
//! The engine multiplies coefficient by coefficient and reduces each of its 22 products. Here each
//! of the four result coefficients is one sum of four 64-bit products, reduced once:
//!
//! ```text
//! c0 = a0 b0 + a1 (3 b3) + a2 (3 b2) + a3 (3 b1)
//! c1 = a0 b1 + a1 b0     + a2 (3 b3) + a3 (3 b2)
//! c2 = a0 b2 + a1 b1     + a2 b0     + a3 (3 b3)
//! c3 = a0 b3 + a1 b2     + a2 b1     + a3 b0
//! ```
//!
//! Bounds: every Montgomery representative is below P = 2^31 - 2^24 + 1, so a sum of four products
//! is at most 4 (P - 1)^2 < 2^64 and below 2 P 2^32. One conditional subtraction of P 2^32 brings it
//! into the range that Montgomery reduction takes (below P 2^32).

/// The KoalaBear prime.
const P: u32 = 0x7f00_0001;
/// `P` shifted by the Montgomery radix 2^32.
const P_R: u64 = (P as u64) << 32;
/// P^-1 mod 2^32.
const MU: u32 = 0x8100_0001;

/// Montgomery reduction of `x < 2 P 2^32` to `x 2^-32 mod P`.
#[inline(always)]
const fn reduce_wide(x: u64) -> u32 {
    // min(x, x - P 2^32 mod 2^64) is the conditional subtraction without a branch.
    let y = x.wrapping_sub(P_R);
    let x = if y < x { y } else { x };
    let t = (x as u32).wrapping_mul(MU);
    let u = (t as u64) * (P as u64);
    let (d, borrow) = x.overflowing_sub(u);
    let hi = (d >> 32) as u32;
    if borrow { hi.wrapping_add(P) } else { hi }
}

/// `3 b mod P` for `b < P`.
#[inline(always)]
const fn triple(b: u32) -> u32 {
    let d = 2 * (b as u64);
    let d = if d >= P as u64 { d - P as u64 } else { d };
    let t = d + b as u64;
    (if t >= P as u64 { t - P as u64 } else { t }) as u32
}

/// The product of two extension elements given and returned as Montgomery representatives.
#[inline(always)]
pub(crate) const fn mul(a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
    let (a0, a1, a2, a3) = (a[0] as u64, a[1] as u64, a[2] as u64, a[3] as u64);
    let (b0, b1, b2, b3) = (b[0] as u64, b[1] as u64, b[2] as u64, b[3] as u64);
    let (t1, t2, t3) = (triple(b[1]) as u64, triple(b[2]) as u64, triple(b[3]) as u64);
    [
        reduce_wide(a0 * b0 + a1 * t3 + a2 * t2 + a3 * t1),
        reduce_wide(a0 * b1 + a1 * b0 + a2 * t3 + a3 * t2),
        reduce_wide(a0 * b2 + a1 * b1 + a2 * b0 + a3 * t3),
        reduce_wide(a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0),
    ]
}
