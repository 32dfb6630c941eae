//! From a final run to a hard one: its proof is wrapped and brought to the contract.
//!
//! ```text
//! final, soft ──wrap──▶ verified natively ──verifySP1──▶ confirmed ──▶ final, hard
//!      ▲                                        │                         │
//!      └───────────── refused, reorg ───────────┴─────────────────────────┘
//! ```
//!
//! Nothing here touches the run's status: it is as final as the operators' word made it, whatever becomes of its proof. Each step
//! starts from what the chain and the object store say, so the driver can die between any two.

use collimate_chain::{ChainError, tx::TxRequest};
use collimate_objects::Key;
use collimate_prover_client::{JobId, JobStatus, finished_output};
use collimate_store::{Run, Statement};
use tokio::time::sleep;

use crate::{
    Activity, AggregatorError, Driver, JobLog, Proven, ServiceContract,
    run::{Planned, short_hash, statement_of},
};

impl Driver {
    /// Brings the proof of a final run to the contract, unless somebody did, waits for its confirmations, and notes since when the
    /// root is hard.
    ///
    /// # Errors
    /// Whatever keeps the root from becoming hard. The run stays final.
    pub async fn harden(&self, run: Run) -> Result<Run, AggregatorError> {
        let Some(wrapping) = &self.hardening else { return Ok(run) };
        let statement = statement_of(&run)?;
        let proof = finished_output(&self.proving.objects, JobId(statement.final_job)).await?;
        if let Some(block) = self.service.hard_since(&statement.root).await? {
            // If we have wrapped it, the transaction may be ours, which its manager knows.
            let ours = match proof {
                Some(proof) => wrapping.has_wrapped(proof).await?,
                None => false,
            };
            if !ours {
                return self.wait_until_hard(run, block).await;
            }
        }
        let proof = match proof {
            Some(proof) => proof,
            None => self.prove_final_again(&run).await?,
        };
        let report = |status: &JobStatus| {
            let activity = Activity::Wrapping { run: run.id, job: status.clone() };
            let _ = self.activity.send_replace(activity);
        };
        let wrapped = wrapping.wrap(run.id, proof, &statement.public_values, &report).await?;
        self.bring(run, wrapped).await
    }

    /// The final proof anew: its file was lost since the run was registered.
    async fn prove_final_again(&self, run: &Run) -> Result<Key, AggregatorError> {
        tracing::warn!(run = run.id, "the final proof can no longer be read, it is made again");
        let Planned { plan, .. } = self.plan_of(run).await?;
        let log = JobLog::new(self.store.clone(), run.id, self.programs.clone());
        let report = |status: &JobStatus| {
            let activity = Activity::Proving { run: run.id, job: status.clone() };
            let _ = self.activity.send_replace(activity);
        };
        match self.proving.run(&plan, &log, &report).await? {
            Proven::Proof { key, .. } => Ok(key),
            Proven::Bad(_) | Proven::Suspect { .. } => Err(AggregatorError::Inconsistent(format!(
                "run {} was proven before, and cannot be proven again",
                run.id
            ))),
        }
    }

    /// Sends the proof, or joins the transaction that is on its way with it.
    async fn bring(&self, run: Run, proof: Vec<u8>) -> Result<Run, AggregatorError> {
        let _ = self.activity.send_replace(Activity::Submitting { run: run.id });
        let statement = statement_of(&run)?;
        let request = self.proof_request(&run, statement, proof).await?;
        let registers = request.sidecar.is_some();
        match self.send(run.id, request).await? {
            Ok(receipt) => {
                let (hash, block) = (Some(receipt.transaction_hash.0), receipt.block_number);
                Ok(self.store.mark_hard(run.id, hash, block, registers).await?)
            }
            Err(error @ (ChainError::Reverted { .. } | ChainError::WouldRevert { .. })) => {
                match self.service.hard_since(&statement.root).await? {
                    // Somebody was faster with the same proof: as good as ours.
                    Some(block) => self.wait_until_hard(run, block).await,
                    None => {
                        self.store.undo_hard(run.id).await?;
                        let reason = error.to_string();
                        Err(AggregatorError::ProofRefused { run: run.id, reason })
                    }
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The transaction: without blobs where the root is registered with this very statement, which carried them. Where operators
    /// signed for other blobs, or a reorg took the root away, the proof registers it, with its own.
    async fn proof_request(
        &self,
        run: &Run,
        statement: &Statement,
        proof: Vec<u8>,
    ) -> Result<TxRequest, AggregatorError> {
        let registered = self.service.registered_as(&statement.root).await?;
        let is_same = registered.is_some_and(|found| {
            found.leaf_count == statement.leaf_count
                && found.blob_hashes == statement.versioned_hashes
        });
        let input = ServiceContract::register_call(statement.public_values.clone(), proof);
        let key = format!("hard:{}:{}:{}", run.id, run.hard_attempts, short_hash(&input));
        if is_same {
            return Ok(TxRequest::call(key, self.service.address(), input));
        }
        // One that carries blobs is another transaction.
        let call = TxRequest::call(format!("{key}:blobs"), self.service.address(), input);
        Ok(call.with_sidecar(self.sidecar_of(run, statement).await?))
    }

    /// Waits until a proof that somebody else brought, or we did in another life, has its confirmations.
    async fn wait_until_hard(&self, run: Run, first: u64) -> Result<Run, AggregatorError> {
        let root = statement_of(&run)?.root;
        let mut block = first;
        loop {
            let head = self.service.block_number().await?;
            if head.saturating_sub(block).saturating_add(1) >= self.confirmations {
                return Ok(self.store.mark_hard(run.id, None, block, false).await?);
            }
            sleep(self.poll).await;
            match self.service.hard_since(&root).await? {
                Some(found) => block = found,
                None => return Ok(run),
            }
        }
    }
}
