//! What stands for a proof in a batch: `BatchStatement.sol`, byte for byte.

use alloy::primitives::Address;
use collimate_core::{Hash, ProgramId, keccak256};

/// Which program was proven with which proof system: `BatchStatement.auxDataCommitment`.
#[must_use]
pub fn auxiliary_commitment(proving_system: u16, program_id: &ProgramId) -> Hash {
    let mut system = [0; 32];
    let [.., high, low] = &mut system;
    [*high, *low] = proving_system.to_be_bytes();
    keccak256(&[&system, &program_id.0])
}

/// What stands for a proof: `BatchStatement.commitment`. The tree's leaf is its keccak256.
#[must_use]
pub fn batch_commitment(
    proof_commitment: &Hash,
    public_inputs_commitment: &Hash,
    auxiliary: &Hash,
    generator: Address,
) -> Hash {
    let domain = keccak256(&[b"Collimate.FastMode.v1"]);
    let generator = generator.into_word();
    keccak256(&[
        proof_commitment,
        public_inputs_commitment,
        auxiliary,
        generator.as_slice(),
        &domain,
    ])
}
