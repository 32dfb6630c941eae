//! Verifies the SP1 proofs of a chunk and commits the root over their commitments.
//! Input: [`UserAggregatorInput`]. Public values: [`collimate_core::statement::ChunkStatement`].

#![no_main]
sp1_zkvm::entrypoint!(main);

use collimate_core::{
    Error,
    guest::{RecursiveVerifier, UserAggregatorInput, aggregate_user_proofs},
};

struct Sp1Recursion;

impl RecursiveVerifier for Sp1Recursion {
    fn verify(&mut self, vk_words: &[u32; 8], public_values_digest: &[u8; 32]) {
        sp1_zkvm::lib::verify::verify_sp1_proof(vk_words, public_values_digest);
    }
}

fn main() {
    let input = UserAggregatorInput::decode(&sp1_zkvm::io::read_vec()).unwrap_or_else(reject);
    let statement = aggregate_user_proofs(&input, &mut Sp1Recursion).unwrap_or_else(reject);
    sp1_zkvm::io::commit_slice(&statement.abi_encode());
}

/// Ends the guest without a proof. The code alone, so that the wording of a message is no part of the
/// program.
fn reject<T>(error: Error) -> T {
    panic!("{}", error.code())
}
