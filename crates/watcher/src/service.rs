use std::{fmt, fs, net::SocketAddr, path::Path, sync::Arc};

use alloy::providers::Provider;
use collimate_chain::ChainError;
use collimate_http::Server;
use collimate_tasks::{ServiceManager, TaskError, WatchSettings};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Summary, WatcherConfig, WatcherError, WatcherParts,
    check::Checker,
    follow::follow,
    http::router,
    ledger::{Identity, Ledger},
    limits::QUEUED_CHANGES,
    metrics::Metrics,
    worker::Worker,
};

/// Watches until `shutdown`.
///
/// # Errors
/// The settings, the ledger, the address, or the contract cannot be used, or the disk is full.
pub async fn run(
    config: WatcherConfig,
    parts: WatcherParts,
    shutdown: CancellationToken,
) -> Result<(), WatcherError> {
    WatcherService::bind(config, parts).await?.run(shutdown).await
}

/// A watcher whose port is open and whose ledger is locked, but which does nothing yet.
pub struct WatcherService {
    server: Server,
    worker: Arc<Worker>,
    watch: WatchSettings,
}

impl fmt::Debug for WatcherService {
    /// Without the seed, and the webhook's address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatcherService")
            .field("local_addr", &self.local_addr())
            .finish_non_exhaustive()
    }
}

impl WatcherService {
    /// Checks settings and contract, opens ledger and port.
    ///
    /// # Errors
    /// [`WatcherError`], of every kind that concerns the start.
    pub async fn bind(config: WatcherConfig, parts: WatcherParts) -> Result<Self, WatcherError> {
        config.check()?;
        let WatcherParts { provider, systems, metrics } = parts;
        let manager = ServiceManager::open(provider, config.service_manager).await?;
        let metrics = Metrics::new(metrics)
            .map_err(|error| WatcherError::Config { reason: error.to_string() })?;
        let checker = Checker::new(&config, systems, metrics.clone())?;
        let ledger = open_ledger(&config, &manager).await?;
        let worker = Worker::new(&config, manager, ledger, checker, metrics)?;
        let address = config.listen;
        let server = Server::bind(address, config.connections).await;
        let server = server.map_err(|source| WatcherError::Listen { address, source })?;
        Ok(Self { server, worker: Arc::new(worker), watch: config.watch })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// What was found so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        summary(&self.worker)
    }

    /// Works until `shutdown`. Afterwards the port is free and the ledger unlocked; verifications that are running end by
    /// themselves. Dropping it ends it too, at once.
    ///
    /// # Errors
    /// The ledger or the folder of evidence cannot be written.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), WatcherError> {
        let Self { server, worker, watch: settings } = self;
        tracing::info!(address = %server.local_addr(), "watcher listens");
        let ledger = CloseLedger(worker.ledger.clone());
        let (changed, changes) = mpsc::channel(QUEUED_CHANGES);
        let stop = shutdown.child_token();
        // Dropped at the end, which ends every task in it.
        let mut running = JoinSet::new();
        running.spawn(follow(
            worker.manager.clone(),
            settings,
            worker.ledger.clone(),
            changed,
            stop.clone(),
        ));
        running.spawn(Arc::clone(&worker).run(changes));
        let mut serving = JoinSet::new();
        serving.spawn(server.run(router(worker), stop.clone()));
        let ended = tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            // Neither ends by itself but for an error.
            Some(ended) = running.join_next() => ended.unwrap_or(Err(WatcherError::Stopped)),
        };
        stop.cancel();
        while serving.join_next().await.is_some() {}
        running.shutdown().await;
        drop(ledger);
        ended
    }
}

/// Unlocks the ledger also when the service is dropped: what runs on holds nothing of it.
struct CloseLedger(Ledger);

impl Drop for CloseLedger {
    fn drop(&mut self) {
        self.0.close();
    }
}

pub(crate) fn summary(worker: &Worker) -> Summary {
    worker.ledger.read(|state| {
        let sums = state.sums();
        Summary {
            chain_id: worker.manager.chain_id(),
            service_manager: worker.manager.address(),
            first_block: state.started().map_or(0, |started| started.first_block),
            last_block: state.tip().map(|tip| tip.number),
            batches: sums.batches,
            batches_in_work: sums.in_work,
            batches_unavailable: sums.closed_unavailable,
            batches_unusable: sums.closed_unusable,
            proofs: sums.proofs,
            sampled: sums.sampled,
            holds: sums.holds,
            mismatches: sums.mismatches,
            unsignable: sums.unsignable,
            unavailable: sums.unavailable,
            undecided: sums.undecided,
            seen: sums.seen(),
        }
    })
}

async fn open_ledger(
    config: &WatcherConfig,
    manager: &ServiceManager,
) -> Result<Ledger, WatcherError> {
    let first_block = match config.first_block {
        Some(block) => block,
        None => {
            let head = manager.provider().get_block_number().await;
            head.map_err(ChainError::node("eth_blockNumber")).map_err(TaskError::Chain)?
        }
    };
    let identity = Identity {
        chain_id: manager.chain_id(),
        service_manager: manager.address(),
        seed: config.seed,
    };
    let failed = |source| WatcherError::Ledger { path: config.ledger.clone(), source };
    if let Some(folder) = config.ledger.parent().filter(|folder| *folder != Path::new("")) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    Ledger::open(&config.ledger, identity, first_block)
}
