//! A node with the contracts and four registered operators, a data service, and batches of real proofs, which the operators sign
//! whatever is in them.

use std::path::PathBuf;

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, U256, aliases::U96},
    providers::{DynProvider, Provider, ext::AnvilApi},
    rpc::types::{TransactionReceipt, TransactionRequest},
    sol_types::SolEvent,
};
use collimate_attestation::Signature;
use collimate_batch::{Manifest, Pointer};
use collimate_chain::anvil::{Anvil, DEVELOPMENT_CHAIN_ID};
use collimate_contracts::{
    AlignedLayerServiceManager::{self, NewBatchV3},
    fast_mode::response_message,
};
use collimate_data::{DataConfig, DataParts, DataService};
use collimate_objects::{Key, Objects};
use collimate_tasks::{Announced, ServiceManager};
use tokio_util::sync::CancellationToken;

use crate::support::{
    network::{FEE_LIMIT, Network, key, wallet},
    samples::{Sample, manifest},
};

impl Sample {
    /// A proof that looks like one and shows nothing.
    pub(crate) fn forged(self) -> Self {
        let mut bytes = self.proof.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.with_proof(bytes)
    }
}

/// One of the repository's own proofs.
pub(crate) fn sample(name: &str) -> Sample {
    Sample::own(name)
}

/// Honest leaves of one proof.
pub(crate) fn leaves(count: u8) -> Vec<Sample> {
    let proof = sample("fibonacci");
    (0..count).map(|number| proof.clone().by(number)).collect()
}

/// A batch as its sender has it.
pub(crate) struct Batch {
    pub(crate) manifest: Manifest,
    pub(crate) pointer: Pointer,
}

impl Batch {
    pub(crate) fn systems(&self) -> U96 {
        U96::wrapping_from(self.manifest.proving_systems())
    }
}

pub(crate) struct World {
    pub(crate) anvil: Anvil,
    pub(crate) node: DynProvider,
    /// Sends as account 0, which creates the tasks and hands in responses.
    pub(crate) wallet: DynProvider,
    pub(crate) manager: Address,
    pub(crate) objects: Objects,
    pub(crate) mirror: String,
    pub(crate) folder: tempfile::TempDir,
    _data: tokio_util::sync::DropGuard,
}

impl World {
    pub(crate) async fn start() -> Self {
        let log = "collimate_watcher=debug,collimate_data=debug";
        let Network { anvil, node, wallet, manager, .. } = Network::start(log).await;
        let folder = tempfile::tempdir().unwrap();
        let config = DataConfig::new("127.0.0.1:0".parse().unwrap(), folder.path().join("batches"));
        let objects = collimate_data::open_public_folder(&config.folder).unwrap();
        let parts = DataParts { metrics: prometheus::Registry::new() };
        let data = DataService::bind(config, parts).await.unwrap();
        let (mirror, stop) = (data.mirror(), CancellationToken::new());
        tokio::spawn(data.run(stop.clone()));
        let _data = stop.drop_guard();
        Self { anvil, node, wallet, manager, objects, mirror, folder, _data }
    }

    /// Puts a batch into the data service.
    pub(crate) async fn publish(&self, groups: Vec<Vec<Sample>>) -> Batch {
        let manifest = manifest(&groups);
        for file in groups.iter().flatten().flat_map(Sample::contents) {
            self.objects.put(file).await.unwrap();
        }
        let name = self.objects.put(manifest.to_bytes().unwrap()).await.unwrap();
        let pointer = Pointer::new(name, vec![self.mirror.parse().unwrap()]).unwrap();
        Batch { manifest, pointer }
    }

    /// Takes an object away from the data service.
    pub(crate) fn withhold(&self, key: &Key) {
        std::fs::remove_file(self.folder.path().join(format!("batches/objects/{key}"))).unwrap();
    }

    /// Creates a task.
    pub(crate) async fn create(&self, root: [u8; 32], pointer: &str) -> Announced {
        let limit = U256::from(FEE_LIMIT);
        let contract = AlignedLayerServiceManager::new(self.manager, &self.wallet);
        let create = contract.createNewTask(B256::from(root), pointer.to_owned(), limit);
        let receipt = create.value(limit).send().await.unwrap().get_receipt().await.unwrap();
        let log = receipt.inner.logs().first().unwrap();
        Announced::from(&NewBatchV3::decode_log_data(log.data()).unwrap())
    }

    pub(crate) async fn create_for(&self, batch: &Batch) -> Announced {
        let root = batch.manifest.tree().unwrap().root();
        self.create(root, &batch.pointer.to_string()).await
    }

    /// All four operators sign, whatever the batch is, and the response is handed in.
    pub(crate) async fn sign(&self, task: &Announced, systems: U96) -> TransactionReceipt {
        let message = response_message(DEVELOPMENT_CHAIN_ID, self.manager, task.id, systems);
        let signatures: Vec<_> = (0..4).map(|number| key(number).sign(message)).collect();
        let signature = Signature::aggregate(&signatures).unwrap().to_point();
        let input = ServiceManager::response(&task.task, systems, signature, vec![]);
        let request = TransactionRequest::default()
            .with_to(self.manager)
            .with_input(input)
            .with_gas_limit(ServiceManager::response_gas(0));
        let sent = self.wallet.send_transaction(request).await.unwrap();
        let receipt = sent.get_receipt().await.unwrap();
        assert!(receipt.status(), "the contract takes the quorum's word");
        receipt
    }

    /// A batch that a quorum signed.
    pub(crate) async fn verified(&self, groups: Vec<Vec<Sample>>) -> (Batch, Announced) {
        let batch = self.publish(groups).await;
        let task = self.create_for(&batch).await;
        self.sign(&task, batch.systems()).await;
        (batch, task)
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.node.anvil_mine(Some(blocks), None).await.unwrap();
    }

    /// Undoes the newest blocks, and mines others in their place.
    pub(crate) async fn reorganise(&mut self, blocks: u64) {
        self.anvil.roll_back(blocks).await.unwrap();
        self.mine(blocks + 1).await;
        // The other one counts nonces that the chain has forgotten.
        self.wallet = wallet(&self.anvil, 0).0;
    }

    /// Files of evidence, by name.
    pub(crate) fn evidence(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("watcher/evidence")) else {
            return vec![];
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The task of a file of evidence.
pub(crate) fn announced(evidence: &collimate_evidence::Evidence) -> Announced {
    Announced {
        id: evidence.task_id,
        task: evidence.task.task(),
        pointer: evidence.task.batch_data_pointer.clone(),
    }
}
