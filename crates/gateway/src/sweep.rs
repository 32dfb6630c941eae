//! Takes up what a crash left: proofs that were stored and paid for, and whose submitter was never answered.
//!
//! Such a proof was verified before it was paid for. It is verified again all the same, since the verdict was only in the memory
//! of who died. Several gateways may sweep one database: each step is guarded, and doing it twice changes nothing.

use std::{sync::Arc, time::Duration};

use collimate_objects::{Key, ObjectsError};
use collimate_store::{Proof, ProofId};
use collimate_verifiers::{ProgramKey, Submission};
use time::OffsetDateTime;
use tokio::time::sleep;

use crate::{fault::Fault, shared::Shared, submit::SUBMITTERS_TIME, verify::Question};

/// Proofs looked at in one step.
const PAGE: u32 = 100;

/// Sweeps once for all that is there, then every `interval` for what submitters had time to finish themselves.
pub(crate) async fn run(shared: Arc<Shared>, interval: Duration) {
    let mut patience = Duration::ZERO;
    loop {
        if sweep(&shared, patience).await.is_ok() {
            patience = SUBMITTERS_TIME;
        }
        tokio::select! {
            () = sleep(interval) => {}
            () = shared.shutdown.cancelled() => return,
        }
    }
}

/// Takes up every unfinished proof that has not changed for `patience`.
async fn sweep(shared: &Shared, patience: Duration) -> Result<(), Fault> {
    let before = OffsetDateTime::now_utc() - patience;
    let mut after = None;
    loop {
        let page = shared.store.unfinished_submissions(before, after, PAGE);
        let page = shared.database(page).await?;
        for id in &page {
            if shared.shutdown.is_cancelled() {
                return Ok(());
            }
            // An error is logged where it happened; the proof stays for the next sweep.
            let outcome = finish(shared, *id).await.unwrap_or("postponed");
            tracing::info!(proof = %id, outcome, "unfinished submission");
            shared.metrics.swept.with_label_values(&[outcome]).inc();
        }
        let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else { return Ok(()) };
        after = Some(*last);
    }
}

async fn finish(shared: &Shared, id: ProofId) -> Result<&'static str, Fault> {
    let Some(proof) = shared.database(shared.store.proof(id)).await? else { return Ok("gone") };
    let verifier = shared.verifiers.of(proof.proof_system);
    let most = verifier.max_proof_bytes() as u64;
    let bytes = match shared.objects.get(&Key(proof.proof_hash), most).await {
        Ok(bytes) => bytes,
        Err(error @ (ObjectsError::NotFound { .. } | ObjectsError::Corrupt { .. })) => {
            // A store that is away lacks everything: no reason to reject what was paid for.
            shared.objects.check_identity().await?;
            return reject(shared, &proof, error.code(), &error.to_string()).await;
        }
        Err(error) => return Err(error.into()),
    };
    let public_values = proof.public_values.clone();
    let program_id = collimate_core::ProgramId(proof.program_id);
    let question = Question::new(proof.proof_hash, program_id, Some(&public_values));
    let submission = Arc::new(Submission {
        proof: bytes.to_vec(),
        key: ProgramKey::VerifyingKey(proof.vk.clone()),
        public_values: Some(public_values),
    });
    match shared.verifiers.verify(proof.proof_system, question, &submission, &shared.metrics).await
    {
        Ok(_) => shared.admit(id).await.map(|_| "queued"),
        Err(Fault(problem)) => match &problem.verifier_code {
            Some(code) => reject(shared, &proof, code, &problem.detail).await,
            None => Err(Fault(problem)),
        },
    }
}

async fn reject(
    shared: &Shared,
    proof: &Proof,
    code: &str,
    reason: &str,
) -> Result<&'static str, Fault> {
    tracing::error!(proof = %proof.id, code, reason, "a proof that was paid for does not hold");
    shared.database(shared.store.reject(proof.id, code, reason)).await?;
    Ok("rejected")
}
