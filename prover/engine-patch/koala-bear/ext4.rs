//! Fast multiplication in KoalaBear's degree-4 binomial extension, `F[X] / (X^4 - 3)`, one product at a time.
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

#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
pub(crate) use vector::mul;

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) use scalar::mul;

/// The four coefficients side by side in 64-bit lanes.
#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
mod vector {
    #![allow(unsafe_code)]

    use core::{arch::x86_64::*, mem::transmute};

    use crate::vector::{MU, P};

    /// `vpmuludq`, kept from being turned into a longer instruction: see `crate::vector`.
    #[inline(always)]
    fn mul_even(a: __m256i, b: __m256i) -> __m256i {
        let out: __m256i;
        // Safety: the instruction works on registers alone, and AVX2 is there.
        unsafe {
            core::arch::asm!(
                "vpmuludq {}, {}, {}", lateout(ymm_reg) out, in(ymm_reg) a, in(ymm_reg) b,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        out
    }

    /// The product of two extension elements given and returned as Montgomery representatives.
    #[inline(always)]
    pub(crate) fn mul(a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
        // Safety: arrays of four `u32` are vectors of 128 bits; this is compiled only where AVX2 is there.
        unsafe {
            let a: __m128i = transmute(a);
            let b: __m128i = transmute(b);
            let p = _mm256_set1_epi32(P as i32);
            let cut = |x| _mm_min_epu32(x, _mm_sub_epi32(x, _mm_set1_epi32(P as i32)));
            let triple = cut(_mm_add_epi32(cut(_mm_add_epi32(b, b)), b));
            // What a0, a1, a2 and a3 are multiplied by: windows of t0 t1 t2 t3 b0 b1 b2 b3.
            let r0 = _mm256_cvtepu32_epi64(b);
            let t = _mm256_cvtepu32_epi64(triple);
            let r2 = _mm256_permute2x128_si256::<0x21>(t, r0);
            let r1 = _mm256_alignr_epi8::<8>(r0, r2);
            let r3 = _mm256_alignr_epi8::<8>(r2, t);
            // Each coefficient of a in all lanes; the high halves do not count.
            let a0 = _mm256_broadcastd_epi32(a);
            let a1 = _mm256_broadcastd_epi32(_mm_shuffle_epi32::<0x55>(a));
            let a2 = _mm256_broadcastq_epi64(_mm_unpackhi_epi64(a, a));
            let a3 = _mm256_srli_epi64::<32>(a2);
            let sum = _mm256_add_epi64(
                _mm256_add_epi64(mul_even(a0, r0), mul_even(a1, r1)),
                _mm256_add_epi64(mul_even(a2, r2), mul_even(a3, r3)),
            );
            // As `crate::vector::reduce`, in the low half of each lane.
            let multiple = mul_even(mul_even(sum, _mm256_set1_epi32(MU as i32)), p);
            let high = _mm256_srli_epi64::<32>(sum);
            let high = _mm256_min_epu32(high, _mm256_sub_epi32(high, p));
            let difference = _mm256_sub_epi32(high, _mm256_srli_epi64::<32>(multiple));
            let product = _mm256_min_epu32(difference, _mm256_add_epi32(difference, p));
            let order = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
            transmute(_mm256_castsi256_si128(_mm256_permutevar8x32_epi32(product, order)))
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
mod scalar {
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
}
