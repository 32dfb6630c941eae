//! A node with the contracts and four registered operators, a database, an object store that is served, and users with ether.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider, ext::AnvilApi},
    signers::local::PrivateKeySigner,
};
use axum::{
    Router,
    extract::{Path as UrlPath, State},
    http::StatusCode,
    routing::get,
};
use bytes::Bytes;
use collimate_api::fast::{
    BatcherAccount, GroupAnswer, GroupEnd, GroupId, GroupStatus, VerificationData,
};
use collimate_chain::anvil::{Anvil, DEVELOPMENT_CHAIN_ID, development_signer};
use collimate_contracts::{AlignedLayerServiceManager, BatcherPaymentService};
use collimate_objects::Objects;
use collimate_store::{BatcherKey, BatcherLedger, EmbeddedPostgres, Store};
use serde::de::DeserializeOwned;
use tokio::{net::TcpListener, sync::OnceCell};

use crate::{
    group::now,
    services::Running,
    support::{
        network::{Network, until},
        samples::Sample,
    },
};

/// Seconds between the announcement of a withdrawal and the end of charges.
pub(crate) const UNLOCK_DELAY: u64 = 600;
pub(crate) const CHAIN: u64 = DEVELOPMENT_CHAIN_ID;
/// The development account that is the batcher.
pub(crate) const BATCHER: usize = 6;
pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;

/// Never dropped: the server stops when this process ends.
static SERVER: OnceCell<EmbeddedPostgres> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A folder named after this process. Those of processes that are gone are removed.
fn data_dir() -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("collimate-batcher-tests");
    for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(entry.file_name()).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    parent.join(std::process::id().to_string())
}

async fn database() -> String {
    let start = || async { EmbeddedPostgres::start(&data_dir()).await.unwrap() };
    let server = SERVER.get_or_init(start).await;
    let number = DATABASES.fetch_add(1, Ordering::SeqCst);
    server.create_database(&format!("test_{number}")).await.unwrap()
}

pub(crate) struct World {
    pub(crate) anvil: Anvil,
    pub(crate) node: DynProvider,
    /// Sends as account 0, which owns the contracts and deposits for users.
    pub(crate) wallet: DynProvider,
    pub(crate) owner: Address,
    pub(crate) manager: Address,
    pub(crate) payments: Address,
    pub(crate) batcher: Address,
    pub(crate) database: String,
    pub(crate) objects: Objects,
    /// Where the objects are served.
    pub(crate) mirror: String,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) http: reqwest::Client,
}

/// A user, by number.
pub(crate) fn user(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0xa0 + number)).unwrap()
}

impl World {
    pub(crate) async fn start() -> Self {
        let log = "collimate_batcher=debug,collimate_chain=info";
        let Network { anvil, node, wallet, owner, manager } = Network::start(log).await;
        let payments = BatcherPaymentService::deploy(&wallet, manager, UNLOCK_DELAY);
        let payments = *payments.await.unwrap().address();
        // Not beside the servers' folders, of which the first test to need a server removes those without a process.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let objects = Objects::folder(&folder.path().join("objects")).unwrap();
        objects.name().await.unwrap();
        let mirror = serve(objects.clone()).await;
        let batcher = development_signer(BATCHER).unwrap().address();
        let (database, http) = (database().await, reqwest::Client::new());
        Self {
            anvil,
            node,
            wallet,
            owner,
            manager,
            payments,
            batcher,
            database,
            objects,
            mirror,
            folder,
            http,
        }
    }

    pub(crate) fn manager(
        &self,
    ) -> AlignedLayerServiceManager::AlignedLayerServiceManagerInstance<&DynProvider> {
        AlignedLayerServiceManager::new(self.manager, &self.wallet)
    }

    pub(crate) fn payments(
        &self,
    ) -> BatcherPaymentService::BatcherPaymentServiceInstance<&DynProvider> {
        BatcherPaymentService::new(self.payments, &self.wallet)
    }

    /// Pays into a user's account with the batcher.
    pub(crate) async fn deposit(&self, user: Address, wei: u128) {
        let call = self.payments();
        let call = call.deposit(self.batcher, user).value(U256::from(wei));
        assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
    }

    /// What the contract has of a user: balance and nonce.
    pub(crate) async fn on_chain(&self, user: Address) -> (u128, u64) {
        let account = self.payments().account(self.batcher, user).call().await.unwrap();
        (account.balance, account.nonce)
    }

    /// The clock of deadlines: the chain's, which can be ahead.
    pub(crate) async fn clock(&self) -> u64 {
        let block = self.node.get_block_by_number(BlockNumberOrTag::Latest).await.unwrap();
        block.unwrap().header.timestamp.max(now())
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.node.anvil_mine(Some(blocks), None).await.unwrap();
    }

    /// The batcher's ledger, as its database has it.
    pub(crate) async fn ledger(&self) -> BatcherLedger {
        let store = Store::connect(&self.database).await.unwrap();
        let key = BatcherKey {
            chain_id: CHAIN,
            contract: self.payments.into_array(),
            address: self.batcher.into_array(),
        };
        store.batcher_ledger(key).await.unwrap()
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, batcher: &Running, path: &str) -> T {
        let response = self.http.get(format!("{}{path}", batcher.url)).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, reqwest::StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    pub(crate) async fn group(&self, batcher: &Running, id: GroupId) -> GroupAnswer {
        self.get(batcher, &collimate_api::fast::group(&id)).await
    }

    pub(crate) async fn account(&self, batcher: &Running, user: Address) -> BatcherAccount {
        self.get(batcher, &collimate_api::fast::account(&user)).await
    }

    /// Waits until a group is there.
    pub(crate) async fn reaches(
        &self,
        batcher: &Running,
        id: GroupId,
        status: GroupStatus,
    ) -> GroupAnswer {
        until(&format!("{id} is {status}"), || async {
            let group = self.group(batcher, id).await;
            let strayed = group.status.is_end() && group.status != status;
            assert!(!strayed, "{id} is {}: {:?} {:?}", group.status, group.code, group.reason);
            (group.status == status).then_some(group)
        })
        .await
    }

    /// Waits until a group was dropped for this reason.
    pub(crate) async fn dropped(&self, batcher: &Running, id: GroupId, end: GroupEnd) {
        let group = until(&format!("{id} ends"), || async {
            let group = self.group(batcher, id).await;
            matches!(group.status, GroupStatus::Rejected | GroupStatus::Failed).then_some(group)
        })
        .await;
        assert_eq!(group.code.as_deref(), Some(end.as_str()), "{:?}", group.reason);
        assert!(group.reason.is_some_and(|reason| !reason.is_empty()));
        let ended =
            if end == GroupEnd::TaskExpired { GroupStatus::Failed } else { GroupStatus::Rejected };
        assert_eq!(group.status, ended);
    }

    /// What the chain answers about a proof of a group, by what the batcher gave its owner.
    pub(crate) async fn is_verified(&self, sample: &Sample, data: &VerificationData) -> bool {
        assert_eq!(data.proof_commitment, sample.item.proof.keccak256);
        let by_system = self
            .manager()
            .isVerified(
                data.proving_system,
                data.program_id,
                sample.public_inputs.clone().into(),
                data.proof_commitment,
                data.generator,
                data.path.clone(),
                self.payments,
            )
            .call()
            .await
            .unwrap();
        let by_commitments = self
            .manager()
            .verifyBatchInclusion(
                data.proof_commitment,
                data.public_inputs_commitment,
                data.auxiliary_commitment,
                data.generator,
                data.batch_root,
                data.path.clone(),
                U256::from(data.index),
                self.payments,
            )
            .call()
            .await
            .unwrap();
        assert_eq!(by_system, by_commitments);
        by_system
    }

    /// Where the objects' files are.
    pub(crate) fn objects_folder(&self) -> PathBuf {
        self.folder.path().join("objects")
    }
}

/// Serves the object store as operators ask for it.
async fn serve(objects: Objects) -> String {
    async fn object(
        State(objects): State<Objects>,
        UrlPath(key): UrlPath<String>,
    ) -> Result<Bytes, StatusCode> {
        let key = key.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
        objects.get(&key, u64::MAX).await.map_err(|_| StatusCode::NOT_FOUND)
    }
    let router = Router::new().route("/objects/{key}", get(object)).with_state(objects);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
}
