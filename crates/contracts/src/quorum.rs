//! The `proofBytes` of `QuorumSP1Verifier`.

use alloy::{primitives::Bytes, sol_types::SolValue};

use crate::{ContractsError, G1Point, bindings::operator_registry::BLS12381};

/// A quorum's signature, as the contract takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumProof {
    /// Epoch whose operators signed: the chain's current or previous one.
    pub epoch: u64,
    /// Sum of the signatures of all operators of the epoch that are not absent.
    pub signature: G1Point,
    /// Ids of the epoch's operators that did not sign, strictly ascending.
    pub absent: Vec<u32>,
}

impl QuorumProof {
    /// The encoding that the contract accepts: `abi.encode(uint64 epoch, G1Point signature, uint32[] absent)`.
    ///
    /// # Errors
    /// [`ContractsError::UnorderedIds`] if `absent` is not strictly ascending, which the contract refuses.
    pub fn encode(&self) -> Result<Bytes, ContractsError> {
        if !self.absent.is_sorted_by(|a, b| a < b) {
            return Err(ContractsError::UnorderedIds);
        }
        let signature = BLS12381::G1Point::from(self.signature);
        Ok((self.epoch, signature, self.absent.clone()).abi_encode_params().into())
    }
}
