//! The engine's multiplication in the degree-4 extension of KoalaBear, patched or not, is the product
//! modulo X^4 - 3, computed here coefficient by coefficient in the base field.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use p3_field::{
    AbstractExtensionField, AbstractField, PrimeField32, extension::BinomialExtensionField,
};
use p3_koala_bear::KoalaBear;

type Extension = BinomialExtensionField<KoalaBear, 4>;

const P: u32 = 0x7f00_0001;
const RANDOM_PAIRS: u64 = 10_000_000;

fn product(a: [KoalaBear; 4], b: [KoalaBear; 4]) -> [KoalaBear; 4] {
    let mut c = [KoalaBear::zero(); 4];
    for (i, x) in a.into_iter().enumerate() {
        for (j, y) in b.into_iter().enumerate() {
            let wrap = if i + j >= 4 { KoalaBear::from_canonical_u32(3) } else { KoalaBear::one() };
            c[(i + j) % 4] += x * y * wrap;
        }
    }
    c
}

fn check(a: [KoalaBear; 4], b: [KoalaBear; 4]) {
    let fast = Extension::from_base_slice(&a) * Extension::from_base_slice(&b);
    let fast: &[KoalaBear] = fast.as_base_slice();
    assert_eq!(fast, product(a, b), "{a:?} * {b:?}");
    // Equality of field elements does not see a representative that is not reduced.
    assert!(fast.iter().all(|x| x.as_canonical_u32() < P));
}

/// A field element whose Montgomery representative is `n`: what the multiplication works on.
fn with_representative(n: u32) -> KoalaBear {
    // The representative of x is x 2^32, so x = n 2^-32 mod P.
    let inverse_of_radix =
        (0..32).fold(1_u64, |x, _| if x % 2 == 0 { x / 2 } else { (x + u64::from(P)) / 2 });
    KoalaBear::from_canonical_u32((u64::from(n) * inverse_of_radix % u64::from(P)) as u32)
}

#[test]
fn edge_cases_equal_the_schoolbook_product() {
    let edges = [0, 1, 2, 3, P / 3, P / 3 + 1, 2 * (P / 3), P / 2, P / 2 + 1, P - 3, P - 2, P - 1];
    let values: Vec<KoalaBear> = edges
        .into_iter()
        .flat_map(|n| [KoalaBear::from_canonical_u32(n), with_representative(n)])
        .collect();
    for &x in &values {
        for &y in &values {
            // Alone in each position, everywhere at once, and beside the largest representative.
            let top = with_representative(P - 1);
            for i in 0..4 {
                for j in 0..4 {
                    let (mut a, mut b) = ([KoalaBear::zero(); 4], [KoalaBear::zero(); 4]);
                    (a[i], b[j]) = (x, y);
                    check(a, b);
                    let (mut a, mut b) = ([top; 4], [top; 4]);
                    (a[i], b[j]) = (x, y);
                    check(a, b);
                }
            }
            check([x; 4], [y; 4]);
        }
    }
}

#[test]
fn random_operands_equal_the_schoolbook_product() {
    // SplitMix64, so that a failure can be repeated.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        KoalaBear::from_canonical_u32(((z ^ (z >> 31)) % u64::from(P)) as u32)
    };
    for _ in 0..RANDOM_PAIRS {
        let a = std::array::from_fn(|_| next());
        let b = std::array::from_fn(|_| next());
        check(a, b);
    }
}
