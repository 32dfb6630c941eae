//! A run, from its pending proofs to a confirmed transaction. Every step starts from what the
//! database says and ends with one guarded change, so the driver can die between any two of them.
//!
//! ```text
//! proving ──settle──▶ attesting ──seal──▶ submitting ──▶ confirming ──▶ final
//!    │ ▲                                    │   ▲            │            │
//!    │ └────────────── prove_again ─────────┘   └── reorg ───┴────────────┘
//!    └─ quarantine a bad proof, go on
//! ```
//!
//! From final to hard, where the contract verifies proofs itself, is another file's: `hard.rs`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use collimate_chain::{
    ChainError,
    kzg::Sidecar,
    tx::{ConfirmedReceipt, Shortage, TxManager, TxRequest},
};
use collimate_core::{Commitment, Hash, ProgramId, keccak256};
use collimate_objects::Key;
use collimate_prover_client::{
    AggregationPrograms, JobId, JobStatus, MAX_PROOF_BYTES, finished_output,
};
use collimate_store::{Proof, ProofId, ProofsOfFailedRun, Run, RunId, RunStatus, Statement, Store};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    AggregatorError, BadMember, BlobHashes, JobLog, Member, Plan, PlanSettings, Proven, Proving,
    Seal, SealRequest, ServiceContract, Wrapping,
    blobs::{archive, sidecar},
};

/// What the driver reports while it works, for whoever watches.
#[derive(Debug, Clone, PartialEq)]
pub enum Activity {
    /// Nothing to do.
    Idle,
    /// A chunk is being proven before its run opens.
    Ahead {
        /// What the proving process says.
        job: JobStatus,
    },
    /// A job of the run is being proven.
    Proving {
        /// The run.
        run: i64,
        /// What the proving process says.
        job: JobStatus,
    },
    /// The final proof is being sealed; the text says who is missing.
    Attesting {
        /// The run.
        run: i64,
        /// Where it stands.
        detail: String,
    },
    /// The transaction is on its way.
    Submitting {
        /// The run.
        run: i64,
    },
    /// The proof of a final run is being wrapped.
    Wrapping {
        /// The run.
        run: i64,
        /// What the proving process says.
        job: JobStatus,
    },
}

/// Drives runs of one deployment. Only one driver may work on a deployment at a time: whoever makes
/// one holds the store's lock.
#[derive(Debug)]
pub struct Driver {
    /// Proofs and runs.
    pub store: Store,
    /// The contract that runs are registered with.
    pub service: ServiceContract,
    /// The same, as the store names it.
    pub deployment: collimate_store::Deployment,
    /// What proves.
    pub proving: Proving,
    /// What makes the final proof acceptable to the contract.
    pub sealer: Arc<dyn Seal>,
    /// What wraps the proofs of final runs, so that their roots become hard; none where the contract does not verify proofs itself,
    /// or where that is left to others.
    pub hardening: Option<Wrapping>,
    /// What sends transactions.
    pub transactions: TxManager,
    /// The guests of this release.
    pub programs: AggregationPrograms,
    /// How runs are cut into jobs.
    pub plan: PlanSettings,
    /// Blocks that make a registration final, counting its own.
    pub confirmations: u64,
    /// Pause between two looks at the chain.
    pub poll: Duration,
    /// Where progress goes.
    pub activity: watch::Sender<Activity>,
}

/// Proofs that were aggregated before, of which one is proven again when the engine has to show that it works.
const CONTROLS: u32 = 32;
/// How long a step waits for its transaction before somebody is told.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// A run's plan, and what it is made from.
pub(crate) struct Planned {
    pub(crate) proofs: Vec<Proof>,
    pub(crate) commitments: Vec<Commitment>,
    pub(crate) blobs: BlobHashes,
    pub(crate) plan: Plan,
}

impl Driver {
    /// Takes one step of a run and returns it as it is then.
    ///
    /// # Errors
    /// Whatever keeps the step from being taken; the run stays as it was.
    pub async fn step(&self, run: Run) -> Result<Run, AggregatorError> {
        tracing::debug!(run = run.id, status = %run.status, "step");
        match run.status {
            RunStatus::Proving => self.prove(run).await,
            RunStatus::Attesting => self.attest(run).await,
            RunStatus::Submitting => self.submit(run).await,
            RunStatus::Confirming => self.confirm(run).await,
            RunStatus::Final | RunStatus::Failed => Ok(run),
        }
    }

    pub(crate) async fn plan_of(&self, run: &Run) -> Result<Planned, AggregatorError> {
        let proofs = self.store.proofs_of_run(run.id).await?;
        let members: Vec<Member> = proofs.iter().map(member).collect();
        let commitments: Vec<Commitment> = members.iter().map(Member::commitment).collect();
        let blobs = BlobHashes::of(&commitments).await?;
        let plan = Plan::new(members, blobs.blobs_hash, self.plan, self.programs.clone())?;
        Ok(Planned { proofs, commitments, blobs, plan })
    }

    async fn prove(&self, run: Run) -> Result<Run, AggregatorError> {
        let Planned { proofs, commitments, blobs, plan } = self.plan_of(&run).await?;
        let log = JobLog::new(self.store.clone(), run.id, self.programs.clone());
        let report = |status: &JobStatus| {
            let activity = Activity::Proving { run: run.id, job: status.clone() };
            // Nobody may be watching.
            let _ = self.activity.send_replace(activity);
        };
        let started = Instant::now();
        match self.proving.run(&plan, &log, &report).await? {
            Proven::Proof { job, .. } => {
                tracing::info!(run = run.id, seconds = started.elapsed().as_secs(), "proven");
                archive(&self.proving.objects, &commitments, &blobs).await?;
                let statement = plan.statement();
                let settled = Statement {
                    root: statement.root,
                    leaf_count: statement.leaf_count,
                    public_values: statement.abi_encode(),
                    blobs_hash: statement.blobs_hash,
                    versioned_hashes: blobs.versioned_hashes,
                    final_job: job.0,
                };
                Ok(self.store.settle(run.id, &settled).await?)
            }
            Proven::Bad(bad) => self.quarantine(run, &proofs, bad).await,
            Proven::Suspect { job, reason, members } => {
                let controls = self.store.aggregated_proofs(CONTROLS).await?;
                let controls: Vec<Member> = controls.iter().map(member).collect();
                if self.proving.engine_works(&plan, &controls, &report).await? {
                    self.quarantine(run, &proofs, members).await
                } else {
                    Err(AggregatorError::ProverBroken { job, reason })
                }
            }
        }
    }

    async fn quarantine(
        &self,
        mut run: Run,
        proofs: &[Proof],
        bad: Vec<BadMember>,
    ) -> Result<Run, AggregatorError> {
        for member in bad {
            let id = proof_id(proofs, &member.object)
                .ok_or(AggregatorError::UnknownMember { run: run.id })?;
            tracing::warn!(run = run.id, proof = %id, reason = member.reason, "quarantined");
            run = self.store.quarantine(run.id, id, member.code, &member.reason).await?;
        }
        Ok(run)
    }

    async fn attest(&self, run: Run) -> Result<Run, AggregatorError> {
        let statement = statement_of(&run)?;
        if self.service.registered_in(&statement.root).await?.is_some() {
            // Somebody else registered this root: there is nothing left to sign for.
            return Ok(self.store.seal(run.id, &[]).await?);
        }
        let Some(proof) = self.final_proof(statement).await? else {
            tracing::warn!(run = run.id, "the final proof can no longer be read, it is made again");
            return Ok(self.store.prove_again(run.id).await?);
        };
        let request = SealRequest {
            run: run.id,
            program: self.programs.chunk_aggregator.program_id,
            public_values: statement.public_values.clone(),
            proof,
        };
        let detail = |detail: &str| {
            let activity = Activity::Attesting { run: run.id, detail: detail.to_owned() };
            let _ = self.activity.send_replace(activity);
        };
        let seal = self.sealer.seal(&request, &detail).await?;
        Ok(self.store.seal(run.id, &seal).await?)
    }

    async fn final_proof(&self, statement: &Statement) -> Result<Option<Vec<u8>>, AggregatorError> {
        let objects = &self.proving.objects;
        let id = JobId(statement.final_job);
        let Some(key) = finished_output(objects, id).await? else { return Ok(None) };
        Ok(Some(objects.get(&key, MAX_PROOF_BYTES).await?.to_vec()))
    }

    async fn submit(&self, run: Run) -> Result<Run, AggregatorError> {
        let statement = statement_of(&run)?;
        if self.service.registered_in(&statement.root).await?.is_some() {
            return Ok(self.store.mark_submitted(run.id, None).await?);
        }
        let seal = run.seal.clone().unwrap_or_default();
        if self.sealer.is_stale(&seal).await? {
            tracing::info!(
                run = run.id,
                "the seal is of a past epoch, the operators are asked again"
            );
            return Ok(self.store.seal_again(run.id).await?);
        }
        // From here on the transaction may be on its way; the manager goes on with it after a crash.
        Ok(self.store.mark_submitted(run.id, None).await?)
    }

    async fn confirm(&self, run: Run) -> Result<Run, AggregatorError> {
        let _ = self.activity.send_replace(Activity::Submitting { run: run.id });
        let statement = statement_of(&run)?;
        if let Some(block) = self.service.registered_in(&statement.root).await?
            && run.seal.as_ref().is_none_or(Vec::is_empty)
        {
            return self.wait_for_others(run, block).await;
        }
        let request = self.request(&run).await?;
        match self.send(run.id, request).await? {
            Ok(receipt) => {
                let hash = Some(receipt.transaction_hash.0);
                self.finish(&run, hash, receipt.block_number).await
            }
            Err(error @ (ChainError::Reverted { .. } | ChainError::WouldRevert { .. })) => {
                match self.service.registered_in(&statement.root).await? {
                    // Somebody was faster with the same root: as good as ours.
                    Some(block) => self.wait_for_others(run, block).await,
                    None => {
                        self.store.undo_submitted(run.id).await?;
                        self.store.seal_again(run.id).await?;
                        // An error, so that the run is put aside: a refusal that stays must not hold up the others.
                        Err(AggregatorError::Refused { run: run.id, reason: error.to_string() })
                    }
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a transaction of a run, or joins it, and waits until it is final or was refused. Whoever watches has to know what it waits
    /// for: then this is an error, the transaction goes on, and is joined at the next try.
    pub(crate) async fn send(
        &self,
        run: RunId,
        request: TxRequest,
    ) -> Result<Result<ConfirmedReceipt, ChainError>, AggregatorError> {
        let shortage = shortage_of(self.transactions.shortages(), request.key.clone());
        tokio::select! {
            sent = self.transactions.send(request) => Ok(sent),
            Shortage { needed, budget } = shortage => {
                Err(AggregatorError::TooDear { run, needed, budget })
            }
            () = sleep(LONGEST_WAIT) => {
                Err(AggregatorError::NotMined { run, minutes: LONGEST_WAIT.as_secs() / 60 })
            }
        }
    }

    /// The run is final; and hard, if what registered its root is its proof.
    async fn finish(
        &self,
        run: &Run,
        hash: Option<Hash>,
        block: u64,
    ) -> Result<Run, AggregatorError> {
        let root = statement_of(run)?.root;
        let is_hard =
            self.hardening.is_some() && self.service.hard_since(&root).await? == Some(block);
        Ok(match is_hard {
            true => self.store.mark_final_and_hard(run.id, hash, block).await?,
            false => self.store.mark_final(run.id, hash, block).await?,
        })
    }

    /// Waits until a registration by somebody else has its confirmations.
    async fn wait_for_others(&self, run: Run, first: u64) -> Result<Run, AggregatorError> {
        let statement = statement_of(&run)?;
        let mut block = first;
        loop {
            let head = self.service.block_number().await?;
            if head.saturating_sub(block).saturating_add(1) >= self.confirmations {
                return self.finish(&run, None, block).await;
            }
            sleep(self.poll).await;
            match self.service.registered_in(&statement.root).await? {
                Some(found) => block = found,
                None => return Ok(self.store.undo_submitted(run.id).await?),
            }
        }
    }

    async fn request(&self, run: &Run) -> Result<TxRequest, AggregatorError> {
        let statement = statement_of(run)?;
        let sidecar = self.sidecar_of(run, statement).await?;
        let seal = run.seal.clone().unwrap_or_default();
        let input = ServiceContract::register_call(statement.public_values.clone(), seal);
        let key = transaction_key(run, &input);
        Ok(TxRequest::call(key, self.service.address(), input).with_sidecar(sidecar))
    }

    /// The blobs of a run, which are those that its statement names.
    pub(crate) async fn sidecar_of(
        &self,
        run: &Run,
        statement: &Statement,
    ) -> Result<Sidecar, AggregatorError> {
        let proofs = self.store.proofs_of_run(run.id).await?;
        let commitments: Vec<Commitment> =
            proofs.iter().map(|proof| Commitment(proof.commitment)).collect();
        let (sidecar, blobs) = sidecar(&commitments).await?;
        if blobs.versioned_hashes != statement.versioned_hashes {
            return Err(AggregatorError::Inconsistent(format!(
                "the blobs of run {} are not those of its statement",
                run.id
            )));
        }
        Ok(sidecar)
    }

    /// Gives a run up that cannot be proven whole: its proofs go back to the queue, for smaller runs, or fail with it.
    ///
    /// # Errors
    /// The database's.
    pub async fn give_up(
        &self,
        run: RunId,
        error: &AggregatorError,
        proofs: ProofsOfFailedRun,
    ) -> Result<(), AggregatorError> {
        let (code, reason) = (error.code(), error.to_string());
        self.store.fail_run(run, code, &reason, proofs).await?;
        Ok(())
    }

    /// Looks whether runs that were final, or hard, since a block still are, and takes that back which a reorg removed. Returns
    /// the newest block.
    ///
    /// # Errors
    /// The node's and the database's.
    pub async fn check_final_runs(&self, since: u64) -> Result<u64, AggregatorError> {
        let head = self.service.block_number().await?;
        for run in self.store.final_runs_since(&self.deployment, since).await? {
            let statement = statement_of(&run)?;
            if self.service.registered_in(&statement.root).await?.is_none() {
                tracing::warn!(
                    run = run.id,
                    "a reorg removed the run's root, it is submitted again"
                );
                self.store.undo_final(run.id).await?;
            } else if run.hard_since.is_some()
                && self.service.hard_since(&statement.root).await? != run.hard_since
            {
                tracing::warn!(
                    run = run.id,
                    "a reorg removed the proof of the run's root, it is brought again"
                );
                self.store.undo_hard(run.id).await?;
            }
        }
        Ok(head)
    }
}

/// Waits until a transaction waits for lower prices.
async fn shortage_of(
    mut shortages: watch::Receiver<BTreeMap<String, Shortage>>,
    key: String,
) -> Shortage {
    let told = shortages.wait_for(|all| all.contains_key(&key)).await;
    match told.ok().and_then(|all| all.get(&key).copied()) {
        Some(shortage) => shortage,
        None => std::future::pending().await,
    }
}

/// The name of the transaction: another seal or another attempt is another transaction.
fn transaction_key(run: &Run, input: &[u8]) -> String {
    format!("run:{}:{}:{}", run.id, run.attempts, short_hash(input))
}

/// Tells one call from another.
pub(crate) fn short_hash(input: &[u8]) -> String {
    keccak256(&[input]).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn statement_of(run: &Run) -> Result<&Statement, AggregatorError> {
    run.statement
        .as_ref()
        .ok_or_else(|| AggregatorError::Inconsistent(format!("run {} has no statement", run.id)))
}

pub(crate) fn member(proof: &Proof) -> Member {
    Member {
        object: Key(proof.proof_hash),
        program_id: ProgramId(proof.program_id),
        verifying_key: proof.vk.clone(),
        public_values: proof.public_values.clone(),
    }
}

fn proof_id(proofs: &[Proof], object: &Key) -> Option<ProofId> {
    proofs.iter().find(|proof| proof.proof_hash == object.0).map(|proof| proof.id)
}
