//! Native verification of a group's proofs, in turn with all others.

use std::{collections::HashMap, sync::Arc, time::Duration};

use collimate_batch::{Item, Part};
use collimate_verifiers::{
    ProgramKey, ProofSystem, ProofSystems, Submission, VerifiedProof, VerifierPool, VerifyError,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};

use crate::{claim::Claim, fault::Fault, limits::BUSY_PAUSE, metrics::Metrics, spool::Spooled};

#[derive(Debug)]
pub(crate) struct Verifiers {
    pool: VerifierPool,
    /// Proofs in memory, of all groups together; held until the verification has really ended.
    turns: Arc<Semaphore>,
    at_once: usize,
    queue_timeout: Duration,
    verification_timeout: Duration,
}

impl Verifiers {
    pub(crate) fn new(
        pool: VerifierPool,
        at_once: usize,
        queue_timeout: Duration,
        verification_timeout: Duration,
    ) -> Self {
        let turns = Arc::new(Semaphore::new(at_once));
        Self { pool, turns, at_once, queue_timeout, verification_timeout }
    }

    /// Verifies every proof of a group, and ends with the first that does not hold.
    pub(crate) async fn verify_all(
        &self,
        claim: &Claim,
        files: &Spooled,
        systems: &ProofSystems,
        metrics: &Metrics,
    ) -> Result<(), Fault> {
        let keys = self.keys(&claim.items, files).await?;
        let checks = claim.items.iter().enumerate().map(|(index, item)| {
            let system = systems.get(item.proving_system).cloned();
            let key = item.verification_key.as_ref().and_then(|key| keys.get(&key.sha256.0));
            async move {
                let system = system.ok_or_else(|| Fault::not_found("proof system"))?;
                self.verify(index, item, system, key, files, metrics).await
            }
        });
        let checks: Vec<_> = checks.collect();
        stream::iter(checks).buffer_unordered(self.at_once).try_collect().await
    }

    /// The group's verification keys, each once: their number is bounded by the group's proofs, and their sizes by the form's
    /// limit.
    async fn keys(
        &self,
        items: &[Item],
        files: &Spooled,
    ) -> Result<HashMap<[u8; 32], Arc<[u8]>>, Fault> {
        let mut keys = HashMap::new();
        // Keys that are used once are read with their proof.
        let mut seen = HashMap::<[u8; 32], (usize, &Part)>::new();
        for part in items.iter().filter_map(|item| item.verification_key.as_ref()) {
            let count = &mut seen.entry(part.sha256.0).or_insert((0, part)).0;
            *count = count.saturating_add(1);
        }
        for (name, (_, part)) in seen.iter().filter(|(_, (count, _))| *count > 1).take(64) {
            keys.insert(*name, files.read(part).await?.into());
        }
        Ok(keys)
    }

    async fn verify(
        &self,
        index: usize,
        item: &Item,
        system: Arc<dyn ProofSystem>,
        key: Option<&Arc<[u8]>>,
        files: &Spooled,
        metrics: &Metrics,
    ) -> Result<(), Fault> {
        let turn = match timeout(self.queue_timeout, Arc::clone(&self.turns).acquire_owned()).await
        {
            Ok(Ok(turn)) => turn,
            _ => return Err(Fault::busy("too many proofs wait to be verified")),
        };
        let key = match (&item.verification_key, key) {
            (None, _) => ProgramKey::ProgramId(item.program_id),
            (Some(_), Some(key)) => ProgramKey::VerifyingKey(key.to_vec()),
            (Some(part), None) => ProgramKey::VerifyingKey(files.read(part).await?),
        };
        let submission = Arc::new(Submission {
            proof: files.read(&item.proof).await?,
            key,
            public_values: Some(files.read(&item.public_inputs).await?),
        });
        let (pool, running) = (self.pool.clone(), metrics.verifying.clone());
        let (deadline, shared) = (Instant::now() + self.queue_timeout, Arc::clone(&submission));
        // It cannot be stopped: who waits goes away after the limit, the turn is given back when it ends.
        let verification = tokio::spawn(async move {
            running.inc();
            let verdict = loop {
                match pool.verify_shared(Arc::clone(&system), Arc::clone(&shared)).await {
                    Err(VerifyError::Busy) if Instant::now() < deadline => sleep(BUSY_PAUSE).await,
                    verdict => break verdict,
                }
            };
            running.dec();
            drop((turn, shared));
            verdict
        });
        let limit = self.queue_timeout.saturating_add(self.verification_timeout);
        let verdict = match timeout(limit, verification).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => return Err(Fault::internal("verification", &error)),
            Err(_) => {
                metrics.rejected.with_label_values(&["slow"]).inc();
                let reason = format!("it takes longer than {} s to verify", limit.as_secs());
                return Err(Fault::bad_proof(index, "VER-013", &reason));
            }
        };
        let found = verdict.inspect_err(|error| {
            metrics.rejected.with_label_values(&[error.code()]).inc();
        });
        check_statement(index, item, &submission, &found.map_err(|e| Fault::rejected(index, &e))?)
    }
}

/// Whether the proof is of what the item says: a verifier may take the program and the public values from the file.
fn check_statement(
    index: usize,
    item: &Item,
    submission: &Submission,
    found: &VerifiedProof,
) -> Result<(), Fault> {
    if found.program_id != item.program_id {
        let error = VerifyError::WrongKey {
            found: found.program_id.to_string(),
            expected: item.program_id.to_string(),
        };
        return Err(Fault::rejected(index, &error));
    }
    if submission.public_values.as_ref() != Some(&found.public_values) {
        return Err(Fault::rejected(index, &VerifyError::WrongPublicValues));
    }
    Ok(())
}
