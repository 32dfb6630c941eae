//! The level above final: runs whose root is hard, because the contract verified the proof itself. Nothing here moves a proof or
//! the run's status: what goes wrong on the way to hard leaves the run as final as it was.

use crate::runs::{commit_and_read, lock_run};
use crate::store::{to_i64, to_u64};
use crate::{Deployment, Run, RunId, RunStatus, Store, StoreError};

/// How many final runs have which guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuaranteeCounts {
    /// Those that rest on the operators' word.
    pub soft: u64,
    /// Those whose proof the contract verified itself.
    pub hard: u64,
}

impl Store {
    /// `final`, and from now on known to be hard since a block, with all confirmations. `tx_hash` is our transaction that brought
    /// the proof, none when somebody else did. If it `registered` the root anew, beside its own blobs, the run is where it put it.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`] when the run is not `final`: a reorg took its root back.
    pub async fn mark_hard(
        &self,
        run_id: RunId,
        tx_hash: Option<[u8; 32]>,
        since: u64,
        registered: bool,
    ) -> Result<Run, StoreError> {
        let since = to_i64("block number", since)?;
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Final]).await?;
        sqlx::query!(
            "UPDATE runs SET hard_since = $2, hard_tx_hash = $3, \
             block_number = CASE WHEN $4::bool THEN $2 ELSE block_number END, \
             tx_hash = CASE WHEN $4::bool THEN $3 ELSE tx_hash END, updated_at = now() WHERE id = $1",
            run_id,
            since,
            tx_hash.as_ref().map(|hash| &hash[..]),
            registered,
        )
        .execute(&mut *tx)
        .await?;
        commit_and_read(tx, run_id).await
    }

    /// `final` as before, and soft again: a reorg took the proof's transaction back, or the contract refused it. The next attempt is
    /// another transaction.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`] when the run is not `final`.
    pub async fn undo_hard(&self, run_id: RunId) -> Result<Run, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_run(&mut tx, run_id, &[RunStatus::Final]).await?;
        sqlx::query!(
            "UPDATE runs SET hard_since = NULL, hard_tx_hash = NULL, hard_attempts = hard_attempts + 1, \
             updated_at = now() WHERE id = $1",
            run_id
        )
        .execute(&mut *tx)
        .await?;
        commit_and_read(tx, run_id).await
    }

    /// How many final runs of this deployment have which guarantee.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn guarantees(&self, deployment: &Deployment) -> Result<GuaranteeCounts, StoreError> {
        let row = sqlx::query!(
            r#"SELECT count(*) - count(hard_since) AS "soft!", count(hard_since) AS "hard!" FROM runs
            WHERE chain_id = $1 AND contract = $2 AND status = 'final'"#,
            to_i64("chain id", deployment.chain_id)?,
            &deployment.contract[..],
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(GuaranteeCounts { soft: to_u64(row.soft), hard: to_u64(row.hard) })
    }
}
