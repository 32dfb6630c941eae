//! Anonymous membership: whoever proves this knows the secret of one member of a group, and reveals neither
//! the secret nor which member. The same member makes the same nullifier for the same topic, so that a vote,
//! for example, counts once.
//!
//! A member is `keccak256(secret)`; the group is the Merkle root over its members' leaves. Input: the
//! secret, the topic, then the path from the member's leaf to the root, 32 bytes each. Public values, as
//! ABI words: `(bytes32 groupRoot, bytes32 topic, bytes32 nullifier)`, where the nullifier is
//! `keccak256(secret ‖ topic)`.

#![no_main]
sp1_zkvm::entrypoint!(main);

use collimate_core::{Commitment, keccak256, tree};

fn main() {
    let input = sp1_zkvm::io::read_vec();
    let (words, rest) = input.as_chunks::<32>();
    assert!(rest.is_empty(), "input is words of 32 bytes");
    let [secret, topic, path @ ..] = words else { panic!("input is secret, topic and path") };

    let member = Commitment(keccak256(&[secret]));
    let root = path.iter().fold(member.leaf(), |child, sibling| tree::node(&child, sibling));
    let nullifier = keccak256(&[secret, topic]);
    sp1_zkvm::io::commit_slice(&[root, *topic, nullifier].concat());
}
