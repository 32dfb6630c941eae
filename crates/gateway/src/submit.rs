//! The course of a submission.
//!
//! ```text
//!  form read, proof hashed ▸ signature ▸ stored before? ─ yes ─▶ its first answer, at no price
//!                                           │ no
//!      deadline, nonce, credit ▸ (contract's word) ▸ account's rate ▸ verify ▸ object stored
//!           ▸ nonce + credit + proof: one statement ▸ queue + promise: one transaction ▸ receipt
//! ```
//!
//! What is cheap comes first, so that garbage costs little; what a stranger could make expensive (the node, a verifier)
//! comes after a signature of an account with credits. Until the one statement nothing is spent. After it nothing is lost:
//! whoever sends the same request again, or the sweep, finishes what a crash left.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use collimate_api::ProblemCode;
use collimate_core::ProgramId;
use collimate_objects::Key;
use collimate_store::{
    Authorisation, NewProof, ProofStatus, ProofSystem, StoreError, SubmittedProof,
};
use collimate_verifiers::{ProgramKey, Submission, VerifiedProof};

use crate::{
    authorise::{Claim, bad_signature},
    fault::Fault,
    shared::{Shared, now},
    spool::Arrived,
    verify::Question,
};

/// A request whose form was understood.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) system: ProofSystem,
    pub(crate) program_id: ProgramId,
    pub(crate) vk: Vec<u8>,
    pub(crate) public_values: Option<Vec<u8>>,
    pub(crate) nonce: u64,
    /// Aligned's form has none.
    pub(crate) deadline: Option<u64>,
    pub(crate) claim: Claim,
}

impl Shared {
    /// Takes a proof, or says why not.
    pub(crate) async fn submit(
        &self,
        request: Request,
        proof: Arrived,
    ) -> Result<SubmittedProof, Fault> {
        let question =
            Question::new(proof.sha256, request.program_id, request.public_values.as_deref());
        let of_key = request.claim.is_of_key();
        if !of_key && !self.may_be_contract(&request).await? {
            return Err(bad_signature(&request.claim));
        }
        if let Some(first) = self.first_submission(&question).await? {
            if !of_key {
                self.signatures.check_contract(&request.claim).await?;
            }
            if !is_unfinished(&first) {
                self.metrics.repeated.inc();
                return answer_of(first);
            }
            // Somebody died, or lost the database, before the end. It is paid for: go on from there.
            let (loaded, verified) = self.verdict(&request, question, proof).await?;
            self.store_object(loaded).await?;
            tracing::info!(proof = %first.id, commitment = %verified.commitment, "submission taken up again");
            return self.admit(first.id).await;
        }
        self.check_cheap(&request).await?;
        if !of_key {
            self.signatures.check_contract(&request.claim).await?;
        }
        self.account_rate.take(request.claim.account).map_err(|wait| {
            let detail = "this account submits too many proofs at once; send the rest later";
            Fault::new(ProblemCode::RateLimited, detail).retry_after(wait)
        })?;
        let (loaded, verified) = self.verdict(&request, question, proof).await?;
        let key = self.store_object(loaded).await?;
        self.pay(request, question, key, &verified).await
    }

    /// Whether there can be a contract at all: only an account that has credits is worth a question to the node.
    async fn may_be_contract(&self, request: &Request) -> Result<bool, Fault> {
        let account = self.account(&request.claim.account).await?;
        Ok(account.credits > 0 || account.nonce > 0)
    }

    async fn first_submission(&self, question: &Question) -> Result<Option<SubmittedProof>, Fault> {
        self.database(self.store.submission_of(&question.proof_hash, &question.program_id.0)).await
    }

    /// What can be known without verifying: deadline, nonce, credit. The statement that spends looks at the last two again.
    async fn check_cheap(&self, request: &Request) -> Result<(), Fault> {
        if request.deadline.is_some_and(|deadline| deadline < now()) {
            let detail = format!(
                "the authorisation's deadline has passed (it is {} now); sign again with a later one",
                now()
            );
            return Err(Fault::new(ProblemCode::Expired, detail));
        }
        let account = self.account(&request.claim.account).await?;
        if account.nonce != request.nonce {
            return Err(Fault::wrong_nonce(account.nonce));
        }
        if account.credits == 0 {
            return Err(Fault::no_credit(account.unconfirmed));
        }
        Ok(())
    }

    async fn verdict(
        &self,
        request: &Request,
        question: Question,
        proof: Arrived,
    ) -> Result<(crate::spool::Loaded, Arc<VerifiedProof>), Fault> {
        if let Some(Err(error)) = self.verifiers.known(&question) {
            return Err(Fault::rejected(&error));
        }
        let loaded = proof.load().await?;
        let submission = Arc::new(Submission {
            proof: loaded.bytes,
            key: ProgramKey::VerifyingKey(request.vk.clone()),
            public_values: request.public_values.clone(),
        });
        let verdict =
            self.verifiers.verify(request.system, question, &submission, &self.metrics).await;
        let bytes =
            Arc::try_unwrap(submission).map_or_else(|shared| shared.proof.clone(), |own| own.proof);
        Ok((crate::spool::Loaded { bytes, slot: loaded.slot }, verdict?))
    }

    /// The file before the row: a row never names what is not there.
    async fn store_object(&self, loaded: crate::spool::Loaded) -> Result<Key, Fault> {
        let key = self.objects.put(Bytes::from(loaded.bytes)).await?;
        drop(loaded.slot);
        Ok(key)
    }

    async fn pay(
        &self,
        request: Request,
        question: Question,
        key: Key,
        verified: &VerifiedProof,
    ) -> Result<SubmittedProof, Fault> {
        let proof = NewProof {
            proof_hash: key.0,
            proof_system: request.system,
            program_id: verified.program_id.0,
            vk: request.vk,
            public_values: verified.public_values.clone(),
            commitment: verified.commitment.0,
        };
        let authorisation = Authorisation {
            contract: self.payments(),
            account: request.claim.account.into_array(),
            nonce: request.nonce,
        };
        let paid = self.database_raw(self.store.insert_paid_proof(&proof, &authorisation)).await?;
        match paid {
            Ok(stored) => {
                if stored.is_new {
                    self.metrics.accepted.inc();
                } else {
                    self.metrics.repeated.inc();
                }
                answer_of(self.admit(stored.id).await?)
            }
            // The same request may have come twice at once, and the other one have paid in between.
            Err(error @ (StoreError::WrongNonce { .. } | StoreError::NoCredit)) => {
                match self.first_submission(&question).await? {
                    Some(first) => answer_of(self.admit(first.id).await?),
                    None => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Queue and promise, for a proof that was verified.
    pub(crate) async fn admit(
        &self,
        id: collimate_store::ProofId,
    ) -> Result<SubmittedProof, Fault> {
        let deadline = now().saturating_add(self.inclusion_time.as_secs());
        self.database(self.store.admit(id, deadline)).await
    }

    /// A step in the database, which counts as away when it takes too long.
    pub(crate) async fn database<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Fault> {
        self.database_raw(step).await?.map_err(Fault::from)
    }

    async fn database_raw<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Result<T, StoreError>, Fault> {
        tokio::time::timeout(self.database_timeout, step).await.map_err(|_| {
            let code = ProblemCode::DatabaseAway.as_str();
            tracing::error!(code, limit = ?self.database_timeout, "the database does not answer in time");
            Fault::database_away()
        })
    }
}

fn is_unfinished(proof: &SubmittedProof) -> bool {
    matches!(proof.status, ProofStatus::Received | ProofStatus::Verified)
}

/// The first answer, as long as the proof's course is a good one.
fn answer_of(proof: SubmittedProof) -> Result<SubmittedProof, Fault> {
    if !matches!(proof.status, ProofStatus::Rejected | ProofStatus::Failed) {
        return Ok(proof);
    }
    let detail = format!(
        "this proof was submitted before as {} and is {}: [{}] {}; make another proof",
        proof.id,
        proof.status,
        proof.code.unwrap_or_default(),
        proof.reason.unwrap_or_default(),
    );
    Err(Fault::new(ProblemCode::AlreadyFailed, detail))
}

/// How long the sweep leaves a proof to whoever submits it.
pub(crate) const SUBMITTERS_TIME: Duration = Duration::from_secs(90);
