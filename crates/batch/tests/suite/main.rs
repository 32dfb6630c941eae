//! A batch, from its items to the bytes that a stranger's mirror sends.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod download;
mod manifest;
mod vectors;

use alloy::primitives::Address;
use collimate_batch::{Item, Part};
use collimate_core::ProgramId;

/// A proof that differs from others by its number.
fn item(number: u16) -> Item {
    Item {
        proving_system: number % 3,
        program_id: ProgramId([7; 32]),
        proof: Part::of(&proof(number)),
        public_inputs: Part::of(b"the same for all"),
        verification_key: number.is_multiple_of(2).then(|| Part::of(b"a key")),
        generator: Address::repeat_byte(9),
    }
}

fn proof(number: u16) -> Vec<u8> {
    number.to_be_bytes().repeat(100)
}
