//! From "stored" to "promised": the last step before a submitter is answered, and the first after a crash in between.

use time::OffsetDateTime;

use crate::store::to_i64;
use crate::{ProofId, ProofStatus, Store, StoreError, SubmittedProof};

impl Store {
    /// Puts a proof that was verified into the queue, and promises its payer to have it on chain by `deadline` (seconds since
    /// 1970): status, promise and the program's key are one transaction. Whatever of it was done before stays as it is, so
    /// this can be called again after any failure, by several at once; all get the first promise.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or the database failed.
    pub async fn admit(&self, id: ProofId, deadline: u64) -> Result<SubmittedProof, StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!(
            "UPDATE proofs SET status = 'verified', updated_at = now() WHERE id = $1 AND status = 'received'",
            id
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE proofs SET status = 'queued', updated_at = now() WHERE id = $1 AND status = 'verified'",
            id
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO receipts (proof_id, deadline) SELECT id, $2 FROM proofs \
             WHERE id = $1 AND account_id IS NOT NULL AND status <> 'rejected' ON CONFLICT DO NOTHING",
            id,
            to_i64("deadline", deadline)?,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO programs (proof_system, program_id, vk) SELECT proof_system, program_id, vk FROM proofs \
             WHERE id = $1 AND octet_length(vk) > 0 AND status <> 'rejected' ON CONFLICT DO NOTHING",
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let found = self.submission(id).await?;
        found.ok_or_else(|| StoreError::NotFound { what: "proof", id: id.to_string() })
    }

    /// Proofs that were stored before `before` and are still `received` or `verified`: somebody died, or lost the database,
    /// before the submitter was answered.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn unfinished_submissions(
        &self,
        before: OffsetDateTime,
        after: Option<ProofId>,
        limit: u32,
    ) -> Result<Vec<ProofId>, StoreError> {
        let statuses = [ProofStatus::Received.as_str(), ProofStatus::Verified.as_str()];
        Ok(sqlx::query_scalar!(
            "SELECT id FROM proofs WHERE status = ANY ($1) AND id > $2 AND updated_at < $3 ORDER BY id LIMIT $4",
            &statuses as _,
            after.unwrap_or(ProofId::nil()),
            before,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?)
    }
}
