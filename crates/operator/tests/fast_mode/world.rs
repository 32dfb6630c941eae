//! A node with the contracts and four registered operators, a data service, and batches of real proofs.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, B256, FixedBytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
    sol_types::SolEvent,
};
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use bytes::Bytes;
use collimate_attestation::{Registration, SecretKey};
use collimate_batch::{Group, Item, Manifest, Part, Pointer};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, development_signer},
    provider::{Timeouts, connect},
};
use collimate_contracts::{
    AlignedLayerServiceManager::{self, NewBatchV3},
    OperatorRegistry,
};
use collimate_objects::Key;
use collimate_tasks::Announced;
use collimate_verifiers::{ProgramKey, ProofSystem, Submission, sp1::Sp1Compressed};
use tokio::{net::TcpListener, time::Instant};

/// The proof system id of SP1's compressed proofs.
pub(crate) const SP1: u16 = 0;
/// Blocks in which a task can be answered.
pub(crate) const RESPONSE_BLOCKS: u32 = 50;
const EPOCH_BLOCKS: u64 = 100;
/// Enough for a response at the development chain's prices.
pub(crate) const FEE_LIMIT: u128 = 10_000_000_000_000_000;

/// Takes a second to build: once for all tests.
pub(crate) static VERIFIER: LazyLock<Arc<Sp1Compressed>> = LazyLock::new(Arc::default);

/// A proof with all that a batch says of it.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) item: Item,
    pub(crate) proof: Bytes,
    pub(crate) public_inputs: Bytes,
    pub(crate) key: Bytes,
}

impl Sample {
    /// The same with another proof, which the manifest describes as if it were one.
    pub(crate) fn with_proof(mut self, proof: Vec<u8>) -> Self {
        self.proof = proof.into();
        self.item.proof = Part::of(&self.proof);
        self
    }
}

/// One of the repository's own proofs.
pub(crate) fn sample(name: &str) -> Sample {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proofs");
    let read = |end: &str| std::fs::read(folder.join(format!("{name}.{end}"))).unwrap();
    let (proof, key) = (read("proof"), read("vk"));
    let submission = Submission {
        proof: proof.clone(),
        key: ProgramKey::VerifyingKey(key.clone()),
        public_values: None,
    };
    let found = VERIFIER.verify(&submission).unwrap();
    let item = Item {
        proving_system: SP1,
        program_id: found.program_id,
        proof: Part::of(&proof),
        public_inputs: Part::of(&found.public_values),
        verification_key: Some(Part::of(&key)),
        generator: Address::repeat_byte(0xab),
    };
    Sample { item, proof: proof.into(), public_inputs: found.public_values.into(), key: key.into() }
}

/// Serves objects by their hash, over HTTP.
#[derive(Clone)]
pub(crate) struct DataService {
    objects: Arc<Mutex<HashMap<String, Bytes>>>,
    pub(crate) url: String,
}

impl DataService {
    async fn start() -> Self {
        let objects = Arc::<Mutex<HashMap<String, Bytes>>>::default();
        type Objects = Arc<Mutex<HashMap<String, Bytes>>>;
        async fn object(
            State(objects): State<Objects>,
            Path(key): Path<String>,
        ) -> Result<Bytes, StatusCode> {
            objects.lock().unwrap().get(&key).cloned().ok_or(StatusCode::NOT_FOUND)
        }
        let router =
            Router::new().route("/objects/{key}", get(object)).with_state(Arc::clone(&objects));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { objects, url }
    }

    pub(crate) fn put(&self, bytes: impl Into<Bytes>) -> Key {
        let bytes = bytes.into();
        let key = Key::of(&bytes);
        self.objects.lock().unwrap().insert(key.to_string(), bytes);
        key
    }

    /// Answers a key with other bytes.
    pub(crate) fn forge(&self, key: &Key, bytes: &'static [u8]) {
        self.objects.lock().unwrap().insert(key.to_string(), Bytes::from_static(bytes));
    }
}

/// A batch as its sender has it.
pub(crate) struct Batch {
    pub(crate) manifest: Manifest,
    pub(crate) samples: Vec<Vec<Sample>>,
    pub(crate) pointer: Pointer,
}

pub(crate) struct World {
    pub(crate) anvil: Anvil,
    pub(crate) node: DynProvider,
    /// Sends as account 0, which creates the tasks.
    pub(crate) wallet: DynProvider,
    pub(crate) sender: Address,
    pub(crate) manager: Address,
    pub(crate) data: DataService,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number + 1; 32]).unwrap()
}

impl World {
    pub(crate) async fn start() -> Self {
        drop(
            tracing_subscriber::fmt()
                .with_env_filter(
                    "collimate_operator=debug,collimate_signatures=debug,collimate_tasks=debug",
                )
                .with_test_writer()
                .try_init(),
        );
        let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
        let node = connect(&anvil.url(), Timeouts::default()).unwrap();
        let (wallet, sender) = wallet(&anvil, 0);
        let registry =
            *OperatorRegistry::deploy(&wallet, sender, EPOCH_BLOCKS, 2, 1).await.unwrap().address();
        for number in 0..4 {
            register(&anvil, registry, number).await;
        }
        let manager = AlignedLayerServiceManager::deploy(
            &wallet,
            registry,
            sender,
            RESPONSE_BLOCKS,
            1_000_000_000,
        );
        let manager = *manager.await.unwrap().address();
        node.anvil_mine(Some(EPOCH_BLOCKS), None).await.unwrap();
        let (data, folder) = (DataService::start().await, tempfile::tempdir().unwrap());
        Self { anvil, node, wallet, sender, manager, data, folder }
    }

    pub(crate) fn contract(
        &self,
    ) -> AlignedLayerServiceManager::AlignedLayerServiceManagerInstance<&DynProvider> {
        AlignedLayerServiceManager::new(self.manager, &self.wallet)
    }

    /// Puts a batch into the data service.
    pub(crate) fn publish(&self, samples: Vec<Vec<Sample>>) -> Batch {
        let group = |samples: &Vec<Sample>| Group {
            items: samples.iter().map(|sample| sample.item.clone()).collect(),
        };
        let manifest = Manifest::new(samples.iter().map(group).collect()).unwrap();
        for sample in samples.iter().flatten() {
            self.data.put(sample.proof.clone());
            self.data.put(sample.public_inputs.clone());
            self.data.put(sample.key.clone());
        }
        let name = self.data.put(manifest.to_bytes().unwrap());
        let pointer = Pointer::new(name, vec![self.data.url.parse().unwrap()]).unwrap();
        Batch { manifest, samples, pointer }
    }

    /// Creates a task.
    pub(crate) async fn create(&self, root: [u8; 32], pointer: &str, fee_limit: u128) -> Announced {
        let limit = U256::from(fee_limit);
        let receipt = self
            .contract()
            .createNewTask(B256::from(root), pointer.to_owned(), limit)
            .value(limit)
            .send()
            .await
            .unwrap()
            .get_receipt()
            .await
            .unwrap();
        let log = receipt.inner.logs().first().unwrap();
        Announced::from(&NewBatchV3::decode_log_data(log.data()).unwrap())
    }

    pub(crate) async fn create_for(&self, batch: &Batch) -> Announced {
        let root = batch.manifest.tree().unwrap().root();
        self.create(root, &batch.pointer.to_string(), FEE_LIMIT).await
    }

    /// What the chain answers about a proof of the batch.
    pub(crate) async fn is_verified(&self, batch: &Batch, group: usize, index: usize) -> bool {
        let sample = &batch.samples[group][index];
        let path = batch.manifest.tree().unwrap().path(group, index).unwrap();
        self.contract()
            .isVerified(
                sample.item.proving_system,
                sample.item.program_id.0.into(),
                sample.public_inputs.clone().into(),
                sample.item.proof.keccak256,
                sample.item.generator,
                path.into_iter().map(FixedBytes).collect(),
                self.sender,
            )
            .call()
            .await
            .unwrap()
    }

    /// Waits until the batch is verified on chain.
    pub(crate) async fn verified(&self, task: &Announced) {
        until("the batch is verified", || async {
            let status = self.contract().taskStatus(task.id).call().await.ok()?.status;
            (status == 2).then_some(())
        })
        .await;
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.node.anvil_mine(Some(blocks), None).await.unwrap();
    }
}

pub(crate) fn wallet(anvil: &Anvil, account: usize) -> (DynProvider, Address) {
    let signer = development_signer(account).unwrap();
    let address = signer.address();
    let provider = ProviderBuilder::new()
        .wallet(EthereumWallet::from(signer.inner().clone()))
        .connect_http(anvil.url().parse().unwrap());
    (provider.erased(), address)
}

async fn register(anvil: &Anvil, registry: Address, number: u8) {
    let (wallet, account) = wallet(anvil, usize::from(number) + 1);
    let registration = Registration { chain_id: DEVELOPMENT_CHAIN_ID, registry, operator: account };
    let possession = key(number).prove_possession(&registration).to_point();
    let registry = OperatorRegistry::new(registry, wallet);
    let receipt = registry
        .register(key(number).public_key().to_point().into(), possession.into())
        .value(U256::from(1_000_000))
        .send()
        .await
        .unwrap()
        .get_receipt()
        .await
        .unwrap();
    assert!(receipt.status());
}

/// Waits until `condition` gives a value; panics with `what` after a minute.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    condition: impl Fn() -> F,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
