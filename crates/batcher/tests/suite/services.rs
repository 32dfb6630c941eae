//! Batchers on real ports, and operators' services for the whole way.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use collimate_attestation::SecretKey;
use collimate_batcher::{Batcher, BatcherConfig, BatcherParts};
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

pub(crate) use crate::support::running::Running;
use crate::{
    samples::systems,
    support::{network::key, running::launch},
    world::{BATCHER, CHAIN, World},
};

const LOOK: Duration = Duration::from_millis(40);

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
            systems: systems().into_iter().collect(),
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
        let parts = OperatorParts {
            provider: connect(&url, Timeouts::default()).unwrap(),
            key: secret,
            systems: systems().into_iter().collect(),
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
