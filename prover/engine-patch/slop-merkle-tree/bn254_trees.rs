//! Trees over KoalaBear rows with Poseidon2 over BN254, and proofs of work in that hash: many permutations at a time.
//!
//! They are what a wrap spends its time on. Whether the types are those that this knows is only known here, where the
//! engine's generic code has them; elsewhere, and on processors without the instructions, nothing changes.

use std::{
    any::{Any, TypeId},
    sync::OnceLock,
};

use rayon::prelude::*;
use slop_algebra::{
    extension::BinomialExtensionField, reduce_31, AbstractField, PrimeField32, PrimeField64,
};
use slop_bn254::{
    bn254_poseidon2_rc3,
    many::{ManyPermutations, LANES},
    Bn254Fr, OuterPerm, BNGC, OUTER_CHALLENGER_RATE, OUTER_CHALLENGER_STATE_WIDTH,
};
use slop_challenger::{GrindingChallenger, IopCtx, MultiField32Challenger};
use slop_koala_bear::KoalaBear;
use slop_matrix::{dense::RowMajorMatrix, Matrix};
use slop_symmetric::Permutation;

/// The context of the wrap.
type Outer = BNGC<KoalaBear, BinomialExtensionField<KoalaBear, 4>>;

type OuterChallenger = MultiField32Challenger<
    KoalaBear,
    Bn254Fr,
    OuterPerm,
    OUTER_CHALLENGER_STATE_WIDTH,
    OUTER_CHALLENGER_RATE,
>;

/// Digests that one task makes.
const TASK: usize = 64 * LANES;

fn permutations() -> Option<&'static ManyPermutations> {
    static PERMUTATIONS: OnceLock<Option<ManyPermutations>> = OnceLock::new();
    PERMUTATIONS.get_or_init(|| ManyPermutations::new(&bn254_poseidon2_rc3())).as_ref()
}

/// All layers of the tree over the rows of the matrices, from the leaves to the root; none where the types are not the
/// wrap's, or the heights are not one power of two.
pub(crate) fn digest_layers<GC: IopCtx, D: 'static>(
    matrices: &[&RowMajorMatrix<GC::F>],
) -> Option<Vec<Vec<D>>> {
    if TypeId::of::<GC>() != TypeId::of::<Outer>()
        || TypeId::of::<D>() != TypeId::of::<[Bn254Fr; 1]>()
    {
        return None;
    }
    let height = matrices.first()?.height();
    if !height.is_power_of_two() || matrices.iter().any(|matrix| matrix.height() != height) {
        return None;
    }
    let permutations = permutations()?;

    let width = matrices.iter().map(|matrix| matrix.width).sum::<usize>();
    let mut leaves = vec![[Bn254Fr::default()]; height];
    leaves.par_chunks_mut(TASK).enumerate().for_each(|(task, digests)| {
        let mut rows = vec![0; LANES * width];
        for (group, digests) in digests.chunks_mut(LANES).enumerate() {
            let first = task * TASK + group * LANES;
            let rows = &mut rows[..digests.len() * width];
            for (lane, row) in rows.chunks_exact_mut(width).enumerate() {
                let values = matrices.iter().flat_map(|matrix| {
                    &matrix.values[(first + lane) * matrix.width..][..matrix.width]
                });
                for (to, from) in row.iter_mut().zip(values) {
                    *to = from.as_canonical_u32();
                }
            }
            permutations.hash_rows(rows, width, digests);
        }
    });

    let mut layers = vec![leaves];
    loop {
        let children = &layers[layers.len() - 1];
        if children.len() == 1 {
            break;
        }
        let mut parents = vec![[Bn254Fr::default()]; children.len() / 2];
        parents.par_chunks_mut(TASK).zip(children.par_chunks(2 * TASK)).for_each(
            |(parents, children)| {
                for (parents, children) in parents.chunks_mut(LANES).zip(children.chunks(2 * LANES))
                {
                    permutations.compress(children, parents);
                }
            },
        );
        layers.push(parents);
    }
    let layers: Box<dyn Any> = Box::new(layers);
    layers.downcast::<Vec<Vec<D>>>().ok().map(|layers| *layers)
}

/// Finds a witness whose hash, with what the challenger has observed, has `bits` zeroes, and lets the challenger
/// observe it.
pub fn grind<C: GrindingChallenger + 'static>(challenger: &mut C, bits: usize) -> C::Witness {
    let found = (&*challenger as &dyn Any)
        .downcast_ref::<OuterChallenger>()
        .and_then(|challenger| find_witness(challenger, bits))
        .and_then(|witness| (&witness as &dyn Any).downcast_ref::<C::Witness>().copied());
    match found {
        Some(witness) => {
            assert!(challenger.check_witness(bits, witness), "a witness that was found holds");
            witness
        }
        None => challenger.grind(bits),
    }
}

fn find_witness(challenger: &OuterChallenger, bits: usize) -> Option<KoalaBear> {
    /// Elements of the small field in one of the large.
    const PACKED: usize = 8;
    /// Elements that are sampled from one of the large field, of 64 bits each.
    const SAMPLED: usize = 4;
    let permutations = permutations()?;
    if challenger.num_duplex_elms != PACKED || challenger.num_f_elms != SAMPLED {
        return None;
    }

    // The witness is observed after what waits, all of which goes into the state at once: with the witness the buffer
    // is full, or it is emptied for the sample.
    let waiting = &challenger.input_buffer;
    let (at, place) = (waiting.len() / PACKED, waiting.len() % PACKED);
    let mut state = challenger.sponge_state;
    for (element, values) in state.iter_mut().zip(waiting.chunks(PACKED)) {
        *element = reduce_31(values);
    }
    if place == 0 {
        *state.get_mut(at)? = Bn254Fr::zero();
    }
    let unit =
        (0..place).fold(Bn254Fr::one(), |unit, _| unit * Bn254Fr::from_canonical_u64(1 << 31));
    let state_with = |witness: u64| {
        let mut state = state;
        state[at] += unit * Bn254Fr::from_canonical_u64(witness);
        state
    };

    let mut expected = state_with(0);
    challenger.permutation.permute_mut(&mut expected);
    let mut got = [state_with(0); LANES];
    permutations.permute_states(&mut got);
    if got[LANES - 1] != expected {
        return None;
    }

    // The sample is what was written last into the buffer: the upper 64 bits of the last element of the rate.
    let mask = (1_u64 << bits) - 1;
    let holds = |state: &[Bn254Fr; 3]| {
        state[OUTER_CHALLENGER_RATE - 1].high_word() % KoalaBear::ORDER_U64 & mask == 0
    };
    let tasks = KoalaBear::ORDER_U64 / TASK as u64;
    let witness = (0..tasks).into_par_iter().find_map_any(|task| {
        (0..TASK as u64).step_by(LANES).find_map(|group| {
            let first = task * TASK as u64 + group;
            let mut states = std::array::from_fn(|lane| state_with(first + lane as u64));
            permutations.permute_states(&mut states);
            states.iter().position(holds).map(|lane| first + lane as u64)
        })
    });
    witness.map(KoalaBear::from_canonical_u64)
}
