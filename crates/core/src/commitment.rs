use crate::{
    ProgramId,
    hash::{Hash, hex_text, keccak256},
};

/// `keccak256(public_values ‖ program_id)`: what a proof says, and of which program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Commitment(pub Hash);

hex_text!(Commitment);

impl Commitment {
    /// The commitment of a proof of `program_id` with these public values. The id has a fixed size and
    /// comes last, so two different proofs never hash the same bytes.
    #[must_use]
    pub fn new(public_values: &[u8], program_id: &ProgramId) -> Self {
        Self(keccak256(&[public_values, &program_id.0]))
    }

    /// Its leaf in the tree: `keccak256(commitment)`. Leaves hash 32 bytes and nodes 64, so no node can
    /// be passed off as a leaf.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        keccak256(&[&self.0])
    }
}
