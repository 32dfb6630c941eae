//! A node with the contracts and four registered operators, a data service, and batches of real proofs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use alloy::{
    primitives::{Address, B256, FixedBytes, U256},
    providers::{DynProvider, ext::AnvilApi},
    sol_types::SolEvent,
};
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use bytes::Bytes;
use collimate_batch::{Manifest, Pointer};
use collimate_chain::anvil::Anvil;
use collimate_contracts::AlignedLayerServiceManager::{self, NewBatchV3};
use collimate_objects::Key;
use collimate_tasks::Announced;
use tokio::net::TcpListener;

use crate::support::{
    network::{FEE_LIMIT, Network, until},
    samples::{Sample, manifest},
};

/// One of the repository's own proofs, in somebody's name.
pub(crate) fn sample(name: &str) -> Sample {
    Sample::own(name).by(0xab)
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

impl World {
    pub(crate) async fn start() -> Self {
        let log = "collimate_chain=debug,collimate_operator=debug,collimate_signatures=debug,collimate_tasks=debug";
        let Network { anvil, node, wallet, owner: sender, manager } = Network::start(log).await;
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
        let manifest = manifest(&samples);
        for file in samples.iter().flatten().flat_map(Sample::contents) {
            self.data.put(file);
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
