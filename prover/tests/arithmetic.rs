//! The patched engine's vector arithmetic equals the plain formulas, lane by lane: Poseidon2, products in the
//! extension, and the kernels of the sum-checks. The plain side is the engine's own scalar code, which
//! `engine/tests/arithmetic.rs` compares with the schoolbook product.

#![cfg(all(collimate_patched_engine, target_arch = "x86_64", target_feature = "avx2"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use p3_field::{
    AbstractExtensionField, AbstractField, Field, PackedValue, PrimeField32,
    extension::BinomialExtensionField,
};
use p3_koala_bear::{
    KoalaBear,
    kernels::{
        add_fractions, add_weighted_rows, fold, fraction_sums, product_sums, weighted_column_sums,
    },
};
use p3_symmetric::Permutation;

type Packed = <KoalaBear as Field>::Packing;
type Ext = BinomialExtensionField<KoalaBear, 4>;
type PackedExt = BinomialExtensionField<Packed, 4>;

const P: u32 = 0x7f00_0001;
const RANDOM_OPERANDS: usize = 10_000_000;

/// SplitMix64, so that a failure can be repeated. Every fourth number is an edge case.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn field(&mut self) -> KoalaBear {
        let n = self.next();
        if n.is_multiple_of(4) {
            return edges()[(n >> 2) as usize % edges().len()];
        }
        KoalaBear::from_canonical_u32(((n >> 2) % u64::from(P)) as u32)
    }

    fn ext(&mut self) -> Ext {
        Ext::from_base_fn(|_| self.field())
    }

    fn many<T>(&mut self, count: usize, one: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..count).map(|_| one(self)).collect()
    }
}

/// Elements whose value, or whose Montgomery representative, is at an edge.
fn edges() -> &'static [KoalaBear] {
    static EDGES: std::sync::LazyLock<Vec<KoalaBear>> = std::sync::LazyLock::new(|| {
        let inverse_of_radix =
            (0..32).fold(1_u64, |x, _| if x % 2 == 0 { x / 2 } else { (x + u64::from(P)) / 2 });
        [0, 1, 2, P / 3, P / 2, P / 2 + 1, P - 2, P - 1, (1 << 24) - 1, 1 << 24, 1 << 30]
            .into_iter()
            .flat_map(|n| {
                let representative = (u64::from(n) * inverse_of_radix % u64::from(P)) as u32;
                [KoalaBear::from_canonical_u32(n), KoalaBear::from_canonical_u32(representative)]
            })
            .collect()
    });
    &EDGES
}

fn pack<const N: usize>(lanes: &[[KoalaBear; N]]) -> [Packed; N] {
    std::array::from_fn(|i| Packed::from_fn(|lane| lanes[lane][i]))
}

fn lane<const N: usize>(packed: &[Packed; N], lane: usize) -> [KoalaBear; N] {
    packed.map(|p| p.as_slice()[lane])
}

#[test]
fn packed_poseidon2_equals_the_scalar_permutation() {
    let permutation = slop_koala_bear::my_kb_16_perm();
    let check = |states: &[[KoalaBear; 16]]| {
        let mut packed = pack(states);
        permutation.permute_mut(&mut packed);
        for (i, state) in states.iter().enumerate() {
            let mut expected = *state;
            permutation.permute_mut(&mut expected);
            let got = lane(&packed, i);
            assert_eq!(got, expected, "{state:?}");
            assert!(got.iter().all(|x| x.as_canonical_u32() < P));
        }
    };
    for &edge in edges() {
        for other in edges() {
            let states = (0..Packed::WIDTH).map(|i| {
                let mut state = [*other; 16];
                state[i % 16] = edge;
                state
            });
            check(&states.collect::<Vec<_>>());
        }
    }
    let mut numbers = Numbers(1);
    for _ in 0..RANDOM_OPERANDS / 16 / Packed::WIDTH {
        check(&numbers.many(Packed::WIDTH, |n| std::array::from_fn(|_| n.field())));
    }
}

#[test]
fn packed_extension_arithmetic_equals_that_of_each_lane() {
    let of_lane = |x: &PackedExt, i: usize| {
        let x: &[Packed] = x.as_base_slice();
        Ext::from_base_fn(|k| x[k].as_slice()[i])
    };
    let mut numbers = Numbers(2);
    for _ in 0..RANDOM_OPERANDS / Packed::WIDTH {
        let mut next = || PackedExt::from_base_fn(|_| Packed::from_fn(|_| numbers.field()));
        let (a, b) = (next(), next());
        let base: &[Packed] = b.as_base_slice();
        let (product, sum, difference, scaled) = (a * b, a + b, a - b, a * base[0]);
        for i in 0..Packed::WIDTH {
            let (x, y) = (of_lane(&a, i), of_lane(&b, i));
            assert_eq!(of_lane(&product, i), x * y);
            assert_eq!(of_lane(&sum, i), x + y);
            assert_eq!(of_lane(&difference, i), x - y);
            assert_eq!(of_lane(&scaled, i), x * base[0].as_slice()[i]);
        }
    }
}

/// Field elements and elements of the extension, for kernels that take both.
trait Value: Copy + 'static {
    fn ext(self) -> Ext;
}

impl Value for KoalaBear {
    fn ext(self) -> Ext {
        Ext::from(self)
    }
}

impl Value for Ext {
    fn ext(self) -> Ext {
        self
    }
}

/// Shapes below, at and above the number of lanes, and with rests.
fn each_shape(check: impl Fn(&mut Numbers, usize, usize)) {
    let mut numbers = Numbers(3);
    for width in 1..=40 {
        for pairs in [1, 2, 3, 5, 8, 16, 17, 33] {
            check(&mut numbers, width, pairs);
        }
    }
    for width in [1, 2, 7, 16, 24, 33] {
        check(&mut numbers, width, 10_000);
    }
}

fn folds_and_fractions<T: Value>(value: fn(&mut Numbers) -> T) {
    each_shape(|numbers, width, pairs| {
        let (n0, n1) =
            (numbers.many(2 * pairs * width, value), numbers.many(2 * pairs * width, value));
        let (d0, d1) = (
            numbers.many(2 * pairs * width, Numbers::ext),
            numbers.many(2 * pairs * width, Numbers::ext),
        );
        let at = |pair: usize, odd: usize, column: usize| (2 * pair + odd) * width + column;
        let places = || (0..pairs).flat_map(|i| (0..width).map(move |j| (i, j)));

        let alpha = numbers.ext();
        let mut out = vec![Ext::zero(); pairs * width];
        assert!(fold(&n0, width, alpha, &mut out));
        for (i, j) in places() {
            let (x, y) = (n0[at(i, 0, j)].ext(), n0[at(i, 1, j)].ext());
            assert_eq!(out[i * width + j], x + alpha * (y - x), "width {width}, {pairs} pairs");
        }

        let mut denominators = out.clone();
        for odd in 0..2 {
            assert!(add_fractions(width, odd, [&n0, &n1], [&d0, &d1], &mut out, &mut denominators));
            for (i, j) in places() {
                let from = at(i, odd, j);
                let numerator = n0[from].ext() * d1[from] + n1[from].ext() * d0[from];
                assert_eq!(out[i * width + j], numerator, "width {width}, {pairs} pairs");
                assert_eq!(denominators[i * width + j], d0[from] * d1[from]);
            }
        }

        let (rows, columns) =
            (numbers.many(2 * pairs, Numbers::ext), numbers.many(width, Numbers::ext));
        let mut expected = [Ext::zero(); 2];
        for (i, j) in places() {
            let (even, odd) = (at(i, 0, j), at(i, 1, j));
            let value = |n0: Ext, n1: Ext, d0: Ext, d1: Ext| alpha * (n0 * d1 + n1 * d0) + d0 * d1;
            expected[0] += rows[2 * i]
                * columns[j]
                * value(n0[even].ext(), n1[even].ext(), d0[even], d1[even]);
            expected[1] += (rows[2 * i] + rows[2 * i + 1])
                * columns[j]
                * value(
                    n0[even].ext() + n0[odd].ext(),
                    n1[even].ext() + n1[odd].ext(),
                    d0[even] + d0[odd],
                    d1[even] + d1[odd],
                );
        }
        let got = fraction_sums(alpha, &rows, &columns, [&n0, &n1], [&d0, &d1]);
        assert_eq!(got, Some(expected), "width {width}, {pairs} pairs");

        let sums = weighted_column_sums(&n0, width, &rows).unwrap();
        for (j, sum) in sums.into_iter().enumerate() {
            let expected: Ext = (0..2 * pairs).map(|i| rows[i] * n0[i * width + j].ext()).sum();
            assert_eq!(sum, expected, "width {width}, {pairs} pairs");
        }
    });
}

#[test]
fn kernels_on_field_elements_equal_their_formulas() {
    folds_and_fractions(Numbers::field);
}

#[test]
fn kernels_on_extension_elements_equal_their_formulas() {
    folds_and_fractions(Numbers::ext);
}

#[test]
fn weighted_rows_and_products_equal_their_formulas() {
    each_shape(|numbers, width, pairs| {
        let rows = 2 * pairs;
        let (from, weights) =
            (numbers.many(rows * width, Numbers::field), numbers.many(width, Numbers::ext));
        let before = numbers.many(rows, Numbers::ext);
        let mut out = before.clone();
        assert!(add_weighted_rows(&from, &weights, &mut out));
        for (i, (got, before)) in out.into_iter().zip(&before).enumerate() {
            let sum: Ext = (0..width).map(|j| weights[j] * from[i * width + j]).sum();
            assert_eq!(got, *before + sum, "width {width}, {rows} rows");
        }

        let (x, y) = (&from[..rows], &before[..rows]);
        let expected = (0..pairs).fold([Ext::zero(); 2], |[a, b], i| {
            let (even, odd) = (2 * i, 2 * i + 1);
            [a + y[even] * x[even], b + (y[even] + y[odd]) * (x[even] + x[odd])]
        });
        assert_eq!(product_sums(x, y), Some(expected));
    });
}

#[test]
fn other_types_are_declined() {
    let mut out = [0_u32; 2];
    assert!(!fold(&[1_u32, 2, 3, 4], 2, 5_u32, &mut out));
    assert_eq!(product_sums(&[1_u32, 2], &[3_u64, 4]), None);
    assert_eq!(out, [0, 0]);
}
