//! A devnet, and what its users do.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    primitives::{Address, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use collimate_chain::anvil::development_signer;
use collimate_contracts::BatcherPaymentService;
use collimate_sdk::{
    Client, FastError, FastProof, GatewaySettings, NetworkProfile, ProofGroup, SdkError,
    SignedGroup, Signer,
    fast::{GroupId, GroupStatus, GroupTerms},
};
use collimate_store::{
    BatcherKey, BatcherLedger, EmbeddedPostgres, GroupStatus as StoredStatus, Store,
};
use tokio::time::{sleep, timeout};

use crate::process::Process;

/// The development account that pays for all users.
const PAYER: usize = 7;
/// Wei of each user with the batcher: more than a group costs.
const DEPOSIT: u128 = 1_000_000_000_000_000_000;
/// Longer than a task of the devnet can be answered.
const PATIENCE: Duration = Duration::from_secs(90);
/// Pause between two questions to the contract.
const LOOK: Duration = Duration::from_millis(20);

/// `collimated`, which is told to stop when this is dropped: killed, it would leave its node behind.
pub(crate) struct Daemon(Process);

impl Daemon {
    pub(crate) fn start(command: &mut Command, log: PathBuf) -> Self {
        let errors = File::create(&log).unwrap();
        let command = command.env_remove("DATABASE_URL").stdin(Stdio::null()).stderr(errors);
        Self(Process { child: command.spawn().unwrap(), log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        let _ = self.0.child.wait();
    }
}

pub(crate) struct Network {
    /// Stopped before the database that it works with.
    _devnet: Daemon,
    pub(crate) postgres: EmbeddedPostgres,
    pub(crate) store: Store,
    pub(crate) client: Arc<Client>,
    /// Sends as the payer.
    pub(crate) node: DynProvider,
    folder: tempfile::TempDir,
}

impl Network {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let postgres = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
        let state = folder.path().join("devnet");
        let mut command = Command::new(env!("CARGO_BIN_EXE_collimated"));
        command
            .args(["devnet", "--json", "--no-prover", "--chain-port", "0", "--gateway-port", "0"])
            .args(["--batcher-port", "0", "--database-url", postgres.url(), "--state"])
            .arg(&state)
            .stdout(Stdio::piped());
        let mut devnet = Daemon::start(&mut command, folder.path().join("devnet.log"));
        let mut ready = String::new();
        let said = devnet.0.child.stdout.take().unwrap();
        BufReader::new(said).read_line(&mut ready).unwrap();
        assert!(!ready.is_empty(), "the devnet does not start");
        let profile = NetworkProfile::read(&state.join("network.json")).unwrap();
        let payer = development_signer(PAYER).unwrap();
        let node = ProviderBuilder::new()
            .wallet(payer.inner().clone())
            .connect_http(profile.rpc_url.parse().unwrap())
            .erased();
        let store = Store::connect(postgres.url()).await.unwrap();
        let client = Arc::new(client(profile).await);
        Self { _devnet: devnet, postgres, store, client, node, folder }
    }

    /// A file or folder of this run. The devnet's are below `devnet`.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// New users, who have ether with a batcher.
    pub(crate) async fn users(&self, batcher: Address, number: usize) -> Vec<Signer> {
        let users: Vec<_> = (0..number).map(|_| Signer::from(PrivateKeySigner::random())).collect();
        let payments = self.client.fast_profile().unwrap().batcher_payments;
        let payments = BatcherPaymentService::new(payments, &self.node);
        let mut sent = vec![];
        for user in &users {
            let call = payments.deposit(batcher, user.address()).value(U256::from(DEPOSIT));
            sent.push(call.send().await.unwrap());
        }
        for deposit in sent {
            assert!(deposit.get_receipt().await.unwrap().status());
        }
        users
    }
}

/// A client of a profile's batcher, which answers by now.
pub(crate) async fn client(profile: NetworkProfile) -> Client {
    let settings =
        GatewaySettings { poll: Duration::from_millis(100), ..GatewaySettings::default() };
    let client = Client::new(profile, settings).unwrap();
    client.batcher().unwrap().info().await.unwrap();
    client
}

/// What the batcher of a client keeps in this database.
pub(crate) async fn ledger(client: &Client, store: &Store) -> BatcherLedger {
    let fast = client.fast_profile().unwrap();
    let key = BatcherKey {
        chain_id: client.profile().chain_id,
        contract: fast.batcher_payments.into_array(),
        address: fast.batcher.unwrap().into_array(),
    };
    store.find_batcher(key).await.unwrap().unwrap()
}

/// A new user's first group.
pub(crate) async fn signed(client: &Client, user: &Signer, proofs: Vec<FastProof>) -> SignedGroup {
    let (group, fast) = (ProofGroup::new(proofs).unwrap(), client.fast_profile().unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let terms = GroupTerms {
        chain_id: client.profile().chain_id,
        payment_service: fast.batcher_payments,
        batcher: fast.batcher.unwrap(),
        first_nonce: 0,
        max_fee: client.sufficient_fee().await.unwrap(),
        deadline: now + 3_600,
    };
    group.authorize(&terms, user).await.unwrap()
}

/// Waits until the contract confirms a group's first proof. The block of the operators' answer, if it comes in time.
pub(crate) async fn verified(client: &Client, signed: &SignedGroup) -> Option<u64> {
    let (id, proofs) = (signed.id(), signed.group().proofs());
    let batcher = client.batcher().unwrap();
    batcher.wait(&id, GroupStatus::Batched, PATIENCE, &mut |_| ()).await.unwrap();
    let bundles = client.verification_bundles(&id, proofs).await.unwrap();
    let contracts = client.fast_contracts().await.unwrap();
    let asking = async {
        loop {
            match contracts.verify(&bundles[0]).await {
                Ok(block) => return block,
                Err(SdkError::Fast(FastError::NotVerified { .. })) => {}
                Err(error) => panic!("{error}"),
            }
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, asking).await.ok()
}

/// When a group was put into a batch, and when the batcher saw the batch's task on chain, by the batcher's database.
pub(crate) async fn closed_and_on_chain(ledger: &BatcherLedger, id: &GroupId) -> [SystemTime; 2] {
    let changes = ledger.group_changes_after(&id.0, 0).await.unwrap();
    [StoredStatus::Batched, StoredStatus::Open].map(|status| {
        let change = changes.iter().find(|change| change.status == status).unwrap();
        change.at.into()
    })
}
