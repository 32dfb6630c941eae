//! What an audit compares with the chain: read alone, nothing is made or changed.

use super::{
    BatcherLedger, FastGroup,
    groups::{GroupRow, select_groups},
    wei,
};
use crate::store::{to_i64, to_u64};
use crate::{BatchStatus, BatcherKey, GroupStatus, Store, StoreError};

/// A batch whose task is on chain, with the blocks of what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOnChain {
    /// Its number.
    pub id: i64,
    /// Where it stands.
    pub status: BatchStatus,
    /// Root of its tree.
    pub root: [u8; 32],
    /// Where its manifest is.
    pub pointer: String,
    /// Wei that each proof costs its user.
    pub fee_per_proof: u128,
    /// Most wei that its response may cost.
    pub fee_limit: u128,
    /// Its task.
    pub task_id: [u8; 32],
    /// Block that created the task.
    pub task_block: u64,
    /// The last block in which the task can be answered.
    pub last_block: u64,
    /// Transaction that created the task.
    pub tx_hash: [u8; 32],
    /// Wei that the users paid.
    pub total: u128,
    /// Wei that the batcher added.
    pub added: u128,
    /// Block in which a quorum answered.
    pub verified_block: Option<u64>,
    /// Block in which its payment was given to the batcher.
    pub settled_block: Option<u64>,
    /// Block in which its payment was given back.
    pub refunded_block: Option<u64>,
}

/// The query's columns.
#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    status: BatchStatus,
    root: [u8; 32],
    pointer: String,
    fee_per_proof: String,
    fee_limit: String,
    task_id: [u8; 32],
    task_block: i64,
    last_block: i64,
    tx_hash: [u8; 32],
    total: String,
    added: String,
    verified_block: Option<i64>,
    settled_block: Option<i64>,
    refunded_block: Option<i64>,
}

impl Row {
    fn into_batch(self) -> Result<BatchOnChain, StoreError> {
        Ok(BatchOnChain {
            id: self.id,
            status: self.status,
            root: self.root,
            pointer: self.pointer,
            fee_per_proof: wei(&self.fee_per_proof)?,
            fee_limit: wei(&self.fee_limit)?,
            task_id: self.task_id,
            task_block: to_u64(self.task_block),
            last_block: to_u64(self.last_block),
            tx_hash: self.tx_hash,
            total: wei(&self.total)?,
            added: wei(&self.added)?,
            verified_block: self.verified_block.map(to_u64),
            settled_block: self.settled_block.map(to_u64),
            refunded_block: self.refunded_block.map(to_u64),
        })
    }
}

impl Store {
    /// The ledger of a batcher, if that ever ran on this database.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn find_batcher(&self, key: BatcherKey) -> Result<Option<BatcherLedger>, StoreError> {
        let id: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM batchers WHERE chain_id = $1 AND contract = $2 AND address = $3",
        )
        .bind(to_i64("chain id", key.chain_id)?)
        .bind(&key.contract[..])
        .bind(&key.address[..])
        .fetch_optional(&self.pool)
        .await?;
        Ok(id.map(|id| BatcherLedger { pool: self.pool.clone(), id, key }))
    }
}

impl BatcherLedger {
    /// Batches to which something happened on chain in these blocks, by number.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn batches_of_blocks(
        &self,
        first: u64,
        last: u64,
    ) -> Result<Vec<BatchOnChain>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, status, root, pointer, fee_per_proof_wei::text AS fee_per_proof, \
                 fee_limit_wei::text AS fee_limit, task_id, task_block, last_block, tx_hash, total_wei::text AS total, \
                 added_wei::text AS added, verified_block, settled_block, refunded_block \
             FROM fast_batches WHERE batcher_id = $1 AND task_id IS NOT NULL \
                 AND (task_block BETWEEN $2 AND $3 OR verified_block BETWEEN $2 AND $3 \
                     OR settled_block BETWEEN $2 AND $3 OR refunded_block BETWEEN $2 AND $3) \
             ORDER BY id",
        )
        .bind(self.id)
        .bind(to_i64("block", first)?)
        .bind(to_i64("block", last)?)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Row::into_batch).collect()
    }

    /// Those of these tasks that are of a batch of this batcher.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn known_tasks(&self, tasks: &[[u8; 32]]) -> Result<Vec<[u8; 32]>, StoreError> {
        let tasks: Vec<&[u8]> = tasks.iter().map(|task| &task[..]).collect();
        Ok(sqlx::query_scalar(
            "SELECT task_id FROM fast_batches WHERE batcher_id = $1 AND task_id = ANY ($2)",
        )
        .bind(self.id)
        .bind(tasks)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Accounts whose groups were charged, in their order, each with the nonce after those that were.
    /// Pass the last of a page as `after` to get the next one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn charged_accounts(
        &self,
        after: Option<&[u8; 20]>,
        limit: u32,
    ) -> Result<Vec<([u8; 20], u64)>, StoreError> {
        let rows: Vec<([u8; 20], i64)> = sqlx::query_as(
            "SELECT account, max(first_nonce + proof_count)::bigint FROM fast_groups \
             WHERE batcher_id = $1 AND charged_wei > 0 AND account > $2 \
             GROUP BY account ORDER BY account LIMIT $3",
        )
        .bind(self.id)
        .bind(after.map_or(&[][..], |account| &account[..]))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(account, nonce)| (account, to_u64(nonce))).collect())
    }

    /// Groups in the order of their acceptance, but for those that were dropped, each with its place.
    /// Pass the last place of a page as `after` to get the next one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn groups_after(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(i64, FastGroup)>, StoreError> {
        let places: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT sequence, id FROM fast_groups WHERE batcher_id = $1 AND sequence > $2 AND status <> 'rejected' \
             ORDER BY sequence LIMIT $3",
        )
        .bind(self.id)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let (places, ids): (Vec<i64>, Vec<Vec<u8>>) = places.into_iter().unzip();
        let rows = select_groups!(
            "JOIN unnest($1::bytea[]) WITH ORDINALITY AS named (id, place) ON named.id = g.id \
             WHERE g.batcher_id = $2 ORDER BY named.place",
            &ids,
            self.id
        );
        let groups = rows.fetch_all(&self.pool).await?.into_iter().map(GroupRow::into_group);
        places.into_iter().zip(groups).map(|(place, group)| Ok((place, group?))).collect()
    }
}
