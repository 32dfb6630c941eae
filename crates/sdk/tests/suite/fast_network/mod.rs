//! A real node with the real contracts, four operators whose keys the tests hold, and a data service that serves a folder. What is
//! not here is the operators' own work: who tests it is `crates/operator`.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, FixedBytes, U256, aliases::U96},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
    sol_types::SolEvent,
};
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use collimate_attestation::{Registration, SecretKey, Signature};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, development_signer},
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TxConfig, TxManager, fake::FakeTxStore},
};
use collimate_contracts::{
    AlignedLayerServiceManager::{self, NewBatchV3},
    BatcherPaymentService, DeployConfig, Deployment, FastModeConfig, OperatorRegistry,
    QuorumConfig, Sp1Verification, decode_revert, deploy,
    fast_mode::{Authorization, Task, response_message, task_id},
};
use collimate_sdk::{Client, GatewaySettings, NetworkProfile, Signer, fast::SignedAuthorization};
use collimate_signatures::{SignaturesConfig, SignaturesParts, SignaturesService};
use collimate_tasks::{WatchSettings, wire::TaskSignature};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const EPOCH_BLOCKS: u64 = 100;
/// Blocks in which a task can be answered.
pub(crate) const RESPONSE_BLOCKS: u32 = 50;
/// Seconds from the announcement of a withdrawal to the end of charges.
pub(crate) const UNLOCK_DELAY: u64 = 60;
/// Enough for a response at the development chain's prices.
pub(crate) const FEE_LIMIT: u128 = 10_000_000_000_000_000;
/// The accounts of the node: who deploys, whose batcher, and who uses it.
pub(crate) const BATCHER: usize = 6;
pub(crate) const ALICE: usize = 7;
pub(crate) const AGGREGATOR: usize = 8;

pub(crate) struct FastNetwork {
    pub(crate) anvil: Anvil,
    pub(crate) provider: DynProvider,
    pub(crate) deployment: Deployment,
    pub(crate) profile: NetworkProfile,
    pub(crate) folder: tempfile::TempDir,
    stop: CancellationToken,
}

impl Drop for FastNetwork {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl FastNetwork {
    pub(crate) async fn start() -> Self {
        let anvil = Anvil::start(AnvilOptions::default()).await.expect("anvil starts");
        let provider = wallet(&anvil, 0);
        let owner = account(0);
        let config = DeployConfig {
            program_id: B256::repeat_byte(1),
            verification: Sp1Verification::Quorum(QuorumConfig {
                owner,
                epoch_blocks: EPOCH_BLOCKS,
                unbonding_epochs: 2,
                min_stake_wei: 1,
            }),
            risc0: None,
            payments: None,
            fast_mode: Some(FastModeConfig {
                owner,
                response_blocks: RESPONSE_BLOCKS,
                max_priority_fee_wei: 1_000_000_000,
                unlock_delay_seconds: UNLOCK_DELAY,
            }),
        };
        let deployment = deploy(provider.clone(), &config).await.expect("deploys");
        for number in 0..4 {
            register(&anvil, deployment.registry.unwrap(), number).await;
        }
        provider.anvil_mine(Some(EPOCH_BLOCKS), None).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut profile = NetworkProfile::of_deployment("test", anvil.url(), &deployment);
        let fast = profile.fast_mode.as_mut().unwrap();
        fast.batcher = Some(account(BATCHER));
        fast.data_services = vec![serve(folder.path().join("data")).await];
        Self { anvil, provider, deployment, profile, folder, stop: CancellationToken::new() }
    }

    pub(crate) fn manager(&self) -> Address {
        self.deployment.fast_mode.unwrap().service_manager
    }

    pub(crate) fn payments(&self) -> Address {
        self.deployment.fast_mode.unwrap().batcher_payments
    }

    /// The store that the data service serves.
    pub(crate) fn store(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// A client that looks often.
    pub(crate) fn client(&self) -> Client {
        let settings = GatewaySettings {
            poll: Duration::from_millis(50),
            patience: Duration::from_secs(5),
            ..GatewaySettings::default()
        };
        Client::new(self.profile.clone(), settings).unwrap()
    }

    /// A folder for the transactions of an account.
    pub(crate) fn journal(&self, account: usize) -> PathBuf {
        self.folder.path().join(format!("journal-{account}"))
    }

    /// Writes the profile to a file.
    pub(crate) fn profile_file(&self) -> String {
        let path = self.folder.path().join("network.json");
        self.profile.write(&path).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// What operators sign about a task.
    pub(crate) fn signatures(&self, task: &Task, systems: U96, signers: &[u8]) -> Vec<Signature> {
        let message =
            response_message(DEVELOPMENT_CHAIN_ID, self.manager(), task_id(task), systems);
        signers.iter().map(|number| key(*number).sign(message)).collect()
    }

    /// Answers a task with the signatures of these operators; the others are absent.
    pub(crate) async fn answer(&self, task: &Task, systems: U96, signers: &[u8]) {
        let signatures = self.signatures(task, systems, signers);
        let signature = Signature::aggregate(&signatures).unwrap().to_point();
        let absent: Vec<u32> =
            (0..4_u8).filter(|number| !signers.contains(number)).map(u32::from).collect();
        let manager = AlignedLayerServiceManager::new(self.manager(), &self.provider);
        let call = manager.respondToTaskV2(task.clone(), systems, signature.into(), absent);
        let receipt = call.gas(400_000).send().await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status(), "the task is answered");
    }

    /// Creates a task for groups at a price for each proof, as a batcher does, and charges those whose authorisation holds.
    pub(crate) async fn charge(
        &self,
        root: B256,
        price: u128,
        authorizations: Vec<Authorization>,
    ) -> Task {
        let payments = BatcherPaymentService::new(self.payments(), wallet(&self.anvil, BATCHER));
        let (limit, least) = (U256::from(FEE_LIMIT), U256::ZERO);
        let creation =
            payments.createNewTask(root, "v1".to_owned(), limit, price, least, authorizations);
        let receipt = creation.value(limit).send().await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status(), "the task is created");
        let mut logs = receipt.inner.logs().iter();
        let event = logs.find_map(|log| NewBatchV3::decode_log_data(log.data()).ok());
        Task::from(&event.unwrap())
    }

    /// A real signature aggregator. Returns its URL.
    pub(crate) async fn start_aggregator(&self) -> String {
        let node = connect(&self.anvil.url(), Timeouts::default()).unwrap();
        let store = Arc::new(FakeTxStore::default());
        let transactions = TxManager::new(
            node.clone(),
            development_signer(AGGREGATOR).unwrap(),
            store.clone(),
            TxConfig::development_chain(DEVELOPMENT_CHAIN_ID),
            RevertDecoder::new(decode_revert),
        );
        let metrics = prometheus::Registry::new();
        let parts = SignaturesParts { provider: node, transactions, store, metrics };
        let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut config = SignaturesConfig::new(listen, self.manager());
        config.watch =
            WatchSettings { poll_interval: Duration::from_millis(50), ..WatchSettings::default() };
        let service = SignaturesService::bind(config, parts).await.unwrap();
        let url = format!("http://{}", service.local_addr());
        let stop = self.stop.child_token();
        tokio::spawn(service.run(stop));
        url
    }

    /// Hands the operators' signatures to an aggregator, as operators do.
    pub(crate) async fn send_signatures(
        &self,
        aggregator: &str,
        task: &Task,
        systems: U96,
        signers: &[u8],
    ) {
        let http = reqwest::Client::new();
        let url = format!("{aggregator}/v1/tasks/{}/signatures", task_id(task));
        for (number, signature) in signers.iter().zip(self.signatures(task, systems, signers)) {
            let body = TaskSignature {
                operator_id: u32::from(*number),
                proving_systems: systems,
                signature: FixedBytes(signature.to_bytes()),
            };
            // Until the aggregator has seen the task's block.
            until("the signature is taken", || async {
                let answer = http.post(&url).json(&body).send().await.unwrap();
                answer.status().is_success().then_some(())
            })
            .await;
        }
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.provider.anvil_mine(Some(blocks), None).await.unwrap();
    }

    /// Lets time pass on the chain.
    pub(crate) async fn pass(&self, seconds: u64) {
        self.provider.anvil_increase_time(seconds).await.unwrap();
        self.mine(1).await;
    }
}

/// A development account's key.
pub(crate) fn signer(account: usize) -> Signer {
    development_signer(account).unwrap()
}

pub(crate) fn account(number: usize) -> Address {
    signer(number).address()
}

/// Sends from a development account.
pub(crate) fn wallet(anvil: &Anvil, account: usize) -> DynProvider {
    let wallet = EthereumWallet::from(signer(account).inner().clone());
    ProviderBuilder::new().wallet(wallet).connect_http(anvil.url().parse().unwrap()).erased()
}

/// An authorisation as the contract takes it.
pub(crate) fn on_chain(authorization: &SignedAuthorization) -> Authorization {
    Authorization {
        user: authorization.user,
        proofsRoot: authorization.proofs_root,
        proofCount: authorization.proof_count,
        firstNonce: authorization.first_nonce,
        maxFee: authorization.max_fee.0,
        deadline: authorization.deadline,
        signature: authorization.signature.clone(),
    }
}

/// An operator's BLS key.
pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number + 1; 32]).unwrap()
}

async fn register(anvil: &Anvil, registry: Address, number: u8) {
    let index = usize::from(number) + 1;
    let operator = account(index);
    let registration = Registration { chain_id: DEVELOPMENT_CHAIN_ID, registry, operator };
    let possession = key(number).prove_possession(&registration).to_point();
    let registry = OperatorRegistry::new(registry, wallet(anvil, index));
    let call = registry.register(key(number).public_key().to_point().into(), possession.into());
    let receipt =
        call.value(U256::from(1_000_000)).send().await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
}

/// Serves a store's objects over HTTP. Returns the mirror's URL.
async fn serve(store: PathBuf) -> String {
    async fn object(
        State(store): State<PathBuf>,
        Path(key): Path<String>,
    ) -> Result<Vec<u8>, StatusCode> {
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
        let path = store.join("objects").join(key);
        tokio::fs::read(path).await.map_err(|_| StatusCode::NOT_FOUND)
    }
    let router = Router::new().route("/objects/{key}", get(object)).with_state(store);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
}

/// Waits until `condition` gives a value; panics with `what` after a minute.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    condition: impl Fn() -> F,
) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
