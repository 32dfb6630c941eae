//! The patched engine's Poseidon2 over BN254 equals the plain formulas: one at a time, eight at a time, in the wrap's trees
//! and in its proofs of work. The plain side is written out here, on the field's own unpatched operations.

#![cfg(collimate_patched_engine)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{array::from_fn, sync::LazyLock};

use p3_field::{AbstractField, Field, PrimeField32, extension::BinomialExtensionField, reduce_31};
use p3_koala_bear::KoalaBear;
use p3_symmetric::{
    CryptographicHasher, CryptographicPermutation, MultiField32PaddingFreeSponge, Permutation,
    PseudoCompressionFunction, TruncatedPermutation,
};
use slop_bn254::{
    BNGC, Bn254Fr, bn254_poseidon2_rc3,
    many::{LANES, ManyPermutations},
    outer_perm,
};
use slop_challenger::{CanObserve, CanSample, GrindingChallenger, IopCtx};
use slop_commit::Message;
use slop_merkle_tree::{BnProver, ComputeTcsOpenings, MerkleTreeTcs, TensorCsProver};
use slop_tensor::Tensor;

type Ext = BinomialExtensionField<KoalaBear, 4>;
type Outer = BNGC<KoalaBear, Ext>;
type State = [Bn254Fr; 3];

const P: u32 = 0x7f00_0001;

/// The permutation as its definition has it.
#[derive(Clone)]
struct Plain(Vec<State>);

impl Plain {
    fn new() -> Self {
        Self(bn254_poseidon2_rc3())
    }
}

fn mix(state: State, diagonal: [u64; 3]) -> State {
    from_fn(|i| {
        (0..3).fold(Bn254Fr::zero(), |sum, j| {
            let entry = if i == j { diagonal[i] } else { 1 };
            sum + state[j] * Bn254Fr::from_canonical_u64(entry)
        })
    })
}

fn fifth_power(x: Bn254Fr) -> Bn254Fr {
    x * x * x * x * x
}

impl Permutation<State> for Plain {
    fn permute_mut(&self, state: &mut State) {
        *state = mix(*state, [2, 2, 2]);
        for (round, constants) in self.0.iter().enumerate() {
            if (4..60).contains(&round) {
                state[0] = fifth_power(state[0] + constants[0]);
                *state = mix(*state, [2, 2, 3]);
            } else {
                *state = from_fn(|i| fifth_power(state[i] + constants[i]));
                *state = mix(*state, [2, 2, 2]);
            }
        }
    }
}

impl CryptographicPermutation<State> for Plain {}

/// SplitMix64, so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Every fourth number is an edge case.
    fn large(&mut self) -> Bn254Fr {
        let edges = edges();
        let n = self.next();
        if n.is_multiple_of(4) {
            return edges[(n >> 2) as usize % edges.len()];
        }
        (0..4).fold(Bn254Fr::zero(), |sum, _| {
            sum * two_to_the(64) + Bn254Fr::from_canonical_u64(self.next())
        })
    }

    fn small(&mut self) -> KoalaBear {
        let n = self.next();
        let value = match n % 8 {
            0 => P - 1,
            1 => 0,
            _ => ((n >> 3) % u64::from(P)) as u32,
        };
        KoalaBear::from_canonical_u32(value)
    }
}

fn two_to_the(exponent: usize) -> Bn254Fr {
    Bn254Fr::two().exp_u64(exponent as u64)
}

/// Elements whose value, or whose representative in one of the two forms, is at an edge.
fn edges() -> &'static [Bn254Fr] {
    static EDGES: LazyLock<Vec<Bn254Fr>> = LazyLock::new(|| {
        let one = Bn254Fr::one();
        let small = [Bn254Fr::zero(), one, one + one, -one, -one - one, one.halve()];
        let powers = [51, 52, 64, 104, 192, 208, 250, 252, 253].map(two_to_the);
        // A number n is the representative of n 2^-256, and of n 2^-260 in lanes.
        let [of_field, of_lanes] = [256, 260].map(|radix| two_to_the(radix).inverse());
        small
            .into_iter()
            .chain(powers.iter().flat_map(|&x| [x, x - one, -x]))
            .flat_map(|x| [x, x * of_field, x * of_lanes])
            .collect()
    });
    &EDGES
}

fn check(states: &[State; LANES]) {
    let (plain, one_by_one) = (Plain::new(), outer_perm());
    let expected = states.map(|state| plain.permute(state));
    assert_eq!(states.map(|state| one_by_one.permute(state)), expected, "{states:?}");
    if let Some(many) = ManyPermutations::new(&bn254_poseidon2_rc3()) {
        let mut got = *states;
        many.permute_states(&mut got);
        assert_eq!(got, expected, "{states:?}");
    }
}

#[test]
fn vectors_of_52_bits_are_used_where_the_processor_has_them() {
    let compiled_for = cfg!(all(target_feature = "avx512f", target_feature = "avx512ifma"));
    assert_eq!(ManyPermutations::new(&bn254_poseidon2_rc3()).is_some(), compiled_for);
    // Another number of rounds is another permutation.
    assert!(ManyPermutations::new(&bn254_poseidon2_rc3()[1..]).is_none());
}

/// The test vector of the reference implementation.
#[test]
fn the_plain_permutation_is_the_published_one() {
    let output = Plain::new().permute([0, 1, 2].map(Bn254Fr::from_canonical_u64));
    assert_eq!(output[0].high_word(), 0x0bb6_1d24_daca_55ee);
}

#[test]
fn permutations_of_edge_cases_equal_the_plain_one() {
    let edges = edges();
    for (i, &edge) in edges.iter().enumerate() {
        check(&from_fn(|lane| {
            from_fn(|k| if k == lane % 3 { edge } else { edges[(i + lane + k) % edges.len()] })
        }));
        check(&[[edge; 3]; LANES]);
    }
}

#[test]
fn permutations_of_random_states_equal_the_plain_one() {
    let mut numbers = Numbers(1);
    for _ in 0..10_000 {
        check(&from_fn(|_| from_fn(|_| numbers.large())));
    }
}

#[test]
fn rows_and_digests_hash_as_the_plain_sponge_does() {
    let Some(many) = ManyPermutations::new(&bn254_poseidon2_rc3()) else { return };
    let sponge =
        MultiField32PaddingFreeSponge::<KoalaBear, Bn254Fr, Plain, 3, 16, 1>::new(Plain::new())
            .unwrap();
    let compressor = TruncatedPermutation::<Plain, 2, 1, 3>::new(Plain::new());
    let mut numbers = Numbers(2);
    for width in 1..=70 {
        for rows in 1..=LANES {
            let values: Vec<KoalaBear> = (0..rows * width).map(|_| numbers.small()).collect();
            let hash =
                |row: &[KoalaBear]| -> [Bn254Fr; 1] { sponge.hash_iter(row.iter().copied()) };
            let plain: Vec<_> = values.chunks_exact(width).map(hash).collect();
            let words: Vec<u32> = values.iter().map(PrimeField32::as_canonical_u32).collect();
            let mut digests = vec![[Bn254Fr::zero()]; rows];
            many.hash_rows(&words, width, &mut digests);
            assert_eq!(digests, plain, "{rows} rows of {width}");

            let mut parents = vec![[Bn254Fr::zero()]; rows / 2];
            many.compress(&digests[..rows / 2 * 2], &mut parents);
            for (parent, children) in parents.iter().zip(digests.chunks_exact(2)) {
                assert_eq!(*parent, compressor.compress([children[0], children[1]]));
            }
        }
    }
}

/// The root over rows, leaf by leaf.
fn plain_commitment(rows: &[Vec<KoalaBear>]) -> Bn254Fr {
    let sponge =
        MultiField32PaddingFreeSponge::<KoalaBear, Bn254Fr, Plain, 3, 16, 1>::new(Plain::new())
            .unwrap();
    let compressor = TruncatedPermutation::<Plain, 2, 1, 3>::new(Plain::new());
    let hash = |row: &[KoalaBear]| -> [Bn254Fr; 1] { sponge.hash_iter(row.iter().copied()) };
    let mut layer: Vec<[Bn254Fr; 1]> = rows.iter().map(|row| hash(row)).collect();
    while layer.len() > 1 {
        layer = layer.chunks_exact(2).map(|c| compressor.compress([c[0], c[1]])).collect();
    }
    let sizes = [rows.len().ilog2() as usize, rows[0].len()].map(KoalaBear::from_canonical_usize);
    compressor.compress([layer[0], hash(&sizes)])[0]
}

#[test]
fn trees_have_the_plain_root_and_open_at_each_leaf() {
    let mut numbers = Numbers(3);
    for (log_height, widths) in [
        (0, vec![1]),
        (1, vec![3]),
        (2, vec![16, 1]),
        (3, vec![7]),
        (4, vec![16, 16]),
        // More than one task.
        (10, vec![5, 12, 3]),
    ] {
        let height = 1_usize << log_height;
        let total = widths.iter().sum::<usize>();
        let tensors: Vec<Vec<KoalaBear>> = widths
            .iter()
            .map(|width| (0..height * width).map(|_| numbers.small()).collect())
            .collect();
        let rows: Vec<Vec<KoalaBear>> = (0..height)
            .map(|i| {
                let parts = tensors.iter().zip(&widths);
                parts.flat_map(|(t, width)| t[i * width..(i + 1) * width].to_vec()).collect()
            })
            .collect();
        let message: Message<Tensor<KoalaBear>> = tensors
            .iter()
            .zip(&widths)
            .map(|(values, width)| Tensor::from(values.clone()).reshape([height, *width]))
            .collect();

        let prover = BnProver::<KoalaBear, Ext>::default();
        let (commitment, data) = prover.commit_tensors(message.clone()).unwrap();
        let [root]: [Bn254Fr; 1] = commitment.into();
        assert_eq!(root, plain_commitment(&rows), "2^{log_height} rows of {widths:?}");

        let indices: Vec<usize> = (0..height).step_by(1 + height / 40).collect();
        let proof = prover.prove_openings_at_indices(data, &indices).unwrap();
        let openings = prover.compute_openings_at_indices(message, &indices);
        MerkleTreeTcs::<Outer>::default()
            .verify_tensor_openings(&commitment, &indices, &openings, total, log_height, &proof)
            .unwrap();
    }
}

#[test]
fn a_proof_of_work_holds_after_any_number_of_observed_values() {
    let mut numbers = Numbers(4);
    for waiting in 0..20 {
        let mut challenger = Outer::default_challenger();
        for _ in 0..waiting {
            challenger.observe(numbers.small());
        }
        let mut verifier = challenger.clone();
        let witness = slop_merkle_tree::grind(&mut challenger, 10);
        assert!(verifier.check_witness(10, witness), "after {waiting} values");
        let next = |challenger: &mut <Outer as IopCtx>::Challenger| -> Ext { challenger.sample() };
        assert_eq!(next(&mut challenger), next(&mut verifier));
    }
}

#[test]
fn packing_is_what_the_sponge_packs() {
    let values: Vec<KoalaBear> = (0..8).map(|_| KoalaBear::from_canonical_u32(P - 1)).collect();
    let packed: Bn254Fr = reduce_31(&values);
    // (P - 1) (1 + 2^31 + 2^62 + ..) has 248 bits, all of them below the prime.
    let upper = (u128::from(P - 1) << 25) | (u128::from(P - 1) >> 6);
    assert_eq!(packed.high_word(), upper as u64);
}
