//! Knowledge of a SHA-256 preimage. Input: the preimage, of any length. Public values: its digest.

#![no_main]
sp1_zkvm::entrypoint!(main);

use sha2::{Digest, Sha256};

fn main() {
    let preimage = sp1_zkvm::io::read_vec();
    let digest: [u8; 32] = Sha256::digest(&preimage).into();
    sp1_zkvm::io::commit_slice(&digest);
}
