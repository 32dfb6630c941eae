//! Poseidon2 of width 3, eight permutations side by side, for the trees of the wrap's commitments.
//!
//! # Lanes
//! An element has five limbs of 52 bits, each limb a vector of eight lanes, as AVX-512 IFMA multiplies them. It stands for
//! `x 2^260` modulo `P`, and need not be below `P`: `2^260` is more than 84 `P`. It is *normal* if each limb is below
//! `2^52`, which what is multiplied must be; a sum of normal elements is not, until [`Lanes::normal`] carried over.
//!
//! # Bounds
//! The product `a b 2^-260 mod P` comes out below `a b / 2^260 + P`: below 1.2 `P` for `a b < 16 P^2`. In a permutation
//! everything else is a small multiple of `P`:
//!
//! | | below |
//! |---|---|
//! | [`Lanes::reduced`] | 1.1 `P` |
//! | what an external round raises: twice one and once two of three powers (or, at first, of three reduced elements), and a constant | 4 · 1.2 `P` + `P` < 6 `P` |
//! | its square, the square of that, and the fifth power | 1.5 `P`, 1.1 `P`, 1.2 `P` |
//! | the state after one internal round, when its elements were reduced before it: the diagonal is at most 3 | (1.2 + 4 · 1.1) `P` < 6 `P` |
//! | after a second one, before which nothing is reduced | (1.2 + 4 · 6) `P` < 26 `P` |
//! | of that, the element that is not reduced then, and a constant: it is raised in the next round | (2 · 1.2 + 2 · 6 + 1) `P` < 16 `P` |
//! | its square, the square of that, and the fifth power | 4.1 `P`, 1.2 `P`, 1.3 `P` |
//!
//! The last row is what an internal round adds, 0.1 `P` more than the rows above have it, for which they leave room.

#![allow(unsafe_code)]

use core::arch::x86_64::*;

use crate::{
    scalar::{reduce, Words},
    Bn254Fr, FFBn254Fr,
};

/// How many permutations are done at a time.
pub const LANES: usize = 8;
/// How many elements of a field of 31 bits one element holds.
const PACKED: usize = 8;
/// Elements of the state that a permutation takes in.
const RATE: usize = 2;

type Limbs = [u64; 5];

const LIMB: u64 = (1 << 52) - 1;
/// The prime.
const P: Limbs = [
    0x1_f593_f000_0001,
    0x4_879b_9709_143e,
    0x1_8158_5d28_33e8,
    0xa_029b_8504_5b68,
    0x3064_4e72_e131,
];
/// `2^260 - P`.
const NEG_P: Limbs = [
    0xe_0a6c_0fff_ffff,
    0xb_7864_68f6_ebc1,
    0xe_7ea7_a2d7_cc17,
    0x5_fd64_7afb_a497,
    0xf_cf9b_b18d_1ece,
];
/// `-P^-1 mod 2^52`.
const NEG_INVERSE: u64 = 0x1_f593_efff_ffff;
/// `2^302 / P`, rounded down.
const QUOTIENT: u64 = 0x1_5291_d189_88e8;
/// `2^520 mod P`: a product with it takes an integer in.
const FROM_INTEGER: Limbs =
    [0xb852_d16d_a6f5, 0xc_6216_20cd_dce3, 0xa_f1b9_5343_ffb6, 0xc_3c15_e103_e7c2, 0x281_528f_a122];
/// `2^264 mod P`: from the field's own representative, `x 2^256`.
const FROM_FIELD: Limbs = [
    0x3_1f8c_9fff_fab6,
    0xa_c313_29fa_ef6e,
    0x9_e2a3_495d_7570,
    0xe_3572_76f4_8b70,
    0xd79_1464_ef86,
];
/// `2^256 mod P`: back to it.
const TO_FIELD: Limbs = [
    0x6_341c_4fff_fffb,
    0x9_59f6_0cd2_9ac9,
    0x8_7946_2e36_fc76,
    0xd_f2f6_66ea_36f7,
    0xe0a_77c1_9a07,
];

/// An operation of one instruction. Safety of the intrinsics: this file is compiled only where the whole program is
/// compiled for that instruction set.
macro_rules! operations {
    ($($name:ident($($arg:ident),*) = $body:expr;)*) => {
        $(#[inline(always)]
        fn $name($($arg: __m512i),*) -> __m512i { unsafe { $body } })*
    };
}

operations! {
    low(sum, a, b) = _mm512_madd52lo_epu64(sum, a, b);
    high(sum, a, b) = _mm512_madd52hi_epu64(sum, a, b);
    plus(a, b) = _mm512_add_epi64(a, b);
    and(a, b) = _mm512_and_si512(a, b);
    carry(a) = _mm512_srli_epi64::<52>(a);
    above_250(a) = _mm512_srli_epi64::<42>(a);
}

#[inline(always)]
fn splat(x: u64) -> __m512i {
    unsafe { _mm512_set1_epi64(x as i64) }
}

/// Eight elements.
#[derive(Clone, Copy)]
struct Lanes([__m512i; 5]);

impl Lanes {
    #[inline(always)]
    fn zero() -> Self {
        Self([splat(0); 5])
    }

    #[inline(always)]
    fn splat(limbs: &Limbs) -> Self {
        Self(limbs.map(splat))
    }

    #[inline(always)]
    fn load(words: &[Words; LANES]) -> Self {
        let limbs = words.map(split);
        Self(core::array::from_fn(|i| {
            let lanes: [u64; LANES] = core::array::from_fn(|lane| limbs[lane][i]);
            unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
        }))
    }

    #[inline(always)]
    fn store(self) -> [Words; LANES] {
        let limbs = self.0.map(|limb| {
            let mut lanes = [0_u64; LANES];
            unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), limb) };
            lanes
        });
        core::array::from_fn(|lane| join(core::array::from_fn(|i| limbs[i][lane])))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Self(core::array::from_fn(|i| plus(self.0[i], other.0[i])))
    }

    /// The same number with limbs below `2^52`, if it is below `2^260`.
    #[inline(always)]
    fn normal(mut self) -> Self {
        for i in 0..4 {
            self.0[i + 1] = plus(self.0[i + 1], carry(self.0[i]));
            self.0[i] = and(self.0[i], splat(LIMB));
        }
        self
    }

    /// The same modulo `P`, below `P + 2^250 + 2^208` and normal, for a normal number.
    ///
    /// With `h = x >> 250`, at most 10 bits, `q = h (2^302 / P) >> 52` is at most `x / P`, and `x - q P` is less than
    /// `2^250` and a rounding more than `P`. It is computed as `x + q (2^260 - P)`, without what is above `2^260`.
    #[inline(always)]
    fn reduced(self) -> Self {
        let q = high(splat(0), above_250(self.0[4]), splat(QUOTIENT));
        let mut x = self.0;
        for j in 0..5 {
            x[j] = low(x[j], q, splat(NEG_P[j]));
            if j < 4 {
                x[j + 1] = high(x[j + 1], q, splat(NEG_P[j]));
            }
        }
        let mut x = Self(x).normal();
        x.0[4] = and(x.0[4], splat(LIMB));
        x
    }

    /// Takes the factor `2^260` off a product of ten limbs: each step makes the lowest one zero and carries the rest of it.
    #[inline(always)]
    fn montgomery(mut t: [__m512i; 10]) -> Self {
        for i in 0..5 {
            let m = low(splat(0), t[i], splat(NEG_INVERSE));
            for j in 0..5 {
                t[i + j] = low(t[i + j], m, splat(P[j]));
                t[i + j + 1] = high(t[i + j + 1], m, splat(P[j]));
            }
            t[i + 1] = plus(t[i + 1], carry(t[i]));
        }
        Self([t[5], t[6], t[7], t[8], t[9]]).normal()
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        let mut t = [splat(0); 10];
        for i in 0..5 {
            for j in 0..5 {
                t[i + j] = low(t[i + j], self.0[i], other.0[j]);
                t[i + j + 1] = high(t[i + j + 1], self.0[i], other.0[j]);
            }
        }
        Self::montgomery(t)
    }

    #[inline(always)]
    fn squared(self) -> Self {
        let mut t = [splat(0); 10];
        for i in 0..5 {
            for j in i + 1..5 {
                t[i + j] = low(t[i + j], self.0[i], self.0[j]);
                t[i + j + 1] = high(t[i + j + 1], self.0[i], self.0[j]);
            }
        }
        for limb in &mut t {
            *limb = plus(*limb, *limb);
        }
        for i in 0..5 {
            t[2 * i] = low(t[2 * i], self.0[i], self.0[i]);
            t[2 * i + 1] = high(t[2 * i + 1], self.0[i], self.0[i]);
        }
        Self::montgomery(t)
    }

    /// `(x + constant)^5`, for a sum that need not be normal.
    #[inline(always)]
    fn s_box(self, constant: &Limbs) -> Self {
        let x = self.plus(Self::splat(constant)).normal();
        x.squared().squared().times(x)
    }
}

/// Five limbs of 52 bits of a number below `2^256`.
#[inline(always)]
fn split(x: Words) -> Limbs {
    [
        x[0] & LIMB,
        (x[0] >> 52 | x[1] << 12) & LIMB,
        (x[1] >> 40 | x[2] << 24) & LIMB,
        (x[2] >> 28 | x[3] << 36) & LIMB,
        x[3] >> 16,
    ]
}

/// The inverse of [`split`].
#[inline(always)]
fn join(x: Limbs) -> Words {
    [x[0] | x[1] << 52, x[1] >> 12 | x[2] << 40, x[2] >> 24 | x[3] << 28, x[3] >> 36 | x[4] << 16]
}

/// The integer `v_0 + 2^31 v_1 + 2^62 v_2 + ..` of at most eight values of 31 bits.
#[inline(always)]
fn pack(values: &[u32]) -> Words {
    let mut words = [0; 4];
    for (k, &value) in values.iter().enumerate() {
        let (word, shift) = (31 * k / 64, 31 * k % 64);
        words[word] |= u64::from(value) << shift;
        if shift > 64 - 31 {
            words[word + 1] |= u64::from(value) >> (64 - shift);
        }
    }
    words
}

/// The permutation, with its constants.
pub struct ManyPermutations {
    external: [[Limbs; 3]; 8],
    internal: [Limbs; 56],
}

impl ManyPermutations {
    /// The permutation with the constants of all 64 rounds, of which those with one S-box have one each, where there is
    /// one with that many rounds.
    pub fn new(constants: &[[Bn254Fr; 3]]) -> Option<Self> {
        let constants: &[[Bn254Fr; 3]; 64] = constants.try_into().ok()?;
        // Of one lane: the others are zero.
        let limbs = |x: &Bn254Fr| {
            let mut words = [[0; 4]; LANES];
            words[0] = x.value.0;
            split(Lanes::load(&words).times(Lanes::splat(&FROM_FIELD)).reduced().store()[0])
        };
        Some(Self {
            external: core::array::from_fn(|r| {
                constants[if r < 4 { r } else { r + 56 }].each_ref().map(limbs)
            }),
            internal: core::array::from_fn(|r| limbs(&constants[r + 4][0])),
        })
    }

    /// Digests of at most [`LANES`] rows of `width` values below `2^31` each, which lie one after the other.
    ///
    /// A sponge that overwrites: eight values are one element, and a permutation takes in two.
    pub fn hash_rows(&self, rows: &[u32], width: usize, digests: &mut [[Bn254Fr; 1]]) {
        assert!(digests.len() <= LANES && rows.len() == digests.len() * width);
        let mut state = [Lanes::zero(); 3];
        for start in (0..width).step_by(RATE * PACKED) {
            for (i, element) in state.iter_mut().take(RATE).enumerate() {
                let from = start + i * PACKED;
                if from >= width {
                    break;
                }
                let to = width.min(from + PACKED);
                let mut words = [[0; 4]; LANES];
                for (words, row) in words.iter_mut().zip(rows.chunks_exact(width)) {
                    *words = pack(&row[from..to]);
                }
                *element = Lanes::load(&words).times(Lanes::splat(&FROM_INTEGER));
            }
            self.permute(&mut state);
        }
        write(state[0], digests);
    }

    /// The parents of at most twice [`LANES`] digests.
    pub fn compress(&self, children: &[[Bn254Fr; 1]], parents: &mut [[Bn254Fr; 1]]) {
        assert!(parents.len() <= LANES && children.len() == 2 * parents.len());
        let side = |side: usize| {
            let mut words = [[0; 4]; LANES];
            for (words, pair) in words.iter_mut().zip(children.chunks_exact(2)) {
                *words = pair[side][0].value.0;
            }
            Lanes::load(&words).times(Lanes::splat(&FROM_FIELD))
        };
        let mut state = [side(0), side(1), Lanes::zero()];
        self.permute(&mut state);
        write(state[0], parents);
    }

    /// Permutes [`LANES`] states.
    pub fn permute_states(&self, states: &mut [[Bn254Fr; 3]; LANES]) {
        let mut lanes = core::array::from_fn(|i| {
            Lanes::load(&states.map(|state| state[i].value.0)).times(Lanes::splat(&FROM_FIELD))
        });
        self.permute(&mut lanes);
        for (i, element) in lanes.into_iter().enumerate() {
            let mut column = [[Bn254Fr::default()]; LANES];
            write(element, &mut column);
            for (state, [value]) in states.iter_mut().zip(column) {
                state[i] = value;
            }
        }
    }

    /// Takes elements below 2 `P` and gives reduced ones.
    fn permute(&self, x: &mut [Lanes; 3]) {
        external_layer(x);
        for constants in &self.external[..4] {
            external_round(x, constants);
        }
        *x = x.map(|x| x.normal().reduced());
        for [first, second] in self.internal.as_chunks::<2>().0 {
            internal_round(x, first);
            internal_round(x, second);
            x[1] = x[1].normal().reduced();
            x[2] = x[2].normal().reduced();
        }
        x[0] = x[0].normal().reduced();
        for constants in &self.external[4..] {
            external_round(x, constants);
        }
        *x = x.map(|x| x.normal().reduced());
    }
}

#[inline(always)]
fn external_layer(x: &mut [Lanes; 3]) {
    let sum = x[0].plus(x[1]).plus(x[2]);
    *x = x.map(|x| x.plus(sum));
}

#[inline(always)]
fn external_round(x: &mut [Lanes; 3], constants: &[Limbs; 3]) {
    for (x, constant) in x.iter_mut().zip(constants) {
        *x = x.s_box(constant);
    }
    external_layer(x);
}

/// The matrix has the diagonal (2, 2, 3) and ones elsewhere.
#[inline(always)]
fn internal_round(x: &mut [Lanes; 3], constant: &Limbs) {
    let x0 = x[0].s_box(constant);
    let sum = x[1].plus(x[2]).plus(x0);
    *x = [x0.plus(sum), x[1].plus(sum), x[2].plus(x[2]).plus(sum)];
}

/// Writes as many lanes as there are places, in the field's own form.
fn write(element: Lanes, places: &mut [[Bn254Fr; 1]]) {
    // A product with a reduced element is below 2 P.
    let words = element.times(Lanes::splat(&TO_FIELD)).store();
    for (place, words) in places.iter_mut().zip(words) {
        place[0] = Bn254Fr::new(FFBn254Fr(reduce(words)));
    }
}
