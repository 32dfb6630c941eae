//! Fast mode's real services in this process: a batcher with its database, four operators and a signature aggregator. Whoever uses them has
//! nothing to play.

use std::{net::SocketAddr, num::NonZeroUsize, path::Path, sync::Arc, time::Duration};

use alloy::providers::ext::AnvilApi;
use collimate_batcher::{Batcher, BatcherConfig, BatcherParts};
use collimate_chain::{
    anvil::DEVELOPMENT_CHAIN_ID,
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TxConfig, TxManager},
};
use collimate_contracts::decode_revert;
use collimate_objects::Objects;
use collimate_operator::{OperatorConfig, OperatorParts, OperatorService};
use collimate_store::{EmbeddedPostgres, Store};
use collimate_tasks::WatchSettings;
use collimate_verifiers::{ProofSystemId, ProofSystems, VerifierPool};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fast_network::{BATCHER, FastNetwork, key, signer};

/// What they verify.
const SYSTEM: ProofSystemId = ProofSystemId::CircomGroth16Bn254;
const LOOK: Duration = Duration::from_millis(50);

/// A service, and what stops it.
type Running = (CancellationToken, JoinHandle<()>);

pub(crate) struct FastServices {
    pub(crate) network: FastNetwork,
    database: EmbeddedPostgres,
    batcher: Option<Running>,
    address: SocketAddr,
    operators: Vec<Running>,
    _blocks: DropGuard,
}

impl Drop for FastServices {
    fn drop(&mut self) {
        for (stop, _) in self.batcher.iter().chain(&self.operators) {
            stop.cancel();
        }
    }
}

async fn stopped((stop, ended): Running) {
    stop.cancel();
    ended.await.unwrap();
}

impl FastServices {
    pub(crate) async fn start() -> Self {
        let network = FastNetwork::start().await;
        let folder = network.folder.path().join("postgres");
        let database = EmbeddedPostgres::start(&folder).await.unwrap();
        let aggregator = network.start_aggregator().await;
        let mut operators = vec![];
        for number in 0..4 {
            operators.push(operator(&network, number, &aggregator).await);
        }
        let mut services = Self {
            _blocks: blocks(&network),
            network,
            database,
            batcher: None,
            address: ([127, 0, 0, 1], 0).into(),
            operators,
        };
        services.open_batcher().await;
        let fast = services.network.profile.fast_mode.as_mut().unwrap();
        fast.batcher_url = Some(format!("http://{}", services.address));
        services
    }

    /// Opens the batcher, at the address that it had before.
    pub(crate) async fn open_batcher(&mut self) {
        let network = &self.network;
        let data = &network.profile.fast_mode.as_ref().unwrap().data_services[0];
        let mut config =
            BatcherConfig::new(self.address, network.payments(), vec![data.parse().unwrap()]);
        config.poll_interval = LOOK;
        config.closing.blocks = 0;
        config.settle_after = 1;
        config.intake.event_interval = LOOK;
        config.intake.stop_timeout = Duration::from_secs(5);
        config.intake.spool_dir = network.folder.path().to_owned();
        let node = connect(&network.anvil.url(), Timeouts::default()).unwrap();
        let store = Store::connect(self.database.url()).await.unwrap();
        let settings = TxConfig {
            confirmations: 1,
            poll_interval: LOOK,
            ..TxConfig::development_chain(DEVELOPMENT_CHAIN_ID)
        };
        let transactions = TxManager::new(
            node.clone(),
            signer(BATCHER),
            Arc::new(store.transactions()),
            settings,
            RevertDecoder::new(decode_revert),
        );
        let parts = BatcherParts {
            store,
            objects: Objects::folder(Path::new(&network.store())).unwrap(),
            verifiers: VerifierPool::new(NonZeroUsize::MIN, 8).unwrap(),
            systems: ProofSystems::from_iter([SYSTEM]),
            provider: node,
            transactions,
            signer: signer(BATCHER),
            registry: prometheus::Registry::new(),
        };
        let batcher = Batcher::bind(config, parts).await.unwrap();
        self.address = batcher.local_addr();
        let stop = CancellationToken::new();
        let token = stop.clone();
        let ended = tokio::spawn(async move { batcher.run(token).await.unwrap() });
        self.batcher = Some((stop, ended));
    }

    pub(crate) async fn close_batcher(&mut self) {
        if let Some(running) = self.batcher.take() {
            stopped(running).await;
        }
    }

    /// From here on nobody verifies anything.
    pub(crate) async fn close_operators(&mut self) {
        for running in self.operators.drain(..) {
            stopped(running).await;
        }
    }
}

async fn operator(network: &FastNetwork, number: u8, aggregator: &str) -> Running {
    let journal = network.folder.path().join(format!("operator-{number}.journal"));
    let listen = "127.0.0.1:0".parse().unwrap();
    let mut config = OperatorConfig::new(listen, network.manager(), journal);
    config.watch = WatchSettings { poll_interval: LOOK, ..WatchSettings::default() };
    config.download.allow_private = true;
    config.verifier_threads = NonZeroUsize::MIN;
    config.repeat_after = Duration::from_millis(200);
    config.aggregators = vec![aggregator.parse().unwrap()];
    let parts = OperatorParts {
        provider: connect(&network.anvil.url(), Timeouts::default()).unwrap(),
        key: key(number),
        systems: ProofSystems::from_iter([SYSTEM]),
        metrics: prometheus::Registry::new(),
    };
    let service = OperatorService::bind(config, parts).await.unwrap();
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(service.run(stop)))
}

/// Blocks come by themselves, as confirmations need them.
fn blocks(network: &FastNetwork) -> DropGuard {
    let (stop, node) = (CancellationToken::new(), network.provider.clone());
    let token = stop.clone();
    tokio::spawn(async move {
        while !token.is_cancelled() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = node.anvil_mine(Some(1), None).await;
        }
    });
    stop.drop_guard()
}
