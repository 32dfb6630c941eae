use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol,
    sol_types::{Eip712Domain, SolStruct},
};
use serde::{Deserialize, Serialize};

use super::GroupId;
use crate::{SignatureError, recover};

sol! {
    /// The batcher's word for an accepted group: it verified every proof of it, and puts it on chain in time or names what
    /// kept it from that. Signed in the domain of the authorisations, by the account that they name as batcher.
    #[derive(Debug, PartialEq, Eq)]
    struct GroupReceipt {
        /// EIP-712 digest of the authorisation, which binds user, batcher, proofs, nonces and fee.
        bytes32 groupId;
        /// Who pays.
        address user;
        /// Root of the tree over the group's fast commitments.
        bytes32 proofsRoot;
        /// How many proofs it has.
        uint32 proofCount;
        /// Nonce of the first.
        uint64 firstNonce;
        /// Second since 1970 in which the group was accepted.
        uint64 acceptedAt;
        /// Last second in which it may be charged, as the user signed: by then it is on chain, or ended with a code.
        uint64 deadline;
    }
}

/// Where authorisations and receipts are signed: the EIP-712 domain of a `BatcherPaymentService`.
#[must_use]
pub fn batcher_domain(chain_id: u64, payment_service: Address) -> Eip712Domain {
    Eip712Domain::new(
        Some("Collimate.BatcherPaymentService".into()),
        Some("1".into()),
        Some(U256::from(chain_id)),
        Some(payment_service),
        None,
    )
}

/// A group's receipt with its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedGroupReceipt {
    /// The group.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub group_id: GroupId,
    /// Who pays.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user: Address,
    /// Root of the tree over the group's fast commitments.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub proofs_root: B256,
    /// How many proofs it has.
    pub proof_count: u32,
    /// Nonce of the first.
    pub first_nonce: u64,
    /// Second since 1970 in which the group was accepted.
    pub accepted_at: u64,
    /// Last second in which it may be charged.
    pub deadline: u64,
    /// The batcher's signature, 65 bytes r ‖ s ‖ v, over the EIP-712 hash of [`GroupReceipt`].
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signature: Bytes,
}

impl SignedGroupReceipt {
    /// What was signed.
    #[must_use]
    pub fn message(&self) -> GroupReceipt {
        GroupReceipt {
            groupId: self.group_id,
            user: self.user,
            proofsRoot: self.proofs_root,
            proofCount: self.proof_count,
            firstNonce: self.first_nonce,
            acceptedAt: self.accepted_at,
            deadline: self.deadline,
        }
    }

    /// The hash that the batcher signed.
    #[must_use]
    pub fn signing_hash(&self, chain_id: u64, payment_service: Address) -> B256 {
        self.message().eip712_signing_hash(&batcher_domain(chain_id, payment_service))
    }

    /// Who signed it: compare with the batcher that the authorisation names.
    ///
    /// # Errors
    /// [`SignatureError`] for bytes that no key made.
    pub fn recover(
        &self,
        chain_id: u64,
        payment_service: Address,
    ) -> Result<Address, SignatureError> {
        recover(&self.signing_hash(chain_id, payment_service), &self.signature)
    }
}
