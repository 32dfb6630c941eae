//! Watchers on real ports.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use alloy::primitives::B256;
use collimate_chain::provider::{Timeouts, connect};
use collimate_tasks::WatchSettings;
use collimate_verifiers::{ProofSystem, ProofSystemId, ProofSystems};
use collimate_watcher::{
    BatchState, BatchView, Sampling, Summary, WatcherConfig, WatcherError, WatcherParts,
    WatcherService,
};

pub(crate) use crate::support::running::Running;
use crate::{
    support::{network::until, running::try_launch, samples::VERIFIER},
    world::World,
};

impl Running {
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
    let parts = parts(world, verifier);
    try_launch(move |tell, stop| async move {
        match WatcherService::bind(config, parts).await {
            Err(error) => tell.send(Err(error)).unwrap(),
            Ok(service) => {
                tell.send(Ok(service.local_addr())).unwrap();
                service.run(stop).await.unwrap();
            }
        }
    })
    .await
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
