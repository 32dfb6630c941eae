//! Batches: what the batcher does with them.

use time::OffsetDateTime;

use super::{
    BatcherLedger, FastBatch, FastGroup, NewBatch, PaidPrice, TaskOfBatch,
    groups::{GroupRow, select_groups},
    hashes,
    overtaken::drop_overtaken_of,
    wei,
};
use crate::store::{short, to_i64, to_u32, to_u64};
use crate::{BatchStatus, GroupStatus, StoreError};

/// The query's columns.
pub(super) struct BatchRow {
    pub(super) id: i64,
    pub(super) status: BatchStatus,
    pub(super) root: [u8; 32],
    pub(super) pointer: String,
    pub(super) group_count: i32,
    pub(super) proof_count: i32,
    pub(super) bytes: i64,
    pub(super) fee_per_proof_wei: String,
    pub(super) fee_limit_wei: String,
    pub(super) min_charged_wei: String,
    pub(super) value_wei: String,
    pub(super) attempts: i32,
    pub(super) task_id: Option<[u8; 32]>,
    pub(super) task_block: Option<i64>,
    pub(super) tx_hash: Option<[u8; 32]>,
    pub(super) total_wei: Option<String>,
    pub(super) added_wei: Option<String>,
    pub(super) verified_block: Option<i64>,
    pub(super) created_at: OffsetDateTime,
    pub(super) updated_at: OffsetDateTime,
}

/// `query_as!` for [`BatchRow`]: the columns are listed once.
macro_rules! select_batches {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            BatchRow,
            r#"SELECT b.id, b.status AS "status!: BatchStatus", b.root AS "root: [u8; 32]", b.pointer, b.group_count,
                b.proof_count, b.bytes, b.fee_per_proof_wei::text AS "fee_per_proof_wei!",
                b.fee_limit_wei::text AS "fee_limit_wei!", b.min_charged_wei::text AS "min_charged_wei!",
                b.value_wei::text AS "value_wei!", b.attempts, b.task_id AS "task_id: [u8; 32]", b.task_block,
                b.tx_hash AS "tx_hash: [u8; 32]", b.total_wei::text AS total_wei, b.added_wei::text AS added_wei,
                b.verified_block, b.created_at, b.updated_at
            FROM fast_batches b "# + $tail
            $(, $argument)*
        )
    };
}
pub(super) use select_batches;

impl BatchRow {
    pub(super) fn into_batch(self) -> Result<FastBatch, StoreError> {
        let task = match (self.task_id, self.task_block, self.tx_hash) {
            (Some(id), Some(block), Some(tx_hash)) => Some(TaskOfBatch {
                id,
                block: to_u64(block),
                tx_hash,
                total: wei(self.total_wei.as_deref().unwrap_or("0"))?,
                added: wei(self.added_wei.as_deref().unwrap_or("0"))?,
            }),
            _ => None,
        };
        Ok(FastBatch {
            id: self.id,
            status: self.status,
            root: self.root,
            pointer: self.pointer,
            group_count: to_u32(self.group_count),
            proof_count: to_u32(self.proof_count),
            bytes: to_u64(self.bytes),
            fee_per_proof: wei(&self.fee_per_proof_wei)?,
            fee_limit: wei(&self.fee_limit_wei)?,
            min_charged: wei(&self.min_charged_wei)?,
            value: wei(&self.value_wei)?,
            attempts: to_u32(self.attempts),
            task,
            verified_block: self.verified_block.map(to_u64),
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl BatcherLedger {
    /// Closes a batch of groups that wait: `accepted → batched` for all of them, or nothing.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`] if one of them does not wait any more; or the database fails.
    pub async fn close_batch(&self, batch: &NewBatch) -> Result<FastBatch, StoreError> {
        let groups: Vec<Vec<u8>> = batch.groups.iter().map(|id| id.to_vec()).collect();
        let count = |value: u64| {
            i32::try_from(value)
                .map_err(|_| StoreError::OutOfRange { what: "size of a batch", value })
        };
        let mut tx = self.pool.begin().await?;
        let id = sqlx::query_scalar!(
            "INSERT INTO fast_batches (batcher_id, root, pointer, group_count, proof_count, bytes, fee_per_proof_wei, \
                 fee_limit_wei, min_charged_wei, value_wei, phase) \
             VALUES ($1, $2, $3, $4, $5, $6, $7::text::numeric, $8::text::numeric, $9::text::numeric, $10::text::numeric, \
                 'closed') RETURNING id",
            self.id,
            &batch.root[..],
            batch.pointer,
            count(groups.len() as u64)?,
            count(batch.proof_count.into())?,
            to_i64("number of bytes", batch.bytes)?,
            batch.fee_per_proof.to_string(),
            batch.fee_limit.to_string(),
            batch.min_charged.to_string(),
            batch.value.to_string(),
        )
        .fetch_one(&mut *tx)
        .await?;
        let moved = sqlx::query!(
            "UPDATE fast_groups SET status = 'batched', batch_id = $1, updated_at = now() \
             WHERE id = ANY ($2) AND batcher_id = $3 AND status = 'accepted'",
            id,
            &groups,
            self.id
        )
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() != groups.len() as u64 {
            return Err(StoreError::WrongStatus {
                what: "a group of batch",
                id: id.to_string(),
                found: "something else".to_owned(),
                needed: GroupStatus::Accepted.to_string(),
            });
        }
        sqlx::query!(
            "INSERT INTO fast_batch_groups (batch_id, position, group_id) \
             SELECT $1, (place - 1)::int, id FROM unnest($2::bytea[]) WITH ORDINALITY AS chosen (id, place)",
            id,
            &groups
        )
        .execute(&mut *tx)
        .await?;
        let row = select_batches!("WHERE b.id = $1", id).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        row.into_batch()
    }

    /// `closed → sent`: from here on its transaction may be on its way. Saying it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`] if it was dissolved.
    pub async fn mark_sent(&self, id: i64) -> Result<(), StoreError> {
        let changed = sqlx::query!(
            "UPDATE fast_batches SET phase = 'sent', updated_at = now() \
             WHERE id = $1 AND batcher_id = $2 AND phase IN ('closed', 'sent')",
            id,
            self.id
        );
        match changed.execute(&self.pool).await?.rows_affected() {
            0 => Err(self.wrong_batch_status(id, "closed or sent").await),
            _ => Ok(()),
        }
    }

    /// Gives up a batch whose task is not on chain: its groups wait again, but for those whose nonces another group has now. These end
    /// with `overtaken`, code and reason, and are returned.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`] if its task is on chain, or it was dissolved before.
    pub async fn dissolve(
        &self,
        id: i64,
        code: &str,
        reason: &str,
        overtaken: (&str, &str),
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            "UPDATE fast_batches SET phase = 'dissolved', code = $3, reason = $4, updated_at = now() \
             WHERE id = $1 AND batcher_id = $2 AND phase IN ('closed', 'sent') AND task_id IS NULL",
            id,
            self.id,
            code,
            short(reason)
        )
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() == 0 {
            tx.rollback().await?;
            return Err(self.wrong_batch_status(id, "closed or sent").await);
        }
        let dropped = drop_overtaken_of(&mut tx, id, overtaken).await?;
        sqlx::query!(
            "UPDATE fast_groups SET status = 'accepted', batch_id = NULL, updated_at = now() \
             WHERE batch_id = $1 AND status = 'batched'",
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(dropped)
    }

    /// Has the batch's task asked for by another transaction than the one of attempt `after`, which was mined and left the chain.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_again(&self, id: i64, after: u32) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE fast_batches SET attempts = attempts + 1, updated_at = now() \
             WHERE id = $1 AND batcher_id = $2 AND attempts = $3 AND status = 'sent'",
            id,
            self.id,
            i32::try_from(after).unwrap_or(i32::MAX)
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A batch.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn batch(&self, id: i64) -> Result<Option<FastBatch>, StoreError> {
        let row = select_batches!("WHERE b.id = $1 AND b.batcher_id = $2", id, self.id);
        row.fetch_optional(&self.pool).await?.map(BatchRow::into_batch).transpose()
    }

    /// Batches that there is still something to do or to wait for, oldest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn unfinished_batches(&self) -> Result<Vec<FastBatch>, StoreError> {
        let rows = select_batches!(
            "WHERE b.batcher_id = $1 AND b.status IN ('closed', 'sent', 'open', 'verified', 'expired') ORDER BY b.id",
            self.id
        );
        rows.fetch_all(&self.pool).await?.into_iter().map(BatchRow::into_batch).collect()
    }

    /// A page of batches, oldest first. Pass the last id of a page as `after` to get the next one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn batches_after(
        &self,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<FastBatch>, StoreError> {
        let rows = select_batches!(
            "WHERE b.batcher_id = $1 AND b.id > $2 ORDER BY b.id LIMIT $3",
            self.id,
            after.unwrap_or(0),
            i64::from(limit)
        );
        rows.fetch_all(&self.pool).await?.into_iter().map(BatchRow::into_batch).collect()
    }

    /// What proofs cost in the last batches that got on chain, newest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn last_prices(&self, limit: u32) -> Result<Vec<PaidPrice>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, proof_count, fee_per_proof_wei::text AS "fee!", created_at
            FROM fast_batches WHERE batcher_id = $1 AND task_id IS NOT NULL ORDER BY id DESC LIMIT $2"#,
            self.id,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(PaidPrice {
                    batch_id: row.id,
                    proof_count: to_u32(row.proof_count),
                    fee_per_proof: wei(&row.fee)?,
                    at: row.created_at,
                })
            })
            .collect()
    }

    /// The groups of a batch, in the order of its tree, also of one that was dissolved.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn groups_of(&self, batch: i64) -> Result<Vec<FastGroup>, StoreError> {
        let rows = select_groups!(
            "JOIN fast_batch_groups m ON m.group_id = g.id WHERE m.batch_id = $1 ORDER BY m.position",
            batch
        );
        rows.fetch_all(&self.pool).await?.into_iter().map(GroupRow::into_group).collect()
    }

    /// The fast commitments of a batch's groups, in the order of its tree.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn commitments_of(&self, batch: i64) -> Result<Vec<Vec<[u8; 32]>>, StoreError> {
        let rows = sqlx::query_scalar!(
            "SELECT g.commitments FROM fast_groups g JOIN fast_batch_groups m ON m.group_id = g.id \
             WHERE m.batch_id = $1 ORDER BY m.position",
            batch
        );
        let rows = rows.fetch_all(&self.pool).await?;
        Ok(rows.iter().map(|commitments| hashes(commitments)).collect())
    }

    /// A group's place in its batch.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn position_of(
        &self,
        batch: i64,
        group: &[u8; 32],
    ) -> Result<Option<u32>, StoreError> {
        let position = sqlx::query_scalar!(
            "SELECT position FROM fast_batch_groups WHERE batch_id = $1 AND group_id = $2",
            batch,
            &group[..]
        );
        Ok(position.fetch_optional(&self.pool).await?.map(to_u32))
    }

    pub(super) async fn wrong_batch_status(&self, id: i64, needed: &str) -> StoreError {
        let (what, needed) = ("batch", needed.to_owned());
        match self.batch(id).await {
            Ok(Some(batch)) => StoreError::WrongStatus {
                what,
                id: id.to_string(),
                found: batch.status.to_string(),
                needed,
            },
            Ok(None) => StoreError::NotFound { what, id: id.to_string() },
            Err(error) => error,
        }
    }
}
