//! Receipts: signed each time from what is stored. The signature is deterministic, so the same receipt has the same bytes.

use alloy::signers::SignerSync;
use collimate_api::SignedReceipt;
use collimate_store::SubmittedProof;

use crate::{fault::Fault, shared::Shared};

impl Shared {
    /// The receipt of a proof that was paid for and admitted.
    pub(crate) fn receipt(&self, proof: &SubmittedProof) -> Result<Option<SignedReceipt>, Fault> {
        let Some((payer, promise)) = proof.payer.zip(proof.promise) else { return Ok(None) };
        let mut receipt = SignedReceipt {
            proof_id: proof.id,
            proof_hash: proof.proof_hash.into(),
            commitment: proof.commitment.into(),
            account: payer.account.into(),
            nonce: payer.nonce,
            position: promise.position,
            deadline: promise.deadline,
            signature: Default::default(),
        };
        let signature = self
            .receipt_signer
            .inner()
            .sign_hash_sync(&receipt.signing_hash(&self.domain()))
            .map_err(|error| Fault::internal("receipt", &error))?;
        receipt.signature = signature.as_bytes().to_vec().into();
        Ok(Some(receipt))
    }
}
