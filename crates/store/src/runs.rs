//! Runs as they change. Each step locks the run's row first and moves its proofs in the same transaction.

use sqlx::{PgConnection, Postgres, Transaction};

use crate::proofs::wrong_proof_status;
use crate::requests::fulfil;
use crate::run_queries::run_by_id;
use crate::store::{short, to_i64, to_u32};
use crate::{Deployment, ProofId, ProofStatus, Run, RunId, RunStatus, Store, StoreError};

/// What a run proves, and the blobs that carry its commitments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The root over the commitments of the run's proofs.
    pub root: [u8; 32],
    /// How many there are.
    pub leaf_count: u32,
    /// The public values of the final proof: the run statement, ABI-encoded.
    pub public_values: Vec<u8>,
    /// keccak256 over the versioned hashes.
    pub blobs_hash: [u8; 32],
    /// EIP-4844 versioned hashes of the blobs, in order.
    pub versioned_hashes: Vec<[u8; 32]>,
    /// The job whose output is the final proof.
    pub final_job: [u8; 32],
}

/// What becomes of the proofs of a run that is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofsOfFailedRun {
    /// Back to the queue, for another run.
    Requeue,
    /// They fail with the run's code and reason.
    Fail,
}

impl Store {
    /// Opens a run with the proofs that are queued, oldest first, at most `max_count`; `None` when none is. Two
    /// openers at once never take the same proof. A request for a run is fulfilled by it.
    ///
    /// # Errors
    /// When the database fails; then nothing was taken.
    pub async fn open_run(
        &self,
        deployment: &Deployment,
        max_count: u32,
    ) -> Result<Option<Run>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let proofs = sqlx::query_scalar!(
            "SELECT id FROM proofs WHERE status = 'queued' ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
            i64::from(max_count)
        )
        .fetch_all(&mut *tx)
        .await?;
        if proofs.is_empty() {
            return Ok(None);
        }
        let run_id = sqlx::query_scalar!(
            "INSERT INTO runs (chain_id, contract, status, leaf_count) VALUES ($1, $2, 'proving', $3) RETURNING id",
            to_i64("chain id", deployment.chain_id)?,
            &deployment.contract[..],
            i32::try_from(proofs.len()).unwrap_or(i32::MAX),
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO run_proofs (run_id, position, proof_id) \
             SELECT $1, (ordinality - 1)::int, id FROM unnest($2::uuid[]) WITH ORDINALITY AS taken (id, ordinality)",
            run_id,
            &proofs,
        )
        .execute(&mut *tx)
        .await?;
        move_proofs(&mut tx, run_id, ProofStatus::Queued, ProofStatus::Proving, None).await?;
        fulfil(&mut tx, deployment).await?;
        commit_and_read(tx, run_id).await.map(Some)
    }

    /// Takes a bad proof out of a run that is being proven: the proof fails with the code and reason, the later ones
    /// move up. A run that loses its last proof fails with `STO-RUN-EMPTY`.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`] when the run is not `proving`, [`StoreError::NotFound`] when the proof is not in it.
    pub async fn quarantine(
        &self,
        run_id: RunId,
        proof_id: ProofId,
        code: &str,
        reason: &str,
    ) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Proving]).await?;
        // The proof first, so that its history still finds the run.
        let failed = sqlx::query!(
            "UPDATE proofs SET status = 'failed', code = $3, reason = $4, updated_at = now() \
             WHERE id = $2 AND status = 'proving' \
             AND EXISTS (SELECT FROM run_proofs WHERE run_id = $1 AND proof_id = $2 AND live)",
            run_id,
            proof_id,
            code,
            short(reason),
        )
        .execute(&mut *tx)
        .await?;
        if failed.rows_affected() != 1 {
            return Err(wrong_proof_status(&mut *tx, proof_id, "proving, in this run").await);
        }
        let gap = sqlx::query_scalar!(
            "DELETE FROM run_proofs WHERE run_id = $1 AND proof_id = $2 RETURNING position",
            run_id,
            proof_id
        )
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE run_proofs SET position = position - 1 WHERE run_id = $1 AND position > $2",
            run_id,
            gap
        )
        .execute(&mut *tx)
        .await?;
        let left = sqlx::query_scalar!(
            "UPDATE runs SET leaf_count = leaf_count - 1, updated_at = now() WHERE id = $1 RETURNING leaf_count",
            run_id
        )
        .fetch_one(&mut *tx)
        .await?;
        if left == 0 {
            let reason = "every proof of the run was quarantined";
            end_run_as_failed(&mut tx, run_id, "STO-RUN-EMPTY", reason).await?;
        }
        commit_and_read(tx, run_id).await
    }

    /// `proving → attesting`: the final proof exists, and is what `statement` says. Proofs become `aggregated`.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`]; [`StoreError::Inconsistent`] when the count is not that of the run.
    pub async fn settle(&self, run_id: RunId, statement: &Statement) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        let leaf_count = lock_run(&mut tx, run_id, &[RunStatus::Proving]).await?;
        if leaf_count != statement.leaf_count {
            return Err(StoreError::Inconsistent(format!(
                "run {run_id} has {leaf_count} proofs, its statement covers {}",
                statement.leaf_count
            )));
        }
        sqlx::query!(
            "UPDATE runs SET status = 'attesting', root = $2, statement = $3, blobs_hash = $4, \
             versioned_hashes = $5, final_job = $6, updated_at = now() WHERE id = $1",
            run_id,
            &statement.root[..],
            statement.public_values,
            &statement.blobs_hash[..],
            &statement.versioned_hashes as _,
            &statement.final_job[..],
        )
        .execute(&mut *tx)
        .await?;
        move_proofs(&mut tx, run_id, ProofStatus::Proving, ProofStatus::Aggregated, None).await?;
        commit_and_read(tx, run_id).await
    }

    /// `attesting → submitting`: `seal` is the proof bytes that the contract gets.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn seal(&self, run_id: RunId, seal: &[u8]) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Attesting]).await?;
        sqlx::query!(
            "UPDATE runs SET status = 'submitting', seal = $2, updated_at = now() WHERE id = $1",
            run_id,
            seal
        )
        .execute(&mut *tx)
        .await?;
        commit_and_read(tx, run_id).await
    }

    /// `submitting → attesting`: the seal is of no use any more, and the operators are asked again. The final proof stays.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn seal_again(&self, run_id: RunId) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Submitting]).await?;
        sqlx::query!(
            "UPDATE runs SET status = 'attesting', seal = NULL, updated_at = now() WHERE id = $1",
            run_id
        )
        .execute(&mut *tx)
        .await?;
        commit_and_read(tx, run_id).await
    }

    /// `attesting | submitting → proving`: the final proof was lost or is refused, and has to be made again.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn prove_again(&self, run_id: RunId) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Attesting, RunStatus::Submitting]).await?;
        sqlx::query!(
            "UPDATE runs SET status = 'proving', root = NULL, statement = NULL, blobs_hash = NULL, \
             versioned_hashes = '{}', final_job = NULL, seal = NULL, updated_at = now() WHERE id = $1",
            run_id
        )
        .execute(&mut *tx)
        .await?;
        move_proofs(&mut tx, run_id, ProofStatus::Aggregated, ProofStatus::Proving, None).await?;
        commit_and_read(tx, run_id).await
    }

    /// `submitting → confirming`: the transaction is sent, or (`None`) somebody else registered the root. Proofs
    /// become `submitted`.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn mark_submitted(
        &self,
        run_id: RunId,
        tx_hash: Option<[u8; 32]>,
    ) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Submitting]).await?;
        sqlx::query!(
            "UPDATE runs SET status = 'confirming', tx_hash = $2, updated_at = now() WHERE id = $1",
            run_id,
            tx_hash.as_ref().map(|hash| &hash[..])
        )
        .execute(&mut *tx)
        .await?;
        move_proofs(&mut tx, run_id, ProofStatus::Aggregated, ProofStatus::Submitted, None).await?;
        commit_and_read(tx, run_id).await
    }

    /// Notes, while `confirming`, where the root is registered: a replacement changes the hash, a reorg the block.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn note_inclusion(
        &self,
        run_id: RunId,
        tx_hash: Option<[u8; 32]>,
        block_number: Option<u64>,
    ) -> Result<Run, StoreError> {
        let block_number = block_number.map(|n| to_i64("block number", n)).transpose()?;
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Confirming]).await?;
        sqlx::query!(
            "UPDATE runs SET tx_hash = $2, block_number = $3, updated_at = now() WHERE id = $1",
            run_id,
            tx_hash.as_ref().map(|hash| &hash[..]),
            block_number
        )
        .execute(&mut *tx)
        .await?;
        commit_and_read(tx, run_id).await
    }

    /// `confirming → final`: the root has all its confirmations in this block. Proofs become `final`.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn mark_final(
        &self,
        run_id: RunId,
        tx_hash: Option<[u8; 32]>,
        block_number: u64,
    ) -> Result<Run, StoreError> {
        self.finish_run(run_id, tx_hash, block_number, false).await
    }

    /// The same of a root that was hard from the beginning: what registered it is its proof.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn mark_final_and_hard(
        &self,
        run_id: RunId,
        tx_hash: Option<[u8; 32]>,
        block_number: u64,
    ) -> Result<Run, StoreError> {
        self.finish_run(run_id, tx_hash, block_number, true).await
    }

    async fn finish_run(
        &self,
        run_id: RunId,
        tx_hash: Option<[u8; 32]>,
        block_number: u64,
        hard: bool,
    ) -> Result<Run, StoreError> {
        let block_number = to_i64("block number", block_number)?;
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Confirming]).await?;
        sqlx::query!(
            "UPDATE runs SET status = 'final', tx_hash = $2::bytea, block_number = $3::bigint, \
             hard_since = CASE WHEN $4::bool THEN $3::bigint END, hard_tx_hash = CASE WHEN $4::bool THEN $2::bytea END, \
             updated_at = now(), finished_at = now() WHERE id = $1",
            run_id,
            tx_hash.as_ref().map(|hash| &hash[..]),
            block_number,
            hard
        )
        .execute(&mut *tx)
        .await?;
        move_proofs(&mut tx, run_id, ProofStatus::Submitted, ProofStatus::Final, None).await?;
        commit_and_read(tx, run_id).await
    }

    /// `confirming → submitting`: a reorg took the transaction back, or it failed on chain. Proofs are `aggregated` again.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn undo_submitted(&self, run_id: RunId) -> Result<Run, StoreError> {
        self.undo(run_id, RunStatus::Confirming, ProofStatus::Submitted).await
    }

    /// `final → submitting`: a reorg deeper than the confirmations took the root back. Proofs are `aggregated` again, and
    /// nothing is hard any more.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn undo_final(&self, run_id: RunId) -> Result<Run, StoreError> {
        self.undo(run_id, RunStatus::Final, ProofStatus::Final).await
    }

    async fn undo(
        &self,
        run_id: RunId,
        from: RunStatus,
        proofs: ProofStatus,
    ) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[from]).await?;
        sqlx::query!(
            "UPDATE runs SET status = 'submitting', tx_hash = NULL, block_number = NULL, finished_at = NULL, \
             attempts = attempts + 1, hard_since = NULL, hard_tx_hash = NULL, hard_attempts = hard_attempts + 1, \
             updated_at = now() WHERE id = $1",
            run_id
        )
        .execute(&mut *tx)
        .await?;
        move_proofs(&mut tx, run_id, proofs, ProofStatus::Aggregated, None).await?;
        commit_and_read(tx, run_id).await
    }

    /// `proving | attesting | submitting → failed`: the run is given up. Its proofs go back to the queue or fail
    /// with it; none is left in between.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`].
    pub async fn fail_run(
        &self,
        run_id: RunId,
        code: &str,
        reason: &str,
        proofs: ProofsOfFailedRun,
    ) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        let from = [RunStatus::Proving, RunStatus::Attesting, RunStatus::Submitting];
        lock_run(&mut tx, run_id, &from).await?;
        let status = sqlx::query_scalar!(
            r#"SELECT status AS "status: RunStatus" FROM runs WHERE id = $1"#,
            run_id
        )
        .fetch_one(&mut *tx)
        .await?;
        let held = match status {
            RunStatus::Proving => ProofStatus::Proving,
            _ => ProofStatus::Aggregated,
        };
        match proofs {
            ProofsOfFailedRun::Requeue => {
                move_proofs(&mut tx, run_id, held, ProofStatus::Queued, None).await?;
            }
            ProofsOfFailedRun::Fail => {
                let failure = Some((code, reason));
                move_proofs(&mut tx, run_id, held, ProofStatus::Failed, failure).await?;
            }
        }
        sqlx::query!("UPDATE run_proofs SET live = false WHERE run_id = $1", run_id)
            .execute(&mut *tx)
            .await?;
        end_run_as_failed(&mut tx, run_id, code, reason).await?;
        commit_and_read(tx, run_id).await
    }
}

/// Locks a run that has one of these statuses, until the transaction ends, and returns its count of proofs.
pub(crate) async fn lock_run(
    tx: &mut PgConnection,
    run_id: RunId,
    from: &[RunStatus],
) -> Result<u32, StoreError> {
    let row = sqlx::query!(
        r#"SELECT status AS "status: RunStatus", leaf_count FROM runs WHERE id = $1 FOR UPDATE"#,
        run_id
    )
    .fetch_optional(tx)
    .await?
    .ok_or_else(|| StoreError::NotFound { what: "run", id: run_id.to_string() })?;
    if !from.contains(&row.status) {
        let needed: Vec<&str> = from.iter().map(|status| status.as_str()).collect();
        return Err(StoreError::WrongStatus {
            what: "run",
            id: run_id.to_string(),
            found: row.status.to_string(),
            needed: needed.join(" or "),
        });
    }
    Ok(to_u32(row.leaf_count))
}

/// Moves every proof of a run from one status to the next. All of them, or the transaction must not commit.
async fn move_proofs(
    tx: &mut PgConnection,
    run_id: RunId,
    from: ProofStatus,
    to: ProofStatus,
    failure: Option<(&str, &str)>,
) -> Result<(), StoreError> {
    let moved = sqlx::query!(
        "UPDATE proofs p SET status = $3, code = $4, reason = $5, updated_at = now() FROM run_proofs rp \
         WHERE rp.run_id = $1 AND rp.live AND p.id = rp.proof_id AND p.status = $2",
        run_id,
        from.as_str(),
        to.as_str(),
        failure.map(|(code, _)| code),
        failure.map(|(_, reason)| short(reason)),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    let leaf_count = sqlx::query_scalar!("SELECT leaf_count FROM runs WHERE id = $1", run_id)
        .fetch_one(tx)
        .await?;
    if moved != u64::from(to_u32(leaf_count)) {
        return Err(StoreError::Inconsistent(format!(
            "{moved} of the {leaf_count} proofs of run {run_id} are {from}"
        )));
    }
    Ok(())
}

async fn end_run_as_failed(
    tx: &mut PgConnection,
    run_id: RunId,
    code: &str,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE runs SET status = 'failed', code = $2, reason = $3, updated_at = now(), finished_at = now() \
         WHERE id = $1",
        run_id,
        code,
        short(reason)
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Reads the run as it is about to be, and commits.
pub(crate) async fn commit_and_read(
    mut tx: Transaction<'_, Postgres>,
    run_id: RunId,
) -> Result<Run, StoreError> {
    let run = run_by_id(&mut *tx, run_id)
        .await?
        .ok_or_else(|| StoreError::NotFound { what: "run", id: run_id.to_string() })?;
    tx.commit().await?;
    Ok(run)
}
