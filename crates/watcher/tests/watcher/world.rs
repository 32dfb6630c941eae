//! A node with the contracts and four registered operators, a data service, and batches of real proofs, which the operators sign
//! whatever is in them.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, U256, aliases::U96},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
    rpc::types::{TransactionReceipt, TransactionRequest},
    sol_types::SolEvent,
};
use bytes::Bytes;
use collimate_attestation::{Registration, SecretKey, Signature};
use collimate_batch::{Group, Item, Manifest, Part, Pointer};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, development_signer},
    provider::{Timeouts, connect},
};
use collimate_contracts::{
    AlignedLayerServiceManager::{self, NewBatchV3},
    OperatorRegistry,
    fast_mode::response_message,
};
use collimate_data::{DataConfig, DataParts, DataService};
use collimate_objects::{Key, Objects};
use collimate_tasks::{Announced, ServiceManager};
use collimate_verifiers::{ProgramKey, ProofSystem, Submission, sp1::Sp1Compressed};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The proof system id of SP1's compressed proofs.
pub(crate) const SP1: u16 = 0;
const RESPONSE_BLOCKS: u32 = 50;
const EPOCH_BLOCKS: u64 = 100;
/// Enough for a response at the development chain's prices.
const FEE_LIMIT: u128 = 10_000_000_000_000_000;

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

    /// A proof that looks like one and shows nothing.
    pub(crate) fn forged(self) -> Self {
        let mut bytes = self.proof.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        self.with_proof(bytes)
    }

    /// The same in somebody else's name: another leaf.
    pub(crate) fn by(mut self, generator: u8) -> Self {
        self.item.generator = Address::repeat_byte(generator);
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
        generator: Address::ZERO,
    };
    Sample { item, proof: proof.into(), public_inputs: found.public_values.into(), key: key.into() }
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

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number + 1; 32]).unwrap()
}

impl World {
    pub(crate) async fn start() -> Self {
        drop(
            tracing_subscriber::fmt()
                .with_env_filter("collimate_watcher=debug,collimate_data=debug")
                .with_test_writer()
                .try_init(),
        );
        let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
        let node = connect(&anvil.url(), Timeouts::default()).unwrap();
        let (wallet, owner) = wallet(&anvil, 0);
        let registry =
            *OperatorRegistry::deploy(&wallet, owner, EPOCH_BLOCKS, 2, 1).await.unwrap().address();
        for number in 0..4 {
            register(&anvil, registry, number).await;
        }
        let manager = AlignedLayerServiceManager::deploy(
            &wallet,
            registry,
            owner,
            RESPONSE_BLOCKS,
            1_000_000_000,
        );
        let manager = *manager.await.unwrap().address();
        node.anvil_mine(Some(EPOCH_BLOCKS), None).await.unwrap();
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
        let group = |samples: &Vec<Sample>| Group {
            items: samples.iter().map(|sample| sample.item.clone()).collect(),
        };
        let manifest = Manifest::new(groups.iter().map(group).collect()).unwrap();
        for sample in groups.iter().flatten() {
            self.objects.put(sample.proof.clone()).await.unwrap();
            self.objects.put(sample.public_inputs.clone()).await.unwrap();
            self.objects.put(sample.key.clone()).await.unwrap();
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
        self.node.anvil_rollback(Some(blocks)).await.unwrap();
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

fn wallet(anvil: &Anvil, account: usize) -> (DynProvider, Address) {
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

/// Waits until `condition` gives a value; panics with `what` after two minutes.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    condition: impl Fn() -> F,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
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
