//! Chunks that are proven before their run opens, so that opening it costs one chunk and the last layer.
//!
//! Nothing has to be remembered for it: the run that opens later takes the same proofs in the same order, its jobs have the
//! same ids, and those that are proven already cost nothing. Where the order changes meanwhile (a proof is quarantined, an
//! older one was queued late), the work on later chunks was in vain and nothing else.

use std::collections::BTreeSet;

use collimate_prover_client::{JobId, ProverClientError, finished_output};
use collimate_store::{ProofStatus, QueueDepth};

use crate::{Activity, AggregatorError, Driver, Plan, run::member};

/// What was found out already.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Jobs that have a proof, or failed: the run finds out why, here they are only not tried again.
    settled: BTreeSet<JobId>,
    /// The queue, and how much of it a run takes, in which nothing was left to prove.
    nothing_in: Option<(QueueDepth, u32)>,
}

/// Settled jobs that are remembered; forgetting them costs another look.
const MAX_SETTLED: usize = 4096;

impl Ahead {
    /// Proves the first full chunk of the queue that has no proof yet, if the next run will be cut into chunks and no run
    /// needs what proves. False if there is nothing to do.
    pub(crate) async fn step(
        &mut self,
        driver: &Driver,
        limit: u32,
    ) -> Result<bool, AggregatorError> {
        let Some(_turn) = driver.proving.free_turn() else { return Ok(false) };
        let chunk = 1_usize << driver.plan.chunk_size_log2;
        let queue = driver.store.queue_depth().await?;
        // Reading the queue's proofs each time would keep database and object store busy.
        if self.nothing_in == Some((queue, limit)) {
            return Ok(false);
        }
        let queued = usize::try_from(queue.count.min(u64::from(limit))).unwrap_or(usize::MAX);
        if queued <= driver.plan.direct_max || queued < chunk {
            return Ok(false);
        }
        let proofs = driver.store.proofs_page(Some(ProofStatus::Queued), None, limit).await?;
        let members = proofs.iter().map(member).collect();
        // The chunks' jobs do not depend on the blobs, which nobody knows yet.
        let plan = Plan::new(members, [0; 32], driver.plan, driver.programs.clone())?;
        for members in plan.chunks().filter(|members| members.len() == chunk) {
            let job = plan.chunk_job(members)?;
            let id = job.id();
            if self.settled.contains(&id) {
                continue;
            }
            if finished_output(&driver.proving.objects, id).await?.is_some() {
                self.settle(id);
                continue;
            }
            tracing::info!(job = %id, proofs = chunk, "proving a chunk ahead of its run");
            let report = |status: &_| {
                let activity = Activity::Ahead { job: Clone::clone(status) };
                let _ = driver.activity.send_replace(activity);
            };
            match driver.proving.prover.prove(&job, &report).await {
                Ok(_) => {}
                Err(error @ ProverClientError::Failed { .. }) => {
                    tracing::warn!(%error, "a chunk failed ahead of its run, which will look for the cause");
                }
                Err(error) => return Err(error.into()),
            }
            self.settle(id);
            return Ok(true);
        }
        self.nothing_in = Some((queue, limit));
        Ok(false)
    }

    fn settle(&mut self, id: JobId) {
        if self.settled.len() >= MAX_SETTLED {
            self.settled.clear();
        }
        self.settled.insert(id);
    }
}
