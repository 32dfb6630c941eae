//! `hash_to_field` of RFC 9380, section 5.2, with SHA-256, for one element of 48 uniform bytes: `expand_message_xmd` needs two
//! blocks for them.
//!
//! arkworks has it, too, but pads by the element's length where the RFC has the hash function's block.

use ark_ff::PrimeField;
use sha2::{Digest, Sha256};

const UNIFORM_BYTES: u8 = 48;

/// The domain has at most 255 bytes.
pub(super) fn hash_to_field<F: PrimeField>(message: &[u8], domain: &[u8]) -> F {
    let tail = [domain, &[domain.len() as u8]].concat();
    let first = Sha256::new()
        .chain_update([0; 64])
        .chain_update(message)
        .chain_update([0, UNIFORM_BYTES, 0])
        .chain_update(&tail)
        .finalize();
    let block = |input: &[u8], index: u8| {
        Sha256::new().chain_update(input).chain_update([index]).chain_update(&tail).finalize()
    };
    let second = block(&first, 1);
    let mixed: Vec<u8> = first.iter().zip(&second).map(|(left, right)| left ^ right).collect();
    let third = block(&mixed, 2);
    let uniform: Vec<u8> =
        second.into_iter().chain(third).take(usize::from(UNIFORM_BYTES)).collect();
    F::from_be_bytes_mod_order(&uniform)
}
