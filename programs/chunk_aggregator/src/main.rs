//! Covers a whole run: verifies its chunks (or, of a small run, the user proofs themselves) and commits
//! the statement that the contract reads.
//! Input: [`RunInput`]. Public values: [`collimate_core::statement::RunStatement`].

#![no_main]
sp1_zkvm::entrypoint!(main);

use collimate_core::{
    Error,
    guest::{RecursiveVerifier, RunInput, aggregate_run},
};

/// The verifying key of `user_proof_aggregator`. As a constant it is part of this program's own id, so
/// the contract, which fixes this id, fixes that program too. Written by `build.sh`.
const USER_PROOF_AGGREGATOR: [u32; 8] = include!("../user_proof_aggregator.words");

struct Sp1Recursion;

impl RecursiveVerifier for Sp1Recursion {
    fn verify(&mut self, vk_words: &[u32; 8], public_values_digest: &[u8; 32]) {
        sp1_zkvm::lib::verify::verify_sp1_proof(vk_words, public_values_digest);
    }
}

fn main() {
    let input = RunInput::decode(&sp1_zkvm::io::read_vec()).unwrap_or_else(reject);
    let statement =
        aggregate_run(&input, &USER_PROOF_AGGREGATOR, &mut Sp1Recursion).unwrap_or_else(reject);
    sp1_zkvm::io::commit_slice(&statement.abi_encode());
}

/// Ends the guest without a proof. The code alone, so that the wording of a message is no part of the
/// program.
fn reject<T>(error: Error) -> T {
    panic!("{}", error.code())
}
