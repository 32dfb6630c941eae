//! Watchers on real ports, and the real verifier with a count, a gate or a fault.

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::primitives::B256;
use collimate_chain::provider::{Timeouts, connect};
use collimate_core::ProgramId;
use collimate_tasks::WatchSettings;
use collimate_verifiers::{
    ProgramKey, ProofSystem, ProofSystemId, ProofSystems, Submission, VerifiedProof, VerifyError,
};
use collimate_watcher::{
    BatchState, BatchView, Sampling, Summary, WatcherConfig, WatcherError, WatcherParts,
    WatcherService,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

use crate::world::{VERIFIER, World, until};

/// A watcher with a runtime of its own, so that killing it ends everything that it began, connections too.
pub(crate) struct Running {
    pub(crate) url: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
    runtime: Option<Runtime>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Running {
    /// As a crash: nothing is finished.
    pub(crate) async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        let ended = spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5)));
        ended.await.unwrap();
    }

    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        answer.text().await.unwrap()
    }

    pub(crate) async fn summary(&self) -> Summary {
        serde_json::from_str(&self.text("/v1/watcher/summary").await).unwrap()
    }

    pub(crate) async fn batch(&self, task: B256) -> Option<BatchView> {
        serde_json::from_str(&self.text(&format!("/v1/watcher/batches/{task}")).await).ok()
    }

    /// Waits until a batch has this state.
    pub(crate) async fn state(&self, task: B256, state: BatchState) -> BatchView {
        until(&format!("{state:?}"), || async {
            self.batch(task).await.filter(|view| view.state == state)
        })
        .await
    }

    /// Waits until every sampled proof of a batch has its outcome.
    pub(crate) async fn done(&self, task: B256) -> BatchView {
        self.state(task, BatchState::Done).await
    }
}

/// Checks everything, looks at the chain often, and does not wait long for data.
pub(crate) fn config(world: &World) -> WatcherConfig {
    let folder = world.folder.path().join("watcher");
    let mut config = WatcherConfig::new("127.0.0.1:0".parse().unwrap(), world.manager, folder);
    config.watch =
        WatchSettings { poll_interval: Duration::from_millis(50), ..WatchSettings::default() };
    config.first_block = Some(0);
    config.sampling = Sampling::everything();
    config.download.allow_private = true;
    config.download_tries = NonZeroUsize::new(2).unwrap();
    config.verifier_threads = NonZeroUsize::new(2).unwrap();
    config
}

pub(crate) fn parts(world: &World, verifier: Arc<dyn ProofSystem>) -> WatcherParts {
    WatcherParts {
        provider: connect(&world.anvil.url(), Timeouts::default()).unwrap(),
        systems: ProofSystems::from_iter([(ProofSystemId::Sp1Compressed, verifier)]),
        metrics: prometheus::Registry::new(),
    }
}

pub(crate) async fn try_start(
    world: &World,
    config: WatcherConfig,
    verifier: Arc<dyn ProofSystem>,
) -> Result<Running, WatcherError> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (stop, (tell, told)) =
        (CancellationToken::new(), oneshot::channel::<Result<SocketAddr, WatcherError>>());
    let (parts, stopped) = (parts(world, verifier), stop.clone());
    let task = runtime.spawn(async move {
        match WatcherService::bind(config, parts).await {
            Err(error) => tell.send(Err(error)).unwrap(),
            Ok(service) => {
                tell.send(Ok(service.local_addr())).unwrap();
                service.run(stopped).await.unwrap();
            }
        }
    });
    let mut running = Running { url: String::new(), stop, task, runtime: Some(runtime) };
    let address = told.await.expect("the watcher says whether it starts")?;
    running.url = format!("http://{address}");
    Ok(running)
}

pub(crate) async fn start_with(
    world: &World,
    config: WatcherConfig,
    verifier: Arc<dyn ProofSystem>,
) -> Running {
    try_start(world, config, verifier).await.unwrap()
}

pub(crate) async fn start(world: &World) -> Running {
    start_with(world, config(world), VERIFIER.clone()).await
}

/// The real verifier, which counts, and waits until it is let through.
#[derive(Debug)]
pub(crate) struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    entered: AtomicUsize,
}

impl Gate {
    pub(crate) fn new(open: bool) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::new(open),
            opened: Condvar::new(),
            entered: AtomicUsize::new(0),
        })
    }

    pub(crate) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// Verifications that began.
    pub(crate) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }
}

impl ProofSystem for Gate {
    fn name(&self) -> &'static str {
        VERIFIER.name()
    }

    fn max_proof_bytes(&self) -> usize {
        VERIFIER.max_proof_bytes()
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        VERIFIER.program_id(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
        VERIFIER.verify(submission)
    }
}

/// Panics on whatever it is given.
#[derive(Debug)]
pub(crate) struct Panics;

impl ProofSystem for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn max_proof_bytes(&self) -> usize {
        VERIFIER.max_proof_bytes()
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        VERIFIER.program_id(key)
    }

    fn verify(&self, _: &Submission) -> Result<VerifiedProof, VerifyError> {
        panic!("a verifier that cannot cope")
    }
}

/// A verifier that is wrong about every proof: a machine that fails.
#[derive(Debug)]
pub(crate) struct Wrong;

impl ProofSystem for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn max_proof_bytes(&self) -> usize {
        VERIFIER.max_proof_bytes()
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        VERIFIER.program_id(key)
    }

    fn verify(&self, _: &Submission) -> Result<VerifiedProof, VerifyError> {
        Err(VerifyError::Rejected { reason: "a flipped bit in memory".to_owned() })
    }
}
