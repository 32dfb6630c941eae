//! Poseidon2 of width 16 over KoalaBear, many permutations side by side.
//!
//! # Rounds with one S-box
//! Such a round cubes `x_0 + c` and then maps `x` to `R^-1 (S + D x)`, where `S` is the sum of all elements, `D`
//! is the diagonal (-2, 2^0, 2^1, .. 2^13, 2^15) and `R = 2^32` (the engine's matrix, which comes with
//! that factor). Here the state is kept as `z` with `x = 2^(-17 r) z` after `r` rounds, which makes a round
//!
//! ```text
//! z_0 <- 2^(-34 r) (z_0 + 2^(17 r) c)^3
//! z_0 <- 2^-15 (S - 2 z_0)
//! z_i <- 2^-15 S + 2^-n z_i      n = 15, 14, .. 2, 0 for i = 1 .. 15
//! ```
//!
//! so that the diagonal takes no multiplication but [`halve`], and the factor is taken out once at the end.
//!
//! # Dividing by 2^n
//! `P = 127 2^24 + 1`, so for `n <= 24` and `q = -x mod 2^n` the sum `x + q P` is a multiple of `2^n`, and
//! `x 2^-n = (x + q)/2^n + q 127 2^(24-n)`, which is at most `(P - 1 + (2^n - 1) P)/2^n < P`.

use crate::{vector::*, KoalaBear};

const WIDTH16: usize = 16;
/// Rounds with one S-box.
const INTERNAL: usize = 20;
/// Rounds with an S-box for each element.
const EXTERNAL: usize = 8;

/// `2^e` as a Montgomery representative, `e` taken modulo the order `P - 1`.
const fn power_of_two(e: i64) -> u32 {
    let mut e = e.rem_euclid(P as i64 - 1) + 32;
    let mut value = 1_u64;
    let mut base = 2_u64;
    while e > 0 {
        if e % 2 == 1 {
            value = value * base % P as u64;
        }
        base = base * base % P as u64;
        e /= 2;
    }
    value as u32
}

/// `2^(17 r)`, padded to whole vectors.
const SCALE: [u32; 32] = powers(17);
/// `2^(-34 r)`.
const UNSCALE_CUBE: [u32; 32] = powers(-34);
/// `2^(-17 INTERNAL)`.
const UNSCALE: u32 = power_of_two(-17 * INTERNAL as i64);

const fn powers(step: i64) -> [u32; 32] {
    let mut all = [0; 32];
    let mut r = 0;
    while r < 32 {
        all[r] = power_of_two(step * r as i64);
        r += 1;
    }
    all
}

/// `x 2^-N mod P` for `x < P`, `2 <= N <= 15`. Bounds: see the module's doc.
#[inline(always)]
fn halve<const N: u32>(x: V) -> V {
    let q = and(sub(splat(0), x), splat((1 << N) - 1));
    add(shift_right::<N>(add(x, q)), mul_low(q, splat(127 << (24 - N))))
}

/// `t^3` for lanes in `-P..P`, in `0..P`.
///
/// The reduction is signed: with `|x| <= P^2` and `m = x MU` as a signed 32-bit number, `(x - m P)/2^32` is an
/// integer of at most `P^2/2^32 + P/2 < P`, since `P < 2^31`.
#[inline(always)]
fn cube(t: V) -> V {
    let (p, mu) = (splat(P), splat(MU));
    let multiple = |x| mul_even_signed(mul_even(x, mu), p);
    let t_odd = odd(t);
    let (even, odd_) = (mul_even_signed(t, t), mul_even_signed(t_odd, t_odd));
    // The low halves of the differences are zero; `odd` takes the high ones.
    let (square, square_odd) =
        (odd(sub64(even, multiple(even))), odd(sub64(odd_, multiple(odd_))));
    let (even, odd_) = (mul_even_signed(square, t), mul_even_signed(square_odd, t_odd));
    lift(sub(high_halves(even, odd_), high_halves(multiple(even), multiple(odd_))))
}

/// The matrix circ(2 M, M, M, M) with M = circ(2, 3, 1, 1).
#[inline(always)]
fn external_layer(x: &mut [V; WIDTH16]) {
    let double = |x| add_mod(x, x);
    for i in 0..4 {
        let [x0, x1, x2, x3] = [x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]];
        let (t01, t23) = (add_mod(x0, x1), add_mod(x2, x3));
        let t = add_mod(t01, t23);
        let (t1, t3) = (add_mod(t, x1), add_mod(t, x3));
        x[4 * i] = add_mod(t1, t01);
        x[4 * i + 1] = add_mod(t1, double(x2));
        x[4 * i + 2] = add_mod(t3, t23);
        x[4 * i + 3] = add_mod(t3, double(x0));
    }
    for k in 0..4 {
        let sum = add_mod(add_mod(x[k], x[4 + k]), add_mod(x[8 + k], x[12 + k]));
        for i in 0..4 {
            x[4 * i + k] = add_mod(x[4 * i + k], sum);
        }
    }
}

#[inline(always)]
fn external_round(x: &mut [V; WIDTH16], constants: &[KoalaBear; WIDTH16]) {
    for (x, constant) in x.iter_mut().zip(constants) {
        // Both are below P, so the sum minus P is in -P..P.
        *x = cube(add(*x, splat(constant.value.wrapping_sub(P))));
    }
    external_layer(x);
}

/// `constants[r] 2^(17 r) - P`.
#[inline(always)]
fn scaled(constants: &[KoalaBear; INTERNAL]) -> [u32; 32] {
    let mut padded = [0; 32];
    for (padded, constant) in padded.iter_mut().zip(constants) {
        *padded = constant.value;
    }
    let mut all = [0; 32];
    for (i, out) in all.chunks_exact_mut(WIDTH).enumerate() {
        let at = i * WIDTH..(i + 1) * WIDTH;
        store(sub(mul(load(&padded[at.clone()]), load(&SCALE[at])), splat(P)), out);
    }
    all
}

#[inline(always)]
fn internal_round(z: &mut [V; WIDTH16], constant: u32, unscale: u32) {
    let z0 = mul(cube(add(z[0], splat(constant))), splat(unscale));
    // A tree, since the rounds are bound by their latency as much as by their number of instructions.
    let pairs = |i: usize| add_mod(z[i], z[i + 1]);
    let rest = add_mod(
        add_mod(add_mod(z[1], pairs(2)), add_mod(pairs(4), pairs(6))),
        add_mod(add_mod(pairs(8), pairs(10)), add_mod(pairs(12), pairs(14))),
    );
    let sum = halve::<15>(add_mod(rest, z0));
    z[0] = halve::<15>(sub_mod(rest, z0));
    z[1] = add_mod(sum, halve::<15>(z[1]));
    z[2] = add_mod(sum, halve::<14>(z[2]));
    z[3] = add_mod(sum, halve::<13>(z[3]));
    z[4] = add_mod(sum, halve::<12>(z[4]));
    z[5] = add_mod(sum, halve::<11>(z[5]));
    z[6] = add_mod(sum, halve::<10>(z[6]));
    z[7] = add_mod(sum, halve::<9>(z[7]));
    z[8] = add_mod(sum, halve::<8>(z[8]));
    z[9] = add_mod(sum, halve::<7>(z[9]));
    z[10] = add_mod(sum, halve::<6>(z[10]));
    z[11] = add_mod(sum, halve::<5>(z[11]));
    z[12] = add_mod(sum, halve::<4>(z[12]));
    z[13] = add_mod(sum, halve::<3>(z[13]));
    z[14] = add_mod(sum, halve::<2>(z[14]));
    z[15] = add_mod(sum, z[15]);
}

/// The permutation with the S-box `x^3`, 8 external and 20 internal rounds; `false`, and nothing done, for
/// any other number of rounds.
#[inline]
pub(crate) fn permute(
    state: &mut [Packed; WIDTH16],
    external: &[[KoalaBear; WIDTH16]],
    internal: &[KoalaBear],
) -> bool {
    let (Ok(external), Ok(internal)) = (
        <&[[KoalaBear; WIDTH16]; EXTERNAL]>::try_from(external),
        <&[KoalaBear; INTERNAL]>::try_from(internal),
    ) else {
        return false;
    };
    let mut x = state.map(from_packed);
    external_layer(&mut x);
    for constants in &external[..EXTERNAL / 2] {
        external_round(&mut x, constants);
    }
    let constants = scaled(internal);
    for (constant, unscale) in constants.iter().zip(UNSCALE_CUBE).take(INTERNAL) {
        internal_round(&mut x, *constant, unscale);
    }
    x = x.map(|x| mul(x, splat(UNSCALE)));
    for constants in &external[EXTERNAL / 2..] {
        external_round(&mut x, constants);
    }
    *state = x.map(to_packed);
    true
}
