//! Batchers on real ports, and operators' services for the whole way.

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use collimate_attestation::SecretKey;
use collimate_batcher::{Batcher, BatcherConfig, BatcherParts, ProofSystems};
use collimate_chain::{
    anvil::development_signer,
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TxConfig, TxManager, fake::FakeTxStore},
};
use collimate_contracts::decode_revert;
use collimate_objects::Objects;
use collimate_operator::{OperatorConfig, OperatorParts, OperatorService};
use collimate_signatures::{SignaturesConfig, SignaturesParts, SignaturesService};
use collimate_store::Store;
use collimate_tasks::WatchSettings;
use collimate_verifiers::VerifierPool;
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;

use crate::{
    samples::systems,
    world::{BATCHER, CHAIN, World, key},
};

const LOOK: Duration = Duration::from_millis(40);

/// A service with a runtime of its own, so that killing it ends everything that it began, connections too.
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

/// Starts a service, which tells its address once it listens.
async fn launch<F, S>(service: F) -> Running
where
    F: FnOnce(oneshot::Sender<SocketAddr>, CancellationToken) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (stop, (tell, told)) = (CancellationToken::new(), oneshot::channel());
    let task = runtime.spawn(service(tell, stop.clone()));
    let address = told.await.expect("the service starts; its panic is above");
    Running { url: format!("http://{address}"), stop, task, runtime: Some(runtime) }
}

impl Running {
    /// As a crash: nothing is finished.
    pub(crate) async fn kill(mut self) {
        let runtime = self.runtime.take().unwrap();
        let ended = spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5)));
        ended.await.unwrap();
    }

    /// In order.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.task).await.unwrap();
    }
}

/// Quick where production is patient: a batch as soon as there is a group, and no time to wait for confirmations.
pub(crate) fn quick(world: &World) -> BatcherConfig {
    let listen = "127.0.0.1:0".parse().unwrap();
    let mirrors = vec![world.mirror.parse().unwrap()];
    let mut config = BatcherConfig::new(listen, world.payments, mirrors);
    config.poll_interval = LOOK;
    config.closing.blocks = 0;
    config.settle_after = 1;
    config.intake.event_interval = LOOK;
    config.intake.stop_timeout = Duration::from_secs(5);
    config.intake.spool_dir = world.folder.path().to_owned();
    config
}

/// One that never closes a batch.
pub(crate) fn hoarding(world: &World) -> BatcherConfig {
    let mut config = quick(world);
    config.closing.blocks = 1_000_000;
    config
}

pub(crate) async fn start(world: &World) -> Running {
    start_with(world, quick(world)).await
}

pub(crate) async fn start_with(world: &World, config: BatcherConfig) -> Running {
    start_as(world, BATCHER, config).await
}

/// The batcher of a development account.
pub(crate) async fn start_as(world: &World, account: usize, config: BatcherConfig) -> Running {
    let (url, database) = (world.anvil.url(), world.database.clone());
    let folder = world.objects_folder();
    launch(move |tell, stop| async move {
        // Connections of its own: those of a runtime that ends are gone.
        let node = connect(&url, Timeouts::default()).unwrap();
        let store = Store::connect(&database).await.unwrap();
        let objects = Objects::folder(&folder).unwrap();
        let signer = development_signer(account).unwrap();
        let settings = TxConfig {
            confirmations: 1,
            poll_interval: LOOK,
            ..TxConfig::development_chain(CHAIN)
        };
        let transactions = TxManager::new(
            node.clone(),
            signer.clone(),
            Arc::new(store.transactions()),
            settings,
            RevertDecoder::new(decode_revert),
        );
        let parts = BatcherParts {
            store,
            objects,
            verifiers: VerifierPool::new(NonZeroUsize::new(2).unwrap(), 8).unwrap(),
            systems: ProofSystems::new(systems()),
            provider: node,
            transactions,
            signer,
            registry: prometheus::Registry::new(),
        };
        let batcher = Batcher::bind(config, parts).await.unwrap();
        tell.send(batcher.local_addr()).unwrap();
        batcher.run(stop).await.unwrap();
    })
    .await
}

fn watch() -> WatchSettings {
    WatchSettings { poll_interval: LOOK, ..WatchSettings::default() }
}

/// An operator, by number, that sends to these aggregators.
pub(crate) async fn start_operator(world: &World, number: u8, aggregators: &[&Running]) -> Running {
    let journal = world.folder.path().join(format!("journal-{number}"));
    let mut config = OperatorConfig::new("127.0.0.1:0".parse().unwrap(), world.manager, journal);
    config.watch = watch();
    config.download.allow_private = true;
    config.verifier_threads = NonZeroUsize::new(2).unwrap();
    config.repeat_after = Duration::from_millis(200);
    config.aggregators = aggregators.iter().map(|running| running.url.parse().unwrap()).collect();
    let (url, secret): (String, SecretKey) = (world.anvil.url(), key(number));
    launch(move |tell, stop| async move {
        let systems = systems().into_iter().map(|system| (system.number(), system.verifier()));
        let parts = OperatorParts {
            provider: connect(&url, Timeouts::default()).unwrap(),
            key: secret,
            systems: collimate_operator::ProofSystems::new(systems).unwrap(),
            metrics: prometheus::Registry::new(),
        };
        let service = OperatorService::bind(config, parts).await.unwrap();
        tell.send(service.local_addr()).unwrap();
        service.run(stop).await;
    })
    .await
}

/// A signature aggregator that sends from this account.
pub(crate) async fn start_aggregator(world: &World, account: usize) -> Running {
    let (url, service_manager) = (world.anvil.url(), world.manager);
    launch(move |tell, stop| async move {
        let node = connect(&url, Timeouts::default()).unwrap();
        let store = Arc::new(FakeTxStore::default());
        let settings = TxConfig {
            confirmations: 1,
            poll_interval: LOOK,
            ..TxConfig::development_chain(CHAIN)
        };
        let transactions = TxManager::new(
            node.clone(),
            development_signer(account).unwrap(),
            store.clone(),
            settings,
            RevertDecoder::new(decode_revert),
        );
        let parts = SignaturesParts {
            provider: node,
            transactions,
            store,
            metrics: prometheus::Registry::new(),
        };
        let mut config = SignaturesConfig::new("127.0.0.1:0".parse().unwrap(), service_manager);
        config.watch = watch();
        let service = SignaturesService::bind(config, parts).await.unwrap();
        tell.send(service.local_addr()).unwrap();
        service.run(stop).await;
    })
    .await
}
