//! One aggregator for each contract, and one driver for each batcher's account: advisory locks, each held by a connection of
//! its own.
//!
//! The server frees the lock when the connection ends, so a killed holder needs nobody to clean up. The other way
//! round a holder must stop when its connection is lost: [`ServiceLock::lost`] tells it within seconds. In
//! between, a second one may already work; guarded updates and the contracts, which take a root, or a nonce, once, keep
//! both from doing harm.

use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{BatcherKey, Deployment, Store, StoreError};

/// How often the holder looks whether its connection lives.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// After this long without an answer the connection counts as lost.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// The right to aggregate for one deployment.
pub type AggregatorLock = ServiceLock;

/// The right to do something that one process does at a time, until it is released, dropped or lost.
#[derive(Debug)]
pub struct ServiceLock {
    lost: CancellationToken,
    release: CancellationToken,
    keeper: Option<JoinHandle<()>>,
}

impl Store {
    /// Takes the lock; `None` when another aggregator holds it.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn try_lock_aggregator(
        &self,
        deployment: &Deployment,
    ) -> Result<Option<ServiceLock>, StoreError> {
        let Deployment { chain_id, contract } = deployment;
        self.try_lock(lock_key(b"collimate-aggregator-lock-v1", *chain_id, &[contract])).await
    }

    /// Takes the lock of a batcher's account; `None` when another process drives it.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn try_lock_batcher(
        &self,
        key: &BatcherKey,
    ) -> Result<Option<ServiceLock>, StoreError> {
        let BatcherKey { chain_id, contract, address } = key;
        let key = lock_key(b"collimate-batcher-lock-v1", *chain_id, &[contract, address]);
        self.try_lock(key).await
    }

    async fn try_lock(&self, key: i64) -> Result<Option<ServiceLock>, StoreError> {
        // The server notices a holder whose machine vanished within half a minute. Ignored on Unix sockets.
        let options = self.options.clone().options([
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ]);
        let mut connection = options.connect().await?;
        let taken = sqlx::query_scalar!(r#"SELECT pg_try_advisory_lock($1) AS "taken!""#, key)
            .fetch_one(&mut connection)
            .await?;
        if !taken {
            // Closing is a courtesy; the answer stands without it.
            let _ = connection.close().await;
            return Ok(None);
        }
        let lost = CancellationToken::new();
        let release = CancellationToken::new();
        let keeper = tokio::spawn(keep(connection, lost.clone(), release.clone()));
        Ok(Some(ServiceLock { lost, release, keeper: Some(keeper) }))
    }
}

impl ServiceLock {
    /// Whether the connection that holds the lock still answers.
    pub fn is_held(&self) -> bool {
        !self.lost.is_cancelled()
    }

    /// Returns when the lock is lost. Then the holder must stop.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Gives the lock back; when this returns, another can take it.
    pub async fn release(mut self) {
        self.release.cancel();
        if let Some(keeper) = self.keeper.take() {
            // The keeper does not panic, and nobody else aborts it.
            let _ = keeper.await;
        }
    }
}

impl Drop for ServiceLock {
    fn drop(&mut self) {
        self.release.cancel();
    }
}

/// Owns the connection until it is released or lost.
async fn keep(mut connection: PgConnection, lost: CancellationToken, release: CancellationToken) {
    loop {
        tokio::select! {
            () = release.cancelled() => break,
            () = tokio::time::sleep(PING_INTERVAL) => {}
        }
        if !matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(()))) {
            tracing::warn!("the connection that holds a lock is lost");
            break;
        }
    }
    lost.cancel();
    // Waits until the server has closed its side, which frees the lock.
    let _ = timeout(PING_TIMEOUT, connection.close()).await;
}

/// 64 bits name the lock. A collision would make one service wait for another, which is safe.
pub(crate) fn lock_key(kind: &[u8], chain_id: u64, addresses: &[&[u8; 20]]) -> i64 {
    let mut hash = Sha256::new();
    hash.update(kind);
    hash.update(chain_id.to_be_bytes());
    addresses.iter().for_each(|address| hash.update(address));
    let hash: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
