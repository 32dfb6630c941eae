//! The guests' input buffers: one form each, read strictly.

use collimate_core::{
    Commitment, Error, ProgramId,
    guest::{RunInput, RunProofs, UserAggregatorInput, UserProof},
};
use proptest::prelude::*;

fn user_proofs() -> impl Strategy<Value = Vec<UserProof>> {
    let proof = (any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 0..80))
        .prop_map(|(id, public_values)| UserProof { program_id: ProgramId(id), public_values });
    prop::collection::vec(proof, 0..6)
}

fn run_input() -> impl Strategy<Value = RunInput> {
    let chunk = prop::collection::vec(any::<[u8; 32]>().prop_map(Commitment), 0..5);
    let proofs = prop_oneof![
        user_proofs().prop_map(RunProofs::Direct),
        (any::<u32>(), prop::collection::vec(chunk, 0..5))
            .prop_map(|(chunk_size_log2, chunks)| RunProofs::Chunks { chunk_size_log2, chunks }),
    ];
    (any::<[u8; 32]>(), proofs).prop_map(|(blobs_hash, proofs)| RunInput { blobs_hash, proofs })
}

#[test]
fn a_length_beyond_the_input_allocates_nothing() {
    assert_eq!(UserAggregatorInput::decode(&[0xff; 4]), Err(Error::InputTooShort));
    let mut chunks = vec![0; 32];
    chunks.extend([1, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(RunInput::decode(&chunks), Err(Error::InputTooShort));
}

#[test]
fn an_unknown_form_is_refused() {
    let mut input = vec![0; 32];
    input.extend([2, 0, 0, 0]);
    assert_eq!(RunInput::decode(&input), Err(Error::UnknownRunForm { form: 2 }));
}

proptest! {
    #[test]
    fn inputs_come_back(proofs in user_proofs(), run in run_input()) {
        let input = UserAggregatorInput { proofs };
        prop_assert_eq!(UserAggregatorInput::decode(&input.encode().unwrap()).unwrap(), input);
        prop_assert_eq!(RunInput::decode(&run.encode().unwrap()).unwrap(), run);
    }

    #[test]
    fn a_cut_or_longer_input_is_refused(run in run_input(), extra in 1..9_usize) {
        let mut bytes = run.encode().unwrap();
        for length in 0..bytes.len() {
            prop_assert_eq!(RunInput::decode(&bytes[..length]), Err(Error::InputTooShort));
        }
        bytes.resize(bytes.len() + extra, 0);
        prop_assert_eq!(RunInput::decode(&bytes), Err(Error::TrailingInput { extra }));
    }

    #[test]
    fn garbage_is_refused_or_has_one_form(bytes in prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..300)) {
        if let Ok(input) = RunInput::decode(&bytes) {
            prop_assert_eq!(input.encode().unwrap(), bytes.clone());
        }
        if let Ok(input) = UserAggregatorInput::decode(&bytes) {
            prop_assert_eq!(input.encode().unwrap(), bytes);
        }
    }
}
