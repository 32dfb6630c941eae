//! The real service in this process: gateway, poller of payments, PostgreSQL, a node and the contracts. What is missing is proving:
//! [`Service::aggregate`] takes what is queued and registers its root with a contract whose verifier accepts everything.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{net::SocketAddr, num::NonZeroU64, time::Duration};

use alloy::{primitives::B256, providers::Provider};
use collimate_chain::{
    follower::FollowConfig,
    provider::{Timeouts, connect},
    signer::Signer,
};
use collimate_core::{
    Commitment,
    statement::{RunStatement, blobs_hash},
};
use collimate_gateway::{Gateway, GatewayConfig, GatewayDeployment, GatewayParts};
use collimate_objects::Objects;
use collimate_payments::{Poller, PollerConfig};
use collimate_sdk::{Aggregation, Client, GatewaySettings, NetworkProfile};
use collimate_store::{EmbeddedPostgres, Statement, Store};
use collimate_verifiers::VerifierPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::network::Network;

const CONFIRMATIONS: u64 = 2;

pub(crate) struct Service {
    pub(crate) network: Network,
    pub(crate) profile: NetworkProfile,
    pub(crate) folder: tempfile::TempDir,
    store: Store,
    receipt_signer: Signer,
    address: SocketAddr,
    gateway: Option<(CancellationToken, JoinHandle<()>)>,
    stop: CancellationToken,
    _postgres: EmbeddedPostgres,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let network = Network::start().await;
        let folder = tempfile::tempdir().unwrap();
        let postgres = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
        let store = Store::connect(postgres.url()).await.unwrap();
        let stop = CancellationToken::new();
        let payments = network.deployment.payments.unwrap();
        let node = connect(&network.anvil.url(), Timeouts::default()).unwrap();
        let poller = PollerConfig {
            contract: payments,
            start_block: network.deployment.block,
            confirmations: NonZeroU64::new(CONFIRMATIONS).unwrap(),
            poll_interval: Duration::from_millis(50),
            follow: FollowConfig { lag: 0, safe_depth: 64, max_range: 1_000 },
        };
        let poller = Poller::new(node.clone(), store.clone(), poller).await.unwrap();
        let token = stop.clone();
        tokio::spawn(async move { poller.run(token).await.unwrap() });
        // Blocks come by themselves, as confirmations need them.
        let token = stop.clone();
        tokio::spawn(async move {
            while !token.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(250)).await;
                let _ = node.raw_request::<_, serde_json::Value>("evm_mine".into(), ()).await;
            }
        });
        let receipt_signer = Signer::random();
        let mut profile =
            NetworkProfile::of_deployment("test", network.anvil.url(), &network.deployment);
        profile.receipt_signer = Some(receipt_signer.address());
        profile.payment_confirmations = Some(CONFIRMATIONS);
        let mut service = Self {
            network,
            profile,
            folder,
            store,
            receipt_signer,
            address: ([127, 0, 0, 1], 0).into(),
            gateway: None,
            stop,
            _postgres: postgres,
        };
        service.open_gateway().await;
        service.profile.gateway_url = Some(format!("http://{}", service.address));
        service
    }

    /// Opens the gateway, at the address that it had before.
    pub(crate) async fn open_gateway(&mut self) {
        let spool = self.folder.path().join("spool");
        std::fs::create_dir_all(&spool).unwrap();
        let config = GatewayConfig {
            listen: self.address,
            spool_dir: spool,
            event_interval: Duration::from_millis(100),
            ..GatewayConfig::default()
        };
        let deployment = &self.network.deployment;
        let parts = GatewayParts {
            store: self.store.clone(),
            objects: Objects::folder(&self.folder.path().join("objects")).unwrap(),
            verifiers: VerifierPool::for_this_machine().unwrap(),
            provider: connect(&self.network.anvil.url(), Timeouts::default()).unwrap(),
            receipt_signer: self.receipt_signer.clone(),
            deployment: GatewayDeployment {
                chain_id: deployment.chain_id,
                payment_service: deployment.payments.unwrap(),
                aggregation_service: deployment.service,
            },
            registry: prometheus::Registry::new(),
        };
        let gateway = Gateway::bind(config, parts).await.unwrap();
        self.address = gateway.local_addr();
        let stop = CancellationToken::new();
        let token = stop.clone();
        let task = tokio::spawn(async move { gateway.run(token).await.unwrap() });
        self.gateway = Some((stop, task));
    }

    pub(crate) async fn close_gateway(&mut self) {
        if let Some((stop, task)) = self.gateway.take() {
            stop.cancel();
            task.await.unwrap();
        }
    }

    /// A client that looks often.
    pub(crate) fn client(&self) -> Client {
        let settings =
            GatewaySettings { poll: Duration::from_millis(100), ..GatewaySettings::default() };
        Client::new(self.profile.clone(), settings).unwrap()
    }

    /// Writes the profile to a file.
    pub(crate) fn profile_file(&self) -> String {
        let path = self.folder.path().join("network.json");
        self.profile.write(&path).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Makes one run of all that is queued, registers it and has it final. Returns its root.
    pub(crate) async fn aggregate(&self) -> B256 {
        let deployment = collimate_store::Deployment {
            chain_id: self.profile.chain_id,
            contract: self.profile.aggregation_service.into_array(),
        };
        let run =
            self.store.open_run(&deployment, 100).await.unwrap().expect("something is queued");
        let proofs = self.store.proofs_of_run(run.id).await.unwrap();
        let commitments: Vec<_> = proofs.iter().map(|proof| Commitment(proof.commitment)).collect();
        let (transaction, root) = self.network.register(&commitments).await;
        let node = self.network.provider.clone();
        let aggregation =
            Aggregation::connect(node, self.profile.aggregation_service, None).await.unwrap();
        let on_chain = aggregation.aggregation(root).await.unwrap();
        let hashes: Vec<[u8; 32]> = on_chain.blob_hashes.iter().map(|hash| hash.0).collect();
        let statement = RunStatement {
            root: root.0,
            leaf_count: run.leaf_count,
            blobs_hash: blobs_hash(&hashes),
        };
        let stored = Statement {
            root: root.0,
            leaf_count: run.leaf_count,
            public_values: statement.abi_encode().to_vec(),
            blobs_hash: statement.blobs_hash,
            versioned_hashes: hashes,
            final_job: [1; 32],
        };
        self.store.settle(run.id, &stored).await.unwrap();
        self.store.seal(run.id, b"no seal is asked for").await.unwrap();
        let hash = Some(transaction.0);
        self.store.mark_submitted(run.id, hash).await.unwrap();
        // This network's contract has a verifier of proofs alone.
        self.store.mark_final_and_hard(run.id, hash, on_chain.block_number).await.unwrap();
        root
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
