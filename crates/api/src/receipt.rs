//! The receipt that the gateway signs for an accepted proof, and that its owner keeps.

use alloy::{
    primitives::{Address, B256, Bytes},
    sol,
};
use serde::{Deserialize, Serialize};

use crate::{ProofId, SignatureError, SigningDomain, recover};

sol! {
    /// The service's word for an accepted proof, in the same domain as authorisations.
    #[derive(Debug, PartialEq, Eq)]
    struct ProofReceipt {
        /// The proof's id: a UUID's 16 bytes.
        bytes16 proofId;
        /// SHA-256 of the proof file.
        bytes32 proofHash;
        /// keccak256(public values ‖ program id): what the run's tree will hold.
        bytes32 commitment;
        /// Who paid.
        address account;
        /// With which nonce.
        uint64 nonce;
        /// The proof's place among all that were ever accepted: later ones have higher numbers, some have none.
        uint64 position;
        /// Second since 1970 until which it is to be on chain.
        uint64 deadline;
    }
}

/// A receipt with its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedReceipt {
    /// The proof.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "uuid"))]
    pub proof_id: ProofId,
    /// SHA-256 of the proof file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub proof_hash: B256,
    /// keccak256(public values ‖ program id).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub commitment: B256,
    /// Who paid.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub account: Address,
    /// With which nonce.
    pub nonce: u64,
    /// The proof's place among all that were ever accepted: later ones have higher numbers, some have none.
    pub position: u64,
    /// Second since 1970 until which the proof is to be on chain.
    pub deadline: u64,
    /// The gateway's signature, 65 bytes r ‖ s ‖ v, over the EIP-712 hash of [`ProofReceipt`].
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signature: Bytes,
}

impl SignedReceipt {
    /// What was signed.
    #[must_use]
    pub fn message(&self) -> ProofReceipt {
        ProofReceipt {
            proofId: self.proof_id.into_bytes().into(),
            proofHash: self.proof_hash,
            commitment: self.commitment,
            account: self.account,
            nonce: self.nonce,
            position: self.position,
            deadline: self.deadline,
        }
    }

    /// The hash that the gateway signed.
    #[must_use]
    pub fn signing_hash(&self, domain: &SigningDomain) -> B256 {
        domain.signing_hash(&self.message())
    }

    /// Who signed it. Compare with the address of [`Info::receipt_signer`](crate::Info::receipt_signer), fetched at another
    /// time or from elsewhere.
    ///
    /// # Errors
    /// [`SignatureError`] for bytes that no key made.
    pub fn recover(&self, domain: &SigningDomain) -> Result<Address, SignatureError> {
        recover(&self.signing_hash(domain), &self.signature)
    }
}
