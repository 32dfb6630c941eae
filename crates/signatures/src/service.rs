use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::primitives::{Address, B256};
use collimate_attestation::{PublicKey, Signature};
use collimate_http::Server;
use collimate_tasks::{
    ServiceManager, TaskChange, WatchSettings, watch,
    wire::{Acknowledged, TaskSignature},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinSet, spawn_blocking},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    SignaturesConfig, SignaturesError, SignaturesParts,
    http::router,
    limits::{PATIENCE, QUEUED_CHANGES},
    metrics::Metrics,
    respond::Responder,
    task::TaskEntry,
};

/// Collects signatures and answers tasks until `shutdown`.
///
/// # Errors
/// The settings, the address, or the contract cannot be used.
pub async fn run(
    config: SignaturesConfig,
    parts: SignaturesParts,
    shutdown: CancellationToken,
) -> Result<(), SignaturesError> {
    SignaturesService::bind(config, parts).await?.run(shutdown).await;
    Ok(())
}

/// The tasks that are known.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<HashMap<B256, Arc<TaskEntry>>>);

impl Tasks {
    pub(crate) fn get(&self, task: B256) -> Option<Arc<TaskEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&task).cloned()
    }

    /// The task's entry, with what was collected before if it is opened again.
    fn open(&self, id: B256, new: impl FnOnce() -> TaskEntry) -> Arc<TaskEntry> {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Arc::clone(tasks.entry(id).or_insert_with(|| Arc::new(new())));
        entry.set_end(None);
        entry
    }

    fn forget(&self, task: B256) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }
}

/// Checks signatures.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) manager: ServiceManager,
    pub(crate) tasks: Tasks,
    pub(crate) metrics: Metrics,
    pub(crate) responder_account: Address,
    verifications: Arc<Semaphore>,
}

impl Intake {
    /// Counts a signature once it is verified.
    pub(crate) async fn submit(
        &self,
        task: B256,
        answer: TaskSignature,
    ) -> Result<Acknowledged, SignaturesError> {
        let entry = self.tasks.get(task).ok_or(SignaturesError::UnknownTask)?;
        if let Some(end) = entry.end() {
            return Err(SignaturesError::Closed { end });
        }
        let TaskSignature { operator_id: operator, proving_systems: systems, signature } = answer;
        let key = {
            let collection = entry.collection(&self.manager).await?;
            if collection.has(&answer) {
                return Ok(collection.acknowledge(systems));
            }
            collection.key_of(operator)?
        };
        // In turn: whoever floods it with wrong ones has each connection wait behind those of all others, and keeps none out.
        let turn = Arc::clone(&self.verifications).acquire_owned();
        let Ok(Ok(permit)) = timeout(PATIENCE, turn).await else {
            return Err(SignaturesError::Busy);
        };
        let message = self.manager.message(task, systems);
        // Milliseconds of computing: off the threads that serve everybody.
        let verified = spawn_blocking(move || {
            let _permit = permit;
            let signature =
                Signature::from_bytes(signature.as_slice()).map_err(SignaturesError::Malformed)?;
            let key = PublicKey::from_point(key).map_err(SignaturesError::Malformed)?;
            match signature.verify(message, &key) {
                true => Ok(signature),
                false => Err(SignaturesError::WrongSignature { operator }),
            }
        });
        let signature = verified.await.unwrap_or(Err(SignaturesError::Stopped))?;
        let counted = entry.collection(&self.manager).await?.add(operator, systems, signature)?;
        tracing::debug!(%task, operator, "signed");
        entry.counted.notify_waiters();
        Ok(counted)
    }
}

/// A signature aggregator whose port is open, but which does nothing yet.
#[derive(Debug)]
pub struct SignaturesService {
    server: Server,
    intake: Arc<Intake>,
    responder: Arc<Responder>,
    watch: WatchSettings,
}

impl SignaturesService {
    /// Checks the contract and opens the port.
    ///
    /// # Errors
    /// [`SignaturesError::Config`], [`SignaturesError::Listen`], [`SignaturesError::Task`].
    pub async fn bind(
        config: SignaturesConfig,
        parts: SignaturesParts,
    ) -> Result<Self, SignaturesError> {
        let SignaturesParts { provider, transactions, store, metrics } = parts;
        let manager = ServiceManager::open(provider, config.service_manager).await?;
        let metrics = Metrics::new(metrics)
            .map_err(|error| SignaturesError::Config { reason: error.to_string() })?;
        let address = config.listen;
        let server = Server::bind(address, config.connections).await;
        let server = server.map_err(|source| SignaturesError::Listen { address, source })?;
        let intake = Intake {
            manager: manager.clone(),
            tasks: Tasks::default(),
            metrics: metrics.clone(),
            responder_account: transactions.address(),
            verifications: Arc::new(Semaphore::new(config.max_verifications.get())),
        };
        let responder = Responder::new(&config, manager, transactions, store, metrics);
        Ok(Self {
            server,
            intake: Arc::new(intake),
            responder: Arc::new(responder),
            watch: config.watch,
        })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Works until `shutdown`. Transactions that are on their way belong to the transaction manager, whose owner stops it
    /// afterwards. Dropping it ends it too, at once.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { server, intake, responder, watch: settings } = self;
        tracing::info!(address = %server.local_addr(), "signature aggregator listens");
        let (changed, changes) = mpsc::channel(QUEUED_CHANGES);
        // Dropped at the end, which ends every task in it.
        let mut running = JoinSet::new();
        running.spawn(watch(intake.manager.clone(), settings, changed, shutdown.clone()));
        running.spawn(serve_tasks(Arc::clone(&intake), responder, changes));
        server.run(router(intake), shutdown).await;
        running.shutdown().await;
    }
}

/// Keeps the tasks as the chain has them, with a responder for each that is open.
async fn serve_tasks(
    intake: Arc<Intake>,
    responder: Arc<Responder>,
    mut changes: mpsc::Receiver<TaskChange>,
) {
    let mut responding = JoinSet::new();
    let mut open: HashMap<B256, CancellationToken> = HashMap::new();
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            // What ended is taken out, so that it does not pile up.
            Some(_) = responding.join_next() => continue,
        };
        match change {
            None => return,
            Some(TaskChange::Opened(task)) => {
                let (id, closed) = (task.id, CancellationToken::new());
                let entry = intake.tasks.open(id, || TaskEntry::new(task));
                if let Some(before) = open.insert(id, closed.clone()) {
                    before.cancel();
                }
                let responder = Arc::clone(&responder);
                responding.spawn(async move { responder.serve(&entry, &closed).await });
            }
            Some(TaskChange::Closed { id, end }) => {
                if let Some(closed) = open.remove(&id) {
                    closed.cancel();
                }
                if let Some(entry) = intake.tasks.get(id) {
                    entry.set_end(Some(end));
                }
            }
            Some(TaskChange::Forgotten { id }) => intake.tasks.forget(id),
        }
        intake.metrics.open.set(i64::try_from(open.len()).unwrap_or(i64::MAX));
    }
}
