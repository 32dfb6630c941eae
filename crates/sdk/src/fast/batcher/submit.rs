//! Sending a group.

use collimate_api::fast::{self as wire, GroupAccepted};
use reqwest::Method;
use std::time::Duration;

use super::{
    BatcherClient,
    upload::{Upload, UploadProgress},
};
use crate::{
    compare::all_agree,
    fast::{FastError, SignedGroup, error::answered},
};

impl BatcherClient {
    /// Sends a group, and checks what comes back: commitments and receipt must be this group's, and the receipt signed by the batcher
    /// that may charge it.
    ///
    /// Sending the same group again is safe, however the first time ended: it is the same group, with the same answer, and is paid once.
    /// So it is repeated while the batcher is away or busy.
    ///
    /// # Errors
    /// [`FastError::Refused`] with the batcher's problem: nothing was accepted; the signature can be used by the batcher until its
    /// deadline all the same. [`FastError::Unreachable`]: send it again. [`FastError::BadReceipt`], [`FastError::OtherAnswer`]: it was
    /// accepted by a batcher that is not to be trusted.
    pub async fn submit(
        &self,
        signed: &SignedGroup,
        progress: &UploadProgress,
    ) -> Result<GroupAccepted, FastError> {
        let limits = &self.info().await?.limits;
        let (peer, upload) = (&self.0.peer, Upload::of(signed)?);
        let timeout = peer.settings.upload_timeout.max(Duration::from_secs(limits.upload_seconds));
        let answer = peer.repeat("a submission", || {
            let form = upload.form(progress);
            Ok(peer.request(Method::POST, wire::GROUPS)?.multipart(form).timeout(timeout))
        });
        let answer: GroupAccepted = answer.await?;
        self.check(signed, &answer)?;
        Ok(answer)
    }

    fn check(&self, signed: &SignedGroup, answer: &GroupAccepted) -> Result<(), FastError> {
        let (authorization, receipt) = (signed.authorization(), &answer.receipt);
        answered("the group", &signed.id(), &answer.id)?;
        let proofs = signed.group().proofs();
        answered("the number of commitments", &proofs.len(), &answer.commitments.len())?;
        for (proof, commitment) in proofs.iter().zip(&answer.commitments) {
            answered("a commitment", &proof.commitment(), commitment)?;
        }
        let bad = |reason: String| FastError::BadReceipt { id: signed.id(), reason };
        let agreed = all_agree(&[
            ("group", receipt.group_id == signed.id()),
            ("user", receipt.user == authorization.user),
            ("root", receipt.proofs_root == authorization.proofs_root),
            ("number of proofs", receipt.proof_count == authorization.proof_count),
            ("nonce", receipt.first_nonce == authorization.first_nonce),
            ("deadline", receipt.deadline == authorization.deadline),
        ]);
        agreed.map_err(|what| bad(format!("it names another {what}")))?;
        let expected = &self.0.expected;
        let signer = receipt.recover(expected.chain_id, expected.payment_service);
        let signer = signer.map_err(|error| bad(error.to_string()))?;
        if signer != authorization.batcher {
            let batcher = authorization.batcher;
            return Err(bad(format!("{signer} signed it, not the batcher {batcher}")));
        }
        Ok(())
    }
}
