//! Operators and signature aggregators on real ports.

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use alloy::{primitives::B256, providers::DynProvider};
use collimate_chain::{
    anvil::{DEVELOPMENT_CHAIN_ID, development_signer},
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TxConfig, TxManager, fake::FakeTxStore},
};
use collimate_contracts::decode_revert;
use collimate_operator::{
    OperatorConfig, OperatorParts, OperatorService, TaskView as OperatorView,
};
use collimate_signatures::{
    SignaturesConfig, SignaturesParts, SignaturesService, TaskView as SignaturesView,
};
use collimate_tasks::WatchSettings;
use collimate_verifiers::{ProofSystem, ProofSystemId, ProofSystems};

pub(crate) use crate::support::running::Running;
use crate::{
    support::{
        network::{key, until},
        running::launch,
        samples::VERIFIER,
    },
    world::World,
};

impl Running {
    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Option<T> {
        let answer = reqwest::get(format!("{}{path}", self.url)).await.ok()?;
        answer.status().is_success().then_some(())?;
        Some(answer.json().await.unwrap())
    }

    /// What an operator says of a task.
    pub(crate) async fn operator_view(&self, task: B256) -> Option<OperatorView> {
        self.get(&format!("/v1/tasks/{task}/signature")).await
    }

    /// What an aggregator says of a task.
    pub(crate) async fn signatures_view(&self, task: B256) -> Option<SignaturesView> {
        self.get(&format!("/v1/tasks/{task}/signatures")).await
    }

    /// Waits until an operator has this reason for not signing.
    pub(crate) async fn refuses(&self, task: B256, code: &str) -> OperatorView {
        until(&format!("refused with {code}"), || async {
            self.operator_view(task).await.filter(|view| view.code.as_deref() == Some(code))
        })
        .await
    }
}

/// A connection of its own: those of a runtime that ends are gone.
fn node(world: &World) -> DynProvider {
    connect(&world.anvil.url(), Timeouts::default()).unwrap()
}

/// Looks at the chain often.
fn watch() -> WatchSettings {
    WatchSettings { poll_interval: Duration::from_millis(50), ..WatchSettings::default() }
}

pub(crate) fn operator_config(
    world: &World,
    number: u8,
    aggregators: &[&Running],
) -> OperatorConfig {
    let journal = world.folder.path().join(format!("journal-{number}"));
    let mut config = OperatorConfig::new("127.0.0.1:0".parse().unwrap(), world.manager, journal);
    config.watch = watch();
    config.download.allow_private = true;
    config.verifier_threads = NonZeroUsize::new(2).unwrap();
    config.repeat_after = Duration::from_millis(200);
    config.aggregators = aggregators.iter().map(|running| running.url.parse().unwrap()).collect();
    config
}

pub(crate) async fn start_operator_with(
    world: &World,
    number: u8,
    config: OperatorConfig,
    system: Arc<dyn ProofSystem>,
) -> Running {
    let systems = ProofSystems::from_iter([(ProofSystemId::Sp1Compressed, system)]);
    start_operator_of(world, number, config, systems).await
}

/// An operator with these proof systems.
pub(crate) async fn start_operator_of(
    world: &World,
    number: u8,
    config: OperatorConfig,
    systems: ProofSystems,
) -> Running {
    let node = node(world);
    launch(move |tell, stop| async move {
        let parts = OperatorParts {
            provider: node,
            key: key(number),
            systems,
            metrics: prometheus::Registry::new(),
        };
        let service = OperatorService::bind(config, parts).await.unwrap();
        tell.send(service.local_addr()).unwrap();
        service.run(stop).await;
    })
    .await
}

pub(crate) async fn start_operator(world: &World, number: u8, aggregators: &[&Running]) -> Running {
    let config = operator_config(world, number, aggregators);
    start_operator_with(world, number, config, VERIFIER.clone()).await
}

/// An aggregator that sends from this account, on this port.
pub(crate) async fn start_aggregator_at(
    world: &World,
    account: usize,
    listen: SocketAddr,
) -> Running {
    let (node, service_manager) = (node(world), world.manager);
    launch(move |tell, stop| async move {
        let store = Arc::new(FakeTxStore::default());
        let config = TxConfig {
            confirmations: 2,
            poll_interval: Duration::from_millis(50),
            ..TxConfig::development_chain(DEVELOPMENT_CHAIN_ID)
        };
        let transactions = TxManager::new(
            node.clone(),
            development_signer(account).unwrap(),
            store.clone(),
            config,
            RevertDecoder::new(decode_revert),
        );
        let parts = SignaturesParts {
            provider: node,
            transactions,
            store,
            metrics: prometheus::Registry::new(),
        };
        let mut config = SignaturesConfig::new(listen, service_manager);
        config.watch = watch();
        let service = SignaturesService::bind(config, parts).await.unwrap();
        tell.send(service.local_addr()).unwrap();
        service.run(stop).await;
    })
    .await
}

pub(crate) async fn start_aggregator(world: &World, account: usize) -> Running {
    start_aggregator_at(world, account, "127.0.0.1:0".parse().unwrap()).await
}
