//! Groups: how they are accepted, and how they end without a batch.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{
    Admission, BatcherLedger, FastGroup, GroupChange, NewGroup, OnChainAccount, Standing,
    WaitingGroup, hashes, wei,
};
use crate::lock::lock_key;
use crate::store::{short, to_i64, to_u32, to_u64};
use crate::{GroupStatus, StoreError};

/// The query's columns.
pub(super) struct GroupRow {
    pub(super) id: [u8; 32],
    pub(super) account: [u8; 20],
    pub(super) proofs_root: [u8; 32],
    pub(super) proof_count: i32,
    pub(super) first_nonce: i64,
    pub(super) max_fee_wei: String,
    pub(super) deadline: i64,
    pub(super) signature: Vec<u8>,
    pub(super) by_wallet: bool,
    pub(super) items: String,
    pub(super) commitments: Vec<u8>,
    pub(super) status: GroupStatus,
    pub(super) batch_id: Option<i64>,
    pub(super) charged_wei: Option<String>,
    pub(super) code: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) created_at: OffsetDateTime,
    pub(super) updated_at: OffsetDateTime,
}

/// `query_as!` for [`GroupRow`]: the columns are listed once.
macro_rules! select_groups {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            GroupRow,
            r#"SELECT g.id AS "id: [u8; 32]", g.account AS "account: [u8; 20]", g.proofs_root AS "proofs_root: [u8; 32]",
                g.proof_count, g.first_nonce, g.max_fee_wei::text AS "max_fee_wei!", g.deadline, g.signature, g.by_wallet,
                g.items, g.commitments, g.status AS "status: GroupStatus", g.batch_id,
                g.charged_wei::text AS charged_wei, g.code, g.reason, g.created_at, g.updated_at
            FROM fast_groups g "# + $tail
            $(, $argument)*
        )
    };
}
pub(super) use select_groups;

impl GroupRow {
    pub(super) fn into_group(self) -> Result<FastGroup, StoreError> {
        Ok(FastGroup {
            id: self.id,
            account: self.account,
            proofs_root: self.proofs_root,
            proof_count: to_u32(self.proof_count),
            first_nonce: to_u64(self.first_nonce),
            max_fee: wei(&self.max_fee_wei)?,
            deadline: to_u64(self.deadline),
            signature: self.signature,
            by_wallet: self.by_wallet,
            items: self.items,
            commitments: hashes(&self.commitments),
            status: self.status,
            batch_id: self.batch_id,
            charged: self.charged_wei.as_deref().map(wei).transpose()?,
            code: self.code,
            reason: self.reason,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl BatcherLedger {
    /// A group of this batcher.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn group(&self, id: &[u8; 32]) -> Result<Option<FastGroup>, StoreError> {
        let row = select_groups!("WHERE g.id = $1 AND g.batcher_id = $2", &id[..], self.id);
        row.fetch_optional(&self.pool).await?.map(GroupRow::into_group).transpose()
    }

    /// What of an account is taken here, when the chain has it like this.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn standing(
        &self,
        account: &[u8; 20],
        on_chain: OnChainAccount,
    ) -> Result<Standing, StoreError> {
        let mut connection = self.pool.acquire().await?;
        self.standing_on(&mut connection, account, on_chain.nonce).await
    }

    /// Accepts a group if its nonces and the balance are free, in one transaction. Requests for one account take turns.
    ///
    /// `on_chain` may be older than what the ledger knows: groups that were charged since count as taken.
    ///
    /// # Errors
    /// When the database fails; then nothing is stored.
    pub async fn admit(
        &self,
        group: &NewGroup,
        on_chain: OnChainAccount,
        max_pending: u32,
    ) -> Result<Admission, StoreError> {
        let mut tx = self.pool.begin().await?;
        self.lock_account(&mut tx, &group.account).await?;
        let known = select_groups!("WHERE g.id = $1", &group.id[..]).fetch_optional(&mut *tx);
        if let Some(known) = known.await? {
            return Ok(Admission::Known(Box::new(known.into_group()?)));
        }
        let standing = self.standing_on(&mut tx, &group.account, on_chain.nonce).await?;
        let Standing { next_nonce: expected, reserved, pending } = standing;
        if pending >= max_pending {
            return Ok(Admission::TooMany);
        }
        if group.first_nonce != expected {
            return Ok(Admission::WrongNonce { expected });
        }
        if reserved.saturating_add(group.max_fee) > on_chain.balance {
            return Ok(Admission::BalanceTooLow { reserved });
        }
        self.insert(&mut tx, group).await?;
        let row = select_groups!("WHERE g.id = $1", &group.id[..]).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(Admission::Accepted(Box::new(row.into_group()?)))
    }

    /// Drops a group that waits, with the code and reason that its owner reads. Those of its user that wait behind it go with
    /// it: their nonces cannot be reached any more. Returns all that were dropped; none if it did not wait any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reject_group(
        &self,
        id: &[u8; 32],
        code: &str,
        reason: &str,
        behind: (&str, &str),
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        let account = sqlx::query_scalar!(
            r#"SELECT account AS "account: [u8; 20]" FROM fast_groups WHERE id = $1 AND batcher_id = $2"#,
            &id[..],
            self.id
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(account) = account else { return Ok(vec![]) };
        let mut tx = self.pool.begin().await?;
        self.lock_account(&mut tx, &account).await?;
        let first = sqlx::query_scalar!(
            "UPDATE fast_groups SET status = 'rejected', code = $2, reason = $3, updated_at = now() \
             WHERE id = $1 AND status = 'accepted' RETURNING first_nonce",
            &id[..],
            code,
            short(reason)
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(first) = first else { return Ok(vec![]) };
        let mut dropped = sqlx::query_scalar!(
            r#"UPDATE fast_groups SET status = 'rejected', code = $4, reason = $5, updated_at = now()
            WHERE batcher_id = $1 AND account = $2 AND status = 'accepted' AND first_nonce > $3
            RETURNING id AS "id: [u8; 32]""#,
            self.id,
            &account[..],
            first,
            behind.0,
            short(behind.1)
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        dropped.push(*id);
        Ok(dropped)
    }

    /// Groups that wait, those that pay most for a proof first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn waiting_groups(&self, limit: u32) -> Result<Vec<WaitingGroup>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id AS "id: [u8; 32]", sequence, account AS "account: [u8; 20]",
                proofs_root AS "proofs_root: [u8; 32]", proof_count, first_nonce, max_fee_wei::text AS "max_fee_wei!",
                deadline, signature, by_wallet, bytes, commitments, systems, head, created_at
            FROM fast_groups WHERE batcher_id = $1 AND status = 'accepted'
            ORDER BY div(max_fee_wei, proof_count) DESC, sequence LIMIT $2"#,
            self.id,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(WaitingGroup {
                    id: row.id,
                    sequence: row.sequence,
                    account: row.account,
                    proofs_root: row.proofs_root,
                    proof_count: to_u32(row.proof_count),
                    first_nonce: to_u64(row.first_nonce),
                    max_fee: wei(&row.max_fee_wei)?,
                    deadline: to_u64(row.deadline),
                    signature: row.signature,
                    by_wallet: row.by_wallet,
                    bytes: to_u64(row.bytes),
                    commitments: hashes(&row.commitments),
                    systems: row.systems.into_iter().map(i16::unsigned_abs).collect(),
                    head: to_u64(row.head),
                    created_at: row.created_at,
                })
            })
            .collect()
    }

    /// Groups that wait and whose deadline is before a second since 1970, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn overdue_groups(
        &self,
        before: u64,
        limit: u32,
    ) -> Result<Vec<[u8; 32]>, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT id AS "id: [u8; 32]" FROM fast_groups
            WHERE batcher_id = $1 AND status = 'accepted' AND deadline < $2 ORDER BY sequence LIMIT $3"#,
            self.id,
            to_i64("deadline", before)?,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// These groups, in this order. One that is not there is left out.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn groups(&self, ids: &[[u8; 32]]) -> Result<Vec<FastGroup>, StoreError> {
        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.to_vec()).collect();
        let rows = select_groups!(
            "JOIN unnest($1::bytea[]) WITH ORDINALITY AS named (id, place) ON named.id = g.id \
             WHERE g.batcher_id = $2 ORDER BY named.place",
            &ids,
            self.id
        );
        rows.fetch_all(&self.pool).await?.into_iter().map(GroupRow::into_group).collect()
    }

    /// How many groups wait, counted up to `most`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn count_waiting(&self, most: u32) -> Result<u32, StoreError> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM (
                SELECT 1 FROM fast_groups WHERE batcher_id = $1 AND status = 'accepted' LIMIT $2
            ) AS counted"#,
            self.id,
            i64::from(most)
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Whether a wallet did not stand by its signature since a time: in its batch, or before, when its group was dropped with this code.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn broke_its_word_since(
        &self,
        account: &[u8; 20],
        since: OffsetDateTime,
        withdrawn: &str,
    ) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM fast_groups WHERE batcher_id = $1 AND account = $2 AND updated_at > $3 \
                 AND (charged_wei = 0 OR (by_wallet AND status = 'rejected')) AND (charged_wei = 0 OR code = $4))",
        )
        .bind(self.id)
        .bind(&account[..])
        .bind(since)
        .bind(withdrawn)
        .fetch_one(&self.pool)
        .await?)
    }

    /// What happened to a group after a change, oldest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn group_changes_after(
        &self,
        id: &[u8; 32],
        after: i64,
    ) -> Result<Vec<GroupChange>, StoreError> {
        Ok(sqlx::query_as!(
            GroupChange,
            r#"SELECT id AS sequence, status AS "status: GroupStatus", code, reason, batch_id, at
            FROM fast_group_events WHERE group_id = $1 AND id > $2 ORDER BY id"#,
            &id[..],
            after
        )
        .fetch_all(&self.pool)
        .await?)
    }

    async fn lock_account(
        &self,
        db: &mut PgConnection,
        account: &[u8; 20],
    ) -> Result<(), StoreError> {
        let key = self.lock_of(account);
        sqlx::query_scalar!(r#"SELECT 1 AS "one!" FROM pg_advisory_xact_lock($1)"#, key)
            .fetch_one(db)
            .await?;
        Ok(())
    }

    /// Has requests for the accounts of a batch wait until this transaction has ended.
    pub(super) async fn lock_accounts_of(
        &self,
        db: &mut PgConnection,
        batch: i64,
    ) -> Result<(), StoreError> {
        let accounts: Vec<[u8; 20]> = sqlx::query_scalar(
            "SELECT DISTINCT g.account FROM fast_batch_groups m JOIN fast_groups g ON g.id = m.group_id \
             WHERE m.batch_id = $1",
        )
        .bind(batch)
        .fetch_all(&mut *db)
        .await?;
        // In one order for everybody who locks several.
        let mut keys: Vec<i64> = accounts.iter().map(|account| self.lock_of(account)).collect();
        keys.sort_unstable();
        sqlx::query("SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS named (key)")
            .bind(keys)
            .execute(db)
            .await?;
        Ok(())
    }

    fn lock_of(&self, account: &[u8; 20]) -> i64 {
        let addresses = [&self.key.contract, &self.key.address, account];
        lock_key(b"collimate-batcher-account-v1", self.key.chain_id, &addresses)
    }

    async fn standing_on(
        &self,
        db: &mut PgConnection,
        account: &[u8; 20],
        chain_nonce: u64,
    ) -> Result<Standing, StoreError> {
        let row = sqlx::query!(
            r#"SELECT COALESCE(max(first_nonce + proof_count), 0)::bigint AS "taken!",
                COALESCE(sum(max_fee_wei), 0)::text AS "reserved!",
                count(*) FILTER (WHERE status IN ('accepted', 'batched')) AS "pending!"
            FROM fast_groups WHERE batcher_id = $1 AND account = $2 AND first_nonce >= $3
                AND (status IN ('accepted', 'batched') OR charged_wei > 0)"#,
            self.id,
            &account[..],
            to_i64("nonce", chain_nonce)?
        )
        .fetch_one(db)
        .await?;
        Ok(Standing {
            next_nonce: to_u64(row.taken).max(chain_nonce),
            reserved: wei(&row.reserved)?,
            pending: u32::try_from(row.pending).unwrap_or(u32::MAX),
        })
    }

    async fn insert(&self, db: &mut PgConnection, group: &NewGroup) -> Result<(), StoreError> {
        let systems: Result<Vec<i16>, _> =
            group.systems.iter().map(|system| i16::try_from(*system)).collect();
        let systems =
            systems.map_err(|_| StoreError::Inconsistent("an id of no proof system".to_owned()))?;
        let count = i32::try_from(group.proof_count).map_err(|_| StoreError::OutOfRange {
            what: "number of proofs",
            value: group.proof_count.into(),
        })?;
        sqlx::query!(
            "INSERT INTO fast_groups (id, batcher_id, account, proofs_root, proof_count, first_nonce, max_fee_wei, deadline, \
                 signature, by_wallet, bytes, items, commitments, systems, head, status) \
             VALUES ($1, $2, $3, $4, $5, $6, $7::text::numeric, $8, $9, $10, $11, $12, $13, $14, $15, 'accepted')",
            &group.id[..],
            self.id,
            &group.account[..],
            &group.proofs_root[..],
            count,
            to_i64("nonce", group.first_nonce)?,
            group.max_fee.to_string(),
            to_i64("deadline", group.deadline)?,
            group.signature,
            group.by_wallet,
            to_i64("number of bytes", group.bytes)?,
            group.items,
            group.commitments.concat(),
            &systems,
            to_i64("block", group.head)?,
        )
        .execute(&mut *db)
        .await?;
        let files: Vec<&[u8]> = group.files.iter().map(|key| &key[..]).collect();
        sqlx::query(
            "INSERT INTO fast_group_files (group_id, key) \
             SELECT $1, key FROM unnest($2::bytea[]) AS named (key)",
        )
        .bind(&group.id[..])
        .bind(files)
        .execute(db)
        .await?;
        Ok(())
    }
}
