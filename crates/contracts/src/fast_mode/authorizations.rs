//! What users sign to pay for their proofs, and what was paid for a task.

use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    sol,
    sol_types::{Eip712Domain, SolStruct, SolValue, eip712_domain},
};

use crate::BatcherPaymentService::TaskPaid;
pub use crate::BatcherPaymentService::{Authorization, Charge, Payment};

sol! {
    /// What a user signs, by EIP-712, to pay for a group of proofs.
    #[derive(Debug, PartialEq, Eq)]
    struct ProofAuthorization {
        /// Who pays.
        address user;
        /// Who may charge.
        address batcher;
        /// Root of the tree over the group's proofs, in the order of their nonces.
        bytes32 proofsRoot;
        /// How many they are, at least one: they take as many nonces.
        uint32 proofCount;
        /// Nonce of the first.
        uint64 firstNonce;
        /// Most, in wei, that all of them may cost together.
        uint128 maxFee;
        /// Last second of the chain's clock in which they may be charged.
        uint64 deadline;
    }
}

impl ProofAuthorization {
    /// The digest that the user's key signs, as `BatcherPaymentService.authorizationDigest`.
    #[must_use]
    pub fn digest(&self, chain_id: u64, payment_service: Address) -> B256 {
        let domain: Eip712Domain = eip712_domain! {
            name: "Collimate.BatcherPaymentService",
            version: "1",
            chain_id: chain_id,
            verifying_contract: payment_service,
        };
        self.eip712_signing_hash(&domain)
    }

    /// What the batcher hands in: the contract knows the batcher as its caller. `signature` is ECDSA's 65 bytes over
    /// [`ProofAuthorization::digest`], or what the user's wallet takes (EIP-1271).
    #[must_use]
    pub fn signed(self, signature: Bytes) -> Authorization {
        let Self { user, batcher: _, proofsRoot, proofCount, firstNonce, maxFee, deadline } = self;
        Authorization { user, proofsRoot, proofCount, firstNonce, maxFee, deadline, signature }
    }
}

/// The payment that an event announces, as settlement and refund take it.
impl From<&TaskPaid> for Payment {
    fn from(event: &TaskPaid) -> Self {
        Self {
            batcher: event.batcher,
            total: event.total,
            added: event.added,
            chargesHash: keccak256(event.charges.abi_encode()),
        }
    }
}
