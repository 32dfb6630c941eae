use std::{net::SocketAddr, sync::Arc};

use collimate_http::Server;
use collimate_tasks::{ServiceManager, WatchSettings, watch};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    OperatorConfig, OperatorError, OperatorParts, check::Checker, http::router,
    limits::QUEUED_CHANGES, metrics::Metrics, sign::Signer, worker::Worker,
};

/// Answers tasks until `shutdown`.
///
/// # Errors
/// The settings, the journal, the address, or the contract cannot be used.
pub async fn run(
    config: OperatorConfig,
    parts: OperatorParts,
    shutdown: CancellationToken,
) -> Result<(), OperatorError> {
    OperatorService::bind(config, parts).await?.run(shutdown).await;
    Ok(())
}

/// An operator whose port is open and whose journal is locked, but which does nothing yet.
#[derive(Debug)]
pub struct OperatorService {
    server: Server,
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
        let server = Server::bind(address, config.connections).await;
        let server = server.map_err(|source| OperatorError::Listen { address, source })?;
        Ok(Self { server, worker: Arc::new(worker), watch: config.watch })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Works until `shutdown`. Afterwards the port is free and the journal unlocked; verifications that are running end by
    /// themselves. Dropping it ends it too, at once.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { server, worker, watch: settings } = self;
        tracing::info!(address = %server.local_addr(), "operator listens");
        let journal = CloseJournal(worker.signer.clone());
        let (changed, changes) = mpsc::channel(QUEUED_CHANGES);
        // Dropped at the end, which ends every task in it.
        let mut running = JoinSet::new();
        running.spawn(watch(worker.manager.clone(), settings, changed, shutdown.clone()));
        running.spawn(Arc::clone(&worker).run(changes));
        server.run(router(worker), shutdown).await;
        running.shutdown().await;
        drop(journal);
    }
}

/// Unlocks the journal also when the service is dropped: a verification that runs on holds nothing of it.
struct CloseJournal(Signer);

impl Drop for CloseJournal {
    fn drop(&mut self) {
        self.0.close();
    }
}
