//! Waiting for a node or a store that is not well.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    backoff::Backoff,
    error::ChainError,
    tx::{StoreError, manager::Inner},
};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pauses for whatever talks to a node.
pub(crate) const fn backoff() -> Backoff {
    Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)
}

impl Inner {
    /// Repeats an operation as long as the node is at fault. Other errors return.
    pub(crate) async fn retrying<T, F>(&self, operation: impl Fn() -> F) -> Result<T, ChainError>
    where
        F: Future<Output = Result<T, ChainError>>,
    {
        let mut backoff = backoff();
        loop {
            match operation().await {
                Err(error @ ChainError::Node { .. }) => {
                    tracing::warn!(%error, "the node is not well, trying again");
                    sleep(backoff.next_delay()).await;
                }
                other => return other,
            }
        }
    }

    /// Repeats a store operation until it succeeds: a transaction on its way must not be forgotten because the database is
    /// away for a while.
    pub(crate) async fn persist<T, F>(&self, operation: &'static str, run: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = backoff();
        loop {
            match run().await {
                Ok(value) => return value,
                Err(error) => {
                    tracing::warn!(%error, operation, "the transaction store failed, trying again");
                    sleep(backoff.next_delay()).await;
                }
            }
        }
    }
}
