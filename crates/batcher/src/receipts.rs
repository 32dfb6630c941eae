//! Receipts: signed each time from what is stored. The signature is deterministic, so the same receipt has the same bytes.

use alloy::signers::SignerSync;
use collimate_api::fast::SignedGroupReceipt;
use collimate_store::FastGroup;

use crate::{
    fault::Fault,
    shared::{Shared, seconds},
};

impl Shared {
    /// The receipt of a group that was accepted.
    pub(crate) fn receipt(&self, group: &FastGroup) -> Result<SignedGroupReceipt, Fault> {
        let mut receipt = SignedGroupReceipt {
            group_id: group.id.into(),
            user: group.account.into(),
            proofs_root: group.proofs_root.into(),
            proof_count: group.proof_count,
            first_nonce: group.first_nonce,
            accepted_at: seconds(group.created_at),
            deadline: group.deadline,
            signature: Default::default(),
        };
        let hash = receipt.signing_hash(self.chain.chain_id(), self.chain.payments());
        let signature = self.signer.inner().sign_hash_sync(&hash);
        let signature = signature.map_err(|error| Fault::internal("receipt", &error))?;
        receipt.signature = signature.as_bytes().to_vec().into();
        Ok(receipt)
    }
}
