use std::{net::SocketAddr, sync::Arc, time::Duration};

use collimate_tasks::{ServiceManager, WatchSettings, watch};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    OperatorConfig, OperatorError, OperatorParts, check::Checker, http::router,
    limits::QUEUED_CHANGES, metrics::Metrics, sign::Signer, worker::Worker,
};

/// Time for requests in work to end at a stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Answers tasks until `shutdown`.
///
/// # Errors
/// The settings, the journal, the address, or the contract cannot be used.
pub async fn run(
    config: OperatorConfig,
    parts: OperatorParts,
    shutdown: CancellationToken,
) -> Result<(), OperatorError> {
    OperatorService::bind(config, parts).await?.run(shutdown).await
}

/// An operator whose port is open and whose journal is locked, but which does nothing yet.
#[derive(Debug)]
pub struct OperatorService {
    listener: TcpListener,
    local_addr: SocketAddr,
    worker: Arc<Worker>,
    watch: WatchSettings,
}

impl OperatorService {
    /// Checks the contract, opens journal and port.
    ///
    /// # Errors
    /// [`OperatorError::Config`], [`OperatorError::Listen`], [`OperatorError::Chain`], or the journal's.
    pub async fn bind(config: OperatorConfig, parts: OperatorParts) -> Result<Self, OperatorError> {
        let OperatorParts { provider, key, systems, metrics } = parts;
        let manager = ServiceManager::open(provider, config.service_manager).await?;
        let metrics = Metrics::new(metrics)
            .map_err(|error| OperatorError::Config { reason: error.to_string() })?;
        let signer =
            Signer::open(key, &config.journal, manager.chain_id(), config.service_manager)?;
        let checker = Checker::new(&config, systems, metrics.clone())?;
        let worker = Worker::new(&config, manager, checker, signer, metrics)?;
        let address = config.listen;
        let failed = |source| OperatorError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, local_addr, worker: Arc::new(worker), watch: config.watch })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Works until `shutdown`. Afterwards the port is free and the journal unlocked; verifications that are running end by
    /// themselves. Dropping it ends it too, at once.
    ///
    /// # Errors
    /// [`OperatorError::Listen`] if the listener fails.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), OperatorError> {
        let Self { listener, local_addr, worker, watch: settings } = self;
        tracing::info!(address = %local_addr, "operator listens");
        let journal = CloseJournal(worker.signer.clone());
        let (changed, changes) = mpsc::channel(QUEUED_CHANGES);
        // Dropped at the end, which ends every task in it.
        let mut running = JoinSet::new();
        running.spawn(watch(worker.manager.clone(), settings, changed, shutdown.clone()));
        running.spawn(Arc::clone(&worker).run(changes));
        let serving = axum::serve(listener, router(worker))
            .with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let served = tokio::select! {
            served = serving.into_future() => served,
            () = async {
                shutdown.cancelled().await;
                tokio::time::sleep(DRAIN).await;
            } => Ok(()),
        };
        running.shutdown().await;
        drop(journal);
        served.map_err(|source| OperatorError::Listen { address: local_addr, source })
    }
}

/// Unlocks the journal also when the service is dropped: a verification that runs on holds nothing of it.
struct CloseJournal(Signer);

impl Drop for CloseJournal {
    fn drop(&mut self) {
        self.0.close();
    }
}
