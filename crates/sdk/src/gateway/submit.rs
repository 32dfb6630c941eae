//! Submitting proofs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::B256;
use collimate_api::{
    ProblemCode, ProofAuthorisation, SigningDomain, Submitted,
    authorisation::SP1,
    paths::{self, field},
};
use reqwest::{Method, multipart};

use super::{Authorise, GatewayClient, GatewayError, ProofUpload, answered};
use crate::compare::all_agree;

/// How often a request is signed anew because the nonce was used meanwhile, by another process of the same account.
const NONCE_ATTEMPTS: u32 = 8;

/// A proof that the service accepted: it will be aggregated, or end in a failure with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The gateway's answer. Keep its receipt: it is the service's signed word.
    pub answer: Submitted,
    /// Whether this request took a credit. False for a proof that was accepted before.
    pub paid: bool,
    /// The account's next nonce, as far as this client knows.
    pub next_nonce: u64,
}

impl GatewayClient {
    /// Submits a proof and pays with a credit of the signer's account. Verification takes the gateway some 100 ms.
    ///
    /// `nonce` is the account's next one; `None` asks for it. If it turns out to be another, the request is signed again.
    /// The same proof sent again is the same submission: same id, same receipt, and no second credit, whoever paid first.
    /// The receipt is checked.
    ///
    /// # Errors
    /// [`GatewayError::Refused`], with the gateway's problem: nothing was spent. [`GatewayError::Unreachable`]: send it
    /// again. [`GatewayError::BadReceipt`], [`GatewayError::OtherProof`]: it was accepted by a service that is not to be
    /// trusted.
    pub async fn submit(
        &self,
        upload: &ProofUpload,
        signer: &dyn Authorise,
        nonce: Option<u64>,
    ) -> Result<Accepted, GatewayError> {
        let domain = self.signing_domain().await?;
        let account = signer.account();
        let mut nonce = match nonce {
            Some(nonce) => nonce,
            None => self.account(account).await?.nonce,
        };
        for _ in 0..NONCE_ATTEMPTS {
            match self.submit_once(upload, signer, &domain, nonce).await {
                Ok(answer) => {
                    self.check(upload, &domain, &answer).await?;
                    let paid = answer.receipt.as_ref().is_some_and(|receipt| {
                        (receipt.account, receipt.nonce) == (account, nonce)
                    });
                    let next_nonce = if paid { nonce.saturating_add(1) } else { nonce };
                    return Ok(Accepted { answer, paid, next_nonce });
                }
                Err(GatewayError::Refused(problem))
                    if problem.code == ProblemCode::WrongNonce
                        && problem.expected_nonce.is_some_and(|expected| expected != nonce) =>
                {
                    nonce = problem.expected_nonce.unwrap_or(nonce);
                    tracing::debug!(nonce, "another request took the nonce");
                }
                Err(error) => return Err(error),
            }
        }
        Err(GatewayError::Signing {
            account,
            reason: "its nonce is always used by others before this request comes; submit from one process at a time"
                .to_owned(),
        })
    }

    async fn submit_once(
        &self,
        upload: &ProofUpload,
        signer: &dyn Authorise,
        domain: &SigningDomain,
        nonce: u64,
    ) -> Result<Submitted, GatewayError> {
        let deadline = (now() + self.0.peer.settings.authorisation_lifetime).as_secs();
        let authorisation = ProofAuthorisation {
            proofHash: upload.hash(),
            programId: upload.program_id.0.into(),
            proofSystem: SP1.to_owned(),
            nonce,
            deadline,
        };
        let signature = signer.sign(&authorisation.signing_hash(domain)).await?;
        let (peer, timeout) = (&self.0.peer, self.0.peer.settings.upload_timeout);
        let answer = peer.repeat("a submission", || {
            let mut form = multipart::Form::new()
                .text(field::ADDRESS, signer.account().to_string())
                .text(field::NONCE, nonce.to_string())
                .text(field::DEADLINE, deadline.to_string())
                .text(field::SIGNATURE, signature.to_string())
                .text(field::PROOF_SYSTEM, SP1)
                .text(field::PROGRAM_ID, upload.program_id.to_string());
            if let Some(key) = &upload.verifying_key {
                form = form.part(field::VK, bytes_part(key));
            }
            let form = form.part(field::PROOF, bytes_part(&upload.proof));
            Ok(peer.request(Method::POST, paths::PROOFS)?.multipart(form).timeout(timeout))
        });
        Ok(answer.await?)
    }

    /// Compares the answer with what was sent, and its receipt with who has to sign it.
    async fn check(
        &self,
        upload: &ProofUpload,
        domain: &SigningDomain,
        answer: &Submitted,
    ) -> Result<(), GatewayError> {
        answered("the proof's hash", &upload.hash(), &answer.proof_hash)?;
        answered("the program id", &B256::from(upload.program_id.0), &answer.program_id)?;
        if let Some(commitment) = &upload.commitment {
            answered("the commitment", &B256::from(commitment.0), &answer.commitment)?;
        }
        let Some(receipt) = &answer.receipt else { return Ok(()) };
        let bad = |reason: String| GatewayError::BadReceipt { id: answer.id, reason };
        let agreed = all_agree(&[
            ("proof", receipt.proof_id == answer.id),
            ("proof file", receipt.proof_hash == answer.proof_hash),
            ("commitment", receipt.commitment == answer.commitment),
        ]);
        agreed.map_err(|what| bad(format!("it names another {what}")))?;
        let signer = match self.0.expected.receipt_signer {
            Some(signer) => signer,
            None => self.info().await?.receipt_signer,
        };
        let found = receipt.recover(domain).map_err(|error| bad(error.to_string()))?;
        if found != signer {
            return Err(bad(format!("{found} signed it, not the service's {signer}")));
        }
        Ok(())
    }
}

fn bytes_part(bytes: &bytes::Bytes) -> multipart::Part {
    let length = bytes.len() as u64;
    multipart::Part::stream_with_length(bytes.clone(), length).file_name("file")
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
