//! Poseidon2 of width 3, one permutation at a time.
//!
//! Elements are Montgomery representatives below the prime, in four words of 64 bits, as the field's own are. A round with
//! one S-box takes 3 products here, not 6: its matrix has the diagonal (2, 2, 3) and ones elsewhere, so it takes additions
//! alone.

use crate::{Bn254Fr, FFBn254Fr};

pub(crate) type Words = [u64; 4];

/// The prime.
pub(crate) const P: Words =
    [0x43e1_f593_f000_0001, 0x2833_e848_79b9_7091, 0xb850_45b6_8181_585d, 0x3064_4e72_e131_a029];
/// `-P^-1 mod 2^64`.
const NEG_INVERSE: u64 = 0xc2e1_f593_efff_ffff;

/// `a - P` if that is not negative, `a` otherwise.
#[inline(always)]
pub(crate) fn reduce(a: Words) -> Words {
    let mut difference = [0; 4];
    let mut borrow = 0_u64;
    for i in 0..4 {
        let (x, under) = a[i].overflowing_sub(P[i]);
        let (x, under_again) = x.overflowing_sub(borrow);
        difference[i] = x;
        borrow = u64::from(under | under_again);
    }
    // All ones if `a` is the smaller.
    let keep = borrow.wrapping_neg();
    core::array::from_fn(|i| (a[i] & keep) | (difference[i] & !keep))
}

/// `(a + b) mod P`. Two numbers below `P < 2^254` do not overflow.
#[inline(always)]
fn add(a: Words, b: Words) -> Words {
    let mut sum = [0; 4];
    let mut carry = 0_u128;
    for i in 0..4 {
        carry += u128::from(a[i]) + u128::from(b[i]);
        sum[i] = carry as u64;
        carry >>= 64;
    }
    reduce(sum)
}

/// `a b 2^-256 mod P`, word by word. With `a, b < P` what is summed stays below `2^255` after each word, so it has four.
#[inline(always)]
fn mul(a: Words, b: Words) -> Words {
    let mut t = [0_u64; 4];
    for &x in &a {
        let wide = u128::from(x) * u128::from(b[0]) + u128::from(t[0]);
        let mut carry = (wide >> 64) as u64;
        let m = (wide as u64).wrapping_mul(NEG_INVERSE);
        let mut carry_of_p =
            ((u128::from(m) * u128::from(P[0]) + u128::from(wide as u64)) >> 64) as u64;
        for j in 1..4 {
            let wide = u128::from(x) * u128::from(b[j]) + u128::from(t[j]) + u128::from(carry);
            carry = (wide >> 64) as u64;
            let wide =
                u128::from(m) * u128::from(P[j]) + u128::from(wide as u64) + u128::from(carry_of_p);
            t[j - 1] = wide as u64;
            carry_of_p = (wide >> 64) as u64;
        }
        t[3] = carry + carry_of_p;
    }
    reduce(t)
}

#[inline(always)]
fn fifth_power(x: Words) -> Words {
    let square = mul(x, x);
    mul(mul(square, square), x)
}

/// The matrix with 2 on the diagonal and ones elsewhere.
#[inline(always)]
fn external_layer(x: &mut [Words; 3]) {
    let sum = add(add(x[0], x[1]), x[2]);
    *x = x.map(|x| add(x, sum));
}

#[inline(always)]
fn external_round(x: &mut [Words; 3], constants: &[Bn254Fr; 3]) {
    for (x, constant) in x.iter_mut().zip(constants) {
        *x = fifth_power(add(*x, constant.value.0));
    }
    external_layer(x);
}

/// The permutation with the S-box `x^5`, 8 external and 56 internal rounds; `false`, and nothing done, for any other
/// number of rounds.
pub(crate) fn permute(
    state: &mut [Bn254Fr; 3],
    external: &[[Bn254Fr; 3]],
    internal: &[Bn254Fr],
) -> bool {
    if external.len() != 8 || internal.len() != 56 {
        return false;
    }
    let mut x = [state[0].value.0, state[1].value.0, state[2].value.0];
    external_layer(&mut x);
    for constants in &external[..4] {
        external_round(&mut x, constants);
    }
    for constant in internal {
        let x0 = fifth_power(add(x[0], constant.value.0));
        let sum = add(add(x[1], x[2]), x0);
        x = [add(x0, sum), add(x[1], sum), add(add(x[2], x[2]), sum)];
    }
    for constants in &external[4..] {
        external_round(&mut x, constants);
    }
    *state = x.map(|value| Bn254Fr::new(FFBn254Fr(value)));
    true
}
