//! What the chain did with batches: facts that come with the cursor that passes them, and that a reorganisation takes back.

use collimate_chain::follower::Cursor;
use sqlx::PgConnection;

use super::{
    BatcherLedger, FastBatch, GroupEnds, TaskFact, TaskOnChain,
    batches::{BatchRow, select_batches},
    overtaken::drop_overtaken_by,
};
use crate::cursors::move_cursor;
use crate::store::to_i64;
use crate::{BatchStatus, StoreError};

impl BatcherLedger {
    /// Stores what blocks brought that were delivered, the newest of which is `to`'s tip, and moves the cursor from `from`.
    /// `ends` is what the users of groups read that end with these facts. Returns the batches that changed.
    ///
    /// Facts about tasks of others, and facts that are stored already, change nothing.
    ///
    /// # Errors
    /// [`StoreError::CursorMoved`] if another process was faster, or the database failed. Nothing is stored then.
    pub async fn advance(
        &self,
        facts: &[TaskFact],
        ends: &GroupEnds<'_>,
        from: Option<&Cursor>,
        to: &Cursor,
    ) -> Result<Vec<FastBatch>, StoreError> {
        let mut tx = self.pool.begin().await?;
        move_cursor(&mut tx, &self.cursor_name(), from, to).await?;
        let mut changed = vec![];
        for fact in facts {
            changed.extend(self.apply(&mut tx, fact, ends.overtaken).await?);
        }
        let head = to.next.saturating_sub(1);
        let expired = sqlx::query_scalar!(
            "UPDATE fast_batches SET expired = true, updated_at = now() \
             WHERE batcher_id = $1 AND status = 'open' AND last_block <= $2 RETURNING id",
            self.id,
            to_i64("block", head)?
        )
        .fetch_all(&mut *tx)
        .await?;
        changed.extend(expired);
        let batches = self.follow(&mut tx, &changed, ends.refunded).await?;
        tx.commit().await?;
        Ok(batches)
    }

    /// Takes back what came from block `first` on, which is no longer part of the chain, and moves the cursor. Returns the
    /// batches that changed.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub async fn revert(
        &self,
        first: u64,
        from: Option<&Cursor>,
        to: &Cursor,
    ) -> Result<Vec<FastBatch>, StoreError> {
        let mut tx = self.pool.begin().await?;
        move_cursor(&mut tx, &self.cursor_name(), from, to).await?;
        let changed = sqlx::query_scalar!(
            "UPDATE fast_batches SET \
                 task_id = CASE WHEN task_block < $2 THEN task_id END, \
                 task_block = CASE WHEN task_block < $2 THEN task_block END, \
                 last_block = CASE WHEN task_block < $2 THEN last_block END, \
                 tx_hash = CASE WHEN task_block < $2 THEN tx_hash END, \
                 total_wei = CASE WHEN task_block < $2 THEN total_wei END, \
                 added_wei = CASE WHEN task_block < $2 THEN added_wei END, \
                 verified_block = CASE WHEN verified_block < $2 THEN verified_block END, \
                 settled_block = CASE WHEN settled_block < $2 THEN settled_block END, \
                 refunded_block = CASE WHEN refunded_block < $2 THEN refunded_block END, \
                 expired = expired AND last_block < $2, \
                 updated_at = now() \
             WHERE batcher_id = $1 AND task_id IS NOT NULL \
                 AND greatest(task_block, verified_block, settled_block, refunded_block, last_block) >= $2 \
             RETURNING id",
            self.id,
            to_i64("block", first)?
        )
        .fetch_all(&mut *tx)
        .await?;
        let batches = self.follow(&mut tx, &changed, ("", "")).await?;
        tx.commit().await?;
        Ok(batches)
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        fact: &TaskFact,
        overtaken: (&str, &str),
    ) -> Result<Option<i64>, StoreError> {
        // Notes in which block a task of ours came so far, unless that is known.
        macro_rules! note_block {
            ($column:tt, $task_id:ident, $block:ident) => {
                sqlx::query_scalar!(
                    "UPDATE fast_batches SET "
                        + $column
                        + " = $3, updated_at = now() WHERE batcher_id = $1 AND task_id = $2 AND "
                        + $column
                        + " IS NULL RETURNING id",
                    self.id,
                    &$task_id[..],
                    to_i64("block", *$block)?
                )
                .fetch_optional(db)
                .await?
            };
        }
        Ok(match fact {
            TaskFact::Created(task) => return self.create(db, task, overtaken).await,
            TaskFact::Verified { task_id, block } => note_block!("verified_block", task_id, block),
            TaskFact::Settled { task_id, block } => note_block!("settled_block", task_id, block),
            TaskFact::Refunded { task_id, block } => note_block!("refunded_block", task_id, block),
        })
    }

    /// The batch's task is on chain. One that was given up may be there all the same.
    async fn create(
        &self,
        db: &mut PgConnection,
        task: &TaskOnChain,
        overtaken: (&str, &str),
    ) -> Result<Option<i64>, StoreError> {
        let batch = sqlx::query_scalar!(
            "UPDATE fast_batches SET phase = 'sent', code = NULL, reason = NULL, task_id = $4, task_block = $5, \
                 last_block = $6, tx_hash = $7, total_wei = $8::text::numeric, added_wei = $9::text::numeric, \
                 updated_at = now() \
             WHERE task_id IS NULL AND id = (SELECT id FROM fast_batches WHERE batcher_id = $1 AND root = $2 \
                 AND pointer = $3 AND task_id IS NULL ORDER BY (phase = 'dissolved'), id DESC LIMIT 1) \
             RETURNING id",
            self.id,
            &task.root[..],
            task.pointer,
            &task.task_id[..],
            to_i64("block", task.block)?,
            to_i64("block", task.last_block)?,
            &task.tx_hash[..],
            task.total.to_string(),
            task.added.to_string(),
        )
        .fetch_optional(&mut *db)
        .await?;
        let Some(batch) = batch else { return Ok(None) };
        let charges: Vec<String> = task.charges.iter().map(ToString::to_string).collect();
        // A group that is being accepted meanwhile could take a nonce that is charged here.
        self.lock_accounts_of(db, batch).await?;
        drop_overtaken_by(db, batch, &charges, overtaken).await?;
        let charged = sqlx::query!(
            "UPDATE fast_groups g SET status = 'open', batch_id = $1, charged_wei = c.fee::numeric, updated_at = now() \
             FROM fast_batch_groups m \
             JOIN unnest($2::text[]) WITH ORDINALITY AS c (fee, place) ON c.place = m.position + 1 \
             WHERE m.batch_id = $1 AND g.id = m.group_id AND (g.batch_id = $1 OR g.status = 'accepted')",
            batch,
            &charges
        )
        .execute(db)
        .await?;
        if charged.rows_affected() != charges.len() as u64 {
            tracing::error!(
                batch,
                groups = charges.len(),
                charged = charged.rows_affected(),
                "a task is on chain whose groups are not all in its batch"
            );
        }
        Ok(Some(batch))
    }

    /// Groups follow their batches.
    async fn follow(
        &self,
        db: &mut PgConnection,
        batches: &[i64],
        refunded: (&str, &str),
    ) -> Result<Vec<FastBatch>, StoreError> {
        if batches.is_empty() {
            return Ok(vec![]);
        }
        sqlx::query!(
            "UPDATE fast_groups g SET status = n.status, updated_at = now(), \
                 charged_wei = CASE WHEN n.status <> 'batched' THEN g.charged_wei END, \
                 code = CASE WHEN n.status = 'failed' THEN $2 END, \
                 reason = CASE WHEN n.status = 'failed' THEN $3 END \
             FROM (SELECT id, CASE status WHEN 'sent' THEN 'batched' WHEN 'open' THEN 'open' WHEN 'expired' THEN 'open' \
                 WHEN 'refunded' THEN 'failed' ELSE 'verified' END AS status FROM fast_batches \
                 WHERE id = ANY ($1) AND status NOT IN ('closed', 'dissolved')) n \
             WHERE g.batch_id = n.id AND g.status <> n.status",
            batches,
            refunded.0,
            refunded.1
        )
        .execute(&mut *db)
        .await?;
        let rows = select_batches!("WHERE b.id = ANY ($1) ORDER BY b.id", batches);
        rows.fetch_all(db).await?.into_iter().map(BatchRow::into_batch).collect()
    }
}
