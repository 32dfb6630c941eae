//! What decides, besides the queue, whether a run opens: an operator's request, and when the last one was opened.

use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::store::to_i64;
use crate::{Deployment, Store, StoreError};

impl Store {
    /// Asks that a run opens as soon as a proof waits. Asking twice is asking once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn request_run(&self, deployment: &Deployment) -> Result<(), StoreError> {
        sqlx::query!(
            "INSERT INTO run_requests (chain_id, contract) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            to_i64("chain id", deployment.chain_id)?,
            &deployment.contract[..],
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Since when a request waits, if one does.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn run_requested(
        &self,
        deployment: &Deployment,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        Ok(sqlx::query_scalar!(
            "SELECT requested_at FROM run_requests WHERE chain_id = $1 AND contract = $2",
            to_i64("chain id", deployment.chain_id)?,
            &deployment.contract[..],
        )
        .fetch_optional(&self.pool)
        .await?)
    }

    /// When the newest run of this deployment was opened.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn last_run_opened(
        &self,
        deployment: &Deployment,
    ) -> Result<Option<OffsetDateTime>, StoreError> {
        Ok(sqlx::query_scalar!(
            "SELECT max(created_at) FROM runs WHERE chain_id = $1 AND contract = $2",
            to_i64("chain id", deployment.chain_id)?,
            &deployment.contract[..],
        )
        .fetch_one(&self.pool)
        .await?)
    }
}

/// A run opens: whatever was asked for is fulfilled.
pub(crate) async fn fulfil(
    tx: &mut PgConnection,
    deployment: &Deployment,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM run_requests WHERE chain_id = $1 AND contract = $2",
        to_i64("chain id", deployment.chain_id)?,
        &deployment.contract[..],
    )
    .execute(tx)
    .await?;
    Ok(())
}
