//! Files that a batcher put into its object store, and those of them that nobody needs: of groups that were refused after their files
//! were stored, that were dropped before they got on chain, or that a crash interrupted.
//!
//! A file is noted before it is stored, so what is not noted is somebody else's. Whoever takes a file away holds its row meanwhile, and whoever
//! stores it again waits for that row first: so a file that a group is being accepted with is never taken away behind its back.

use std::time::Duration;

use sqlx::{Postgres, Transaction};

use super::BatcherLedger;
use crate::StoreError;

/// Files that are about to be taken away. As long as this lives, nobody stores them again.
#[derive(Debug)]
pub struct UnusedFiles {
    tx: Transaction<'static, Postgres>,
    batcher: i64,
    keys: Vec<[u8; 32]>,
}

impl BatcherLedger {
    /// Notes files that are about to be stored. Waits for those that are being taken away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_files(&self, files: &[[u8; 32]]) -> Result<(), StoreError> {
        // In one order, or two requests with the same files could wait for each other.
        let mut keys: Vec<&[u8]> = files.iter().map(|key| &key[..]).collect();
        keys.sort_unstable();
        keys.dedup();
        sqlx::query(
            "INSERT INTO fast_files (batcher_id, key) \
             SELECT $1, key FROM unnest($2::bytea[]) AS named (key) ORDER BY key \
             ON CONFLICT (batcher_id, key) DO UPDATE SET seen_at = now()",
        )
        .bind(self.id)
        .bind(keys)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Files that were noted at least this long ago, and that no group has that waits, is in a batch or got on chain; at most `limit`,
    /// those that were noted first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unused_files(
        &self,
        older_than: Duration,
        limit: u32,
    ) -> Result<UnusedFiles, StoreError> {
        let mut tx = self.pool.begin().await?;
        // What got on chain stays for good, and need not be looked at again. Nothing is waited for, so nobody can wait for this in turn.
        sqlx::query(
            "DELETE FROM fast_files d USING (SELECT f.key FROM fast_files f \
                 WHERE f.batcher_id = $1 AND f.seen_at < now() - make_interval(secs => $2) \
                     AND EXISTS (SELECT FROM fast_group_files m JOIN fast_groups g ON g.id = m.group_id \
                         WHERE m.key = f.key AND g.status IN ('verified', 'failed')) \
                 FOR UPDATE OF f SKIP LOCKED) settled \
             WHERE d.batcher_id = $1 AND d.key = settled.key",
        )
        .bind(self.id)
        .bind(older_than.as_secs_f64())
        .execute(&mut *tx)
        .await?;
        // Another batcher may share the object store.
        let keys: Vec<[u8; 32]> = sqlx::query_scalar(
            "SELECT f.key FROM fast_files f \
             WHERE f.batcher_id = $1 AND f.seen_at < now() - make_interval(secs => $2) \
                 AND NOT EXISTS (SELECT FROM fast_group_files m JOIN fast_groups g ON g.id = m.group_id \
                     WHERE m.key = f.key AND g.status <> 'rejected') \
                 AND NOT EXISTS (SELECT FROM fast_files o WHERE o.key = f.key AND o.batcher_id <> $1 \
                     AND o.seen_at >= now() - make_interval(secs => $2)) \
             ORDER BY f.seen_at LIMIT $3 FOR UPDATE OF f SKIP LOCKED",
        )
        .bind(self.id)
        .bind(older_than.as_secs_f64())
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
        Ok(UnusedFiles { tx, batcher: self.id, keys })
    }
}

impl UnusedFiles {
    /// Their names: SHA-256 each.
    #[must_use]
    pub fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    /// They are gone.
    ///
    /// # Errors
    /// When the database fails; then they are named again.
    pub async fn forget(self) -> Result<(), StoreError> {
        let Self { mut tx, batcher, keys } = self;
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        sqlx::query("DELETE FROM fast_files WHERE batcher_id = $1 AND key = ANY ($2)")
            .bind(batcher)
            .bind(keys)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
