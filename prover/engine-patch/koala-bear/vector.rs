//! The vector operations on which the fast arithmetic is built, for AVX-512 and for AVX2.
//!
//! A [`V`] holds [`WIDTH`] lanes of 32 bits. Unless a function says otherwise each is a Montgomery
//! representative below `P`, as in `KoalaBear`. `vpmuludq` and `vpmuldq` multiply the even lanes
//! alone, to 64 bits; the odd lanes are moved down by [`odd`] and multiplied apart.

#![allow(unsafe_code)]

use core::mem::transmute;

pub(crate) use imp::*;

/// The KoalaBear prime.
pub(crate) const P: u32 = 0x7f00_0001;
/// `P^-1 mod 2^32`.
pub(crate) const MU: u32 = 0x8100_0001;

/// One instruction, which the compiler takes as it is: from the intrinsic it makes a longer one (`vpmullq`) where it
/// sees that only the low half of a product counts.
macro_rules! instruction {
    ($name:literal, $class:ident, $a:ident, $b:ident) => {{
        let out: V;
        core::arch::asm!(
            concat!($name, " {}, {}, {}"), lateout($class) out, in($class) $a, in($class) $b,
            options(pure, nomem, nostack, preserves_flags)
        );
        out
    }};
}

/// Defines the operations for one instruction set. Safety of the intrinsics: this file is compiled only
/// where the whole program is compiled for that instruction set.
macro_rules! operations {
    ($($name:ident($($arg:ident),*) = $body:expr;)*) => {
        $(#[inline(always)]
        pub(crate) fn $name($($arg: V),*) -> V { unsafe { $body } })*
    };
}

#[cfg(all(target_feature = "avx512f", rustc_version_1_89_or_later))]
mod imp {
    use core::arch::x86_64::*;

    pub(crate) type V = __m512i;
    pub(crate) type Packed = crate::PackedKoalaBearAVX512;
    pub(crate) const WIDTH: usize = 16;

    operations! {
        add(a, b) = _mm512_add_epi32(a, b);
        sub(a, b) = _mm512_sub_epi32(a, b);
        and(a, b) = _mm512_and_si512(a, b);
        min(a, b) = _mm512_min_epu32(a, b);
        mul_low(a, b) = _mm512_mullo_epi32(a, b);
        add64(a, b) = _mm512_add_epi64(a, b);
        sub64(a, b) = _mm512_sub_epi64(a, b);
        mul_even(a, b) = instruction!("vpmuludq", zmm_reg, a, b);
        mul_even_signed(a, b) = instruction!("vpmuldq", zmm_reg, a, b);
        odd(a) = _mm512_castps_si512(_mm512_movehdup_ps(_mm512_castsi512_ps(a)));
        high_halves(even, odd) = _mm512_castps_si512(_mm512_mask_movehdup_ps(
            _mm512_castsi512_ps(odd), 0x5555, _mm512_castsi512_ps(even)));
    }

    #[inline(always)]
    pub(crate) fn splat(x: u32) -> V {
        unsafe { _mm512_set1_epi32(x as i32) }
    }

    #[inline(always)]
    pub(crate) fn shift_right<const N: u32>(a: V) -> V {
        unsafe { _mm512_srli_epi32::<N>(a) }
    }

    /// Four elements of the extension, one in each quarter.
    #[inline(always)]
    pub(crate) unsafe fn quarters(p: [*const [u32; 4]; WIDTH / 4]) -> V {
        let load = |i: usize| unsafe { _mm_loadu_si128(p[i].cast()) };
        unsafe {
            let x = _mm512_castsi128_si512(load(0));
            let x = _mm512_inserti32x4::<1>(x, load(1));
            let x = _mm512_inserti32x4::<2>(x, load(2));
            _mm512_inserti32x4::<3>(x, load(3))
        }
    }

    /// The order of elements that [`transpose`] gives: lane `4 k + m` takes lane `4 m + k`.
    #[inline(always)]
    pub(crate) fn reorder(x: V) -> V {
        unsafe {
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_permutexvar_epi32(order, x)
        }
    }

    /// Transposes the four 4x4 matrices that the quarters of the four vectors form.
    #[inline(always)]
    pub(crate) fn transpose(x: [V; 4]) -> [V; 4] {
        unsafe {
            let (a, b) = (_mm512_unpacklo_epi32(x[0], x[1]), _mm512_unpackhi_epi32(x[0], x[1]));
            let (c, d) = (_mm512_unpacklo_epi32(x[2], x[3]), _mm512_unpackhi_epi32(x[2], x[3]));
            [
                _mm512_unpacklo_epi64(a, c),
                _mm512_unpackhi_epi64(a, c),
                _mm512_unpacklo_epi64(b, d),
                _mm512_unpackhi_epi64(b, d),
            ]
        }
    }
}

#[cfg(not(all(target_feature = "avx512f", rustc_version_1_89_or_later)))]
mod imp {
    use core::arch::x86_64::*;

    pub(crate) type V = __m256i;
    pub(crate) type Packed = crate::PackedKoalaBearAVX2;
    pub(crate) const WIDTH: usize = 8;

    operations! {
        add(a, b) = _mm256_add_epi32(a, b);
        sub(a, b) = _mm256_sub_epi32(a, b);
        and(a, b) = _mm256_and_si256(a, b);
        min(a, b) = _mm256_min_epu32(a, b);
        mul_low(a, b) = _mm256_mullo_epi32(a, b);
        add64(a, b) = _mm256_add_epi64(a, b);
        sub64(a, b) = _mm256_sub_epi64(a, b);
        mul_even(a, b) = instruction!("vpmuludq", ymm_reg, a, b);
        mul_even_signed(a, b) = instruction!("vpmuldq", ymm_reg, a, b);
        odd(a) = _mm256_castps_si256(_mm256_movehdup_ps(_mm256_castsi256_ps(a)));
        high_halves(even, odd_) = _mm256_blend_epi32::<0b1010_1010>(odd(even), odd_);
    }

    #[inline(always)]
    pub(crate) fn splat(x: u32) -> V {
        unsafe { _mm256_set1_epi32(x as i32) }
    }

    #[inline(always)]
    pub(crate) fn shift_right<const N: u32>(a: V) -> V {
        // The intrinsic's parameter is signed.
        match N {
            2 => unsafe { _mm256_srli_epi32::<2>(a) },
            3 => unsafe { _mm256_srli_epi32::<3>(a) },
            4 => unsafe { _mm256_srli_epi32::<4>(a) },
            5 => unsafe { _mm256_srli_epi32::<5>(a) },
            6 => unsafe { _mm256_srli_epi32::<6>(a) },
            7 => unsafe { _mm256_srli_epi32::<7>(a) },
            8 => unsafe { _mm256_srli_epi32::<8>(a) },
            9 => unsafe { _mm256_srli_epi32::<9>(a) },
            10 => unsafe { _mm256_srli_epi32::<10>(a) },
            11 => unsafe { _mm256_srli_epi32::<11>(a) },
            12 => unsafe { _mm256_srli_epi32::<12>(a) },
            13 => unsafe { _mm256_srli_epi32::<13>(a) },
            14 => unsafe { _mm256_srli_epi32::<14>(a) },
            15 => unsafe { _mm256_srli_epi32::<15>(a) },
            _ => unreachable!(),
        }
    }

    /// Two elements of the extension, one in each half.
    #[inline(always)]
    pub(crate) unsafe fn quarters(p: [*const [u32; 4]; WIDTH / 4]) -> V {
        let load = |i: usize| unsafe { _mm_loadu_si128(p[i].cast()) };
        unsafe { _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(load(0)), load(1)) }
    }

    /// The order of elements that [`transpose`] gives: lane `4 k + m` takes lane `2 m + k`.
    #[inline(always)]
    pub(crate) fn reorder(x: V) -> V {
        unsafe { _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7)) }
    }

    /// Transposes the two 4x4 matrices that the halves of the four vectors form.
    #[inline(always)]
    pub(crate) fn transpose(x: [V; 4]) -> [V; 4] {
        unsafe {
            let (a, b) = (_mm256_unpacklo_epi32(x[0], x[1]), _mm256_unpackhi_epi32(x[0], x[1]));
            let (c, d) = (_mm256_unpacklo_epi32(x[2], x[3]), _mm256_unpackhi_epi32(x[2], x[3]));
            [
                _mm256_unpacklo_epi64(a, c),
                _mm256_unpackhi_epi64(a, c),
                _mm256_unpacklo_epi64(b, d),
                _mm256_unpackhi_epi64(b, d),
            ]
        }
    }
}

#[inline(always)]
pub(crate) fn from_packed(x: Packed) -> V {
    // Safety: `Packed` is a transparent array of WIDTH transparent `u32`s.
    unsafe { transmute::<Packed, V>(x) }
}

/// Every lane must be below `P`.
#[inline(always)]
pub(crate) fn to_packed(x: V) -> Packed {
    // Safety: as above.
    unsafe { transmute::<V, Packed>(x) }
}

/// The first [`WIDTH`] numbers of a slice.
#[inline(always)]
pub(crate) fn load(x: &[u32]) -> V {
    // Safety: the slice is checked to be as long as a vector; the read may be unaligned.
    unsafe { x[..WIDTH].as_ptr().cast::<V>().read_unaligned() }
}

/// Writes the first [`WIDTH`] numbers of a slice.
#[inline(always)]
pub(crate) fn store(x: V, out: &mut [u32]) {
    // Safety: as above.
    unsafe { out[..WIDTH].as_mut_ptr().cast::<V>().write_unaligned(x) }
}

/// For lanes below `2 P`: the same modulo `P`, below `P`. Where `x < P` the difference wraps and is larger.
#[inline(always)]
pub(crate) fn cut(x: V) -> V {
    min(x, sub(x, splat(P)))
}

/// For lanes in `-P..P`, in two's complement: the same modulo `P`, in `0..P`.
#[inline(always)]
pub(crate) fn lift(x: V) -> V {
    min(x, add(x, splat(P)))
}

/// The sum modulo `P`; it does not overflow, since `2 P < 2^32`.
#[inline(always)]
pub(crate) fn add_mod(a: V, b: V) -> V {
    cut(add(a, b))
}

/// The difference modulo `P`.
#[inline(always)]
pub(crate) fn sub_mod(a: V, b: V) -> V {
    lift(sub(a, b))
}

/// Montgomery reduction of 64-bit lanes below `2 P 2^32`, those of the even and those of the odd lanes:
/// `x 2^-32 mod P`. With `x = h 2^32 + l` and `m = l MU mod 2^32` the low halves of `x` and of `m P` are
/// the same, so the result is `h - (m P >> 32)`; `h < 2 P` is cut first, and `m P >> 32 < P`.
#[inline(always)]
pub(crate) fn reduce(even: V, odd: V) -> V {
    let (p, mu) = (splat(P), splat(MU));
    let high = cut(high_halves(even, odd));
    let multiple = high_halves(mul_even(mul_even(even, mu), p), mul_even(mul_even(odd, mu), p));
    sub_mod(high, multiple)
}

/// The product of Montgomery representatives.
#[inline(always)]
pub(crate) fn mul(a: V, b: V) -> V {
    mul_with_odd(a, odd(a), b, odd(b))
}

/// The product, where the odd lanes of the factors are known already. A product of two numbers below `P` is below
/// `P 2^32`, so its high half needs no cut.
#[inline(always)]
pub(crate) fn mul_with_odd(a: V, a_odd: V, b: V, b_odd: V) -> V {
    let (p, mu) = (splat(P), splat(MU));
    let (even, odd) = (mul_even(a, b), mul_even(a_odd, b_odd));
    let multiple = high_halves(mul_even(mul_even(even, mu), p), mul_even(mul_even(odd, mu), p));
    sub_mod(high_halves(even, odd), multiple)
}
