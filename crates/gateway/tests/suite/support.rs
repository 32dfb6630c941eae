//! A gateway with everything around it.

use std::{
    fs,
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    primitives::{Address, B256, U256, hex},
    signers::{SignerSync, local::PrivateKeySigner},
};
use collimate_api::{
    AccountAnswer, Problem, ProblemCode, ProofAuthorisation, SigningDomain, Submitted,
    paths::{self, field},
};
use collimate_chain::{
    follower::{BlockId, Cursor},
    provider::{Timeouts, connect},
};
use collimate_gateway::{Gateway, GatewayConfig, GatewayDeployment, GatewayParts};
use collimate_objects::{Key, Objects};
use collimate_store::{EmbeddedPostgres, NewPayment, PaymentContract, Store};
use collimate_verifiers::{ProgramKey, ProofSystem, VerifierPool, sp1::Sp1Compressed};
use reqwest::{
    Client, Response, StatusCode,
    multipart::{Form, Part},
};
use serde::de::DeserializeOwned;
use tokio::{sync::OnceCell, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub(crate) const CHAIN: u64 = 31337;
pub(crate) const PAYMENTS: Address = Address::repeat_byte(0xcc);

/// Never dropped: the server stops when this process ends.
static SERVER: OnceCell<EmbeddedPostgres> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);
/// Threads outlive the runtimes of single tests.
static VERIFIERS: LazyLock<VerifierPool> =
    LazyLock::new(|| VerifierPool::new(NonZeroUsize::new(2).unwrap(), 64).unwrap());

/// A folder named after this process. Those of processes that are gone are removed.
fn data_dir() -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("collimate-gateway-tests");
    for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(entry.file_name()).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    parent.join(std::process::id().to_string())
}

/// A server that tests share; a test that stops its server starts its own.
async fn database() -> String {
    let start = || async { EmbeddedPostgres::start(&data_dir()).await.unwrap() };
    let server = SERVER.get_or_init(start).await;
    let number = DATABASES.fetch_add(1, Ordering::SeqCst);
    server.create_database(&format!("test_{number}")).await.unwrap()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A proof that holds, with its key.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) proof: Vec<u8>,
    pub(crate) vk: Vec<u8>,
}

pub(crate) fn sample(name: &str) -> Sample {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proofs");
    let read = |extension| fs::read(folder.join(format!("{name}.{extension}"))).unwrap();
    Sample { proof: read("proof"), vk: read("vk") }
}

impl Sample {
    pub(crate) fn program_id(&self) -> B256 {
        static SP1: LazyLock<Sp1Compressed> = LazyLock::new(Sp1Compressed::default);
        SP1.program_id(&ProgramKey::VerifyingKey(self.vk.clone())).unwrap().0.into()
    }

    /// The same with one byte of the proof's middle changed.
    pub(crate) fn forged(mut self) -> Self {
        let middle = self.proof.len() / 2;
        self.proof[middle] ^= 1;
        self
    }
}

/// A request to submit, each field of which a test can spoil.
#[derive(Clone)]
pub(crate) struct Submission {
    pub(crate) sample: Sample,
    pub(crate) fields: Vec<(&'static str, String)>,
    pub(crate) with_vk: bool,
}

/// An account's authorisation for a proof, signed.
pub(crate) fn signed(sample: &Sample, signer: &PrivateKeySigner, nonce: u64) -> Submission {
    let domain = SigningDomain { chain_id: CHAIN, payment_service: PAYMENTS };
    signed_in(domain, sample, signer, nonce, now() + 600)
}

pub(crate) fn signed_in(
    domain: SigningDomain,
    sample: &Sample,
    signer: &PrivateKeySigner,
    nonce: u64,
    deadline: u64,
) -> Submission {
    let hash = authorisation(sample, nonce, deadline).signing_hash(&domain);
    let signature = signer.sign_hash_sync(&hash).unwrap().as_bytes();
    submission(sample, signer.address(), nonce, deadline, &signature)
}

pub(crate) fn authorisation(sample: &Sample, nonce: u64, deadline: u64) -> ProofAuthorisation {
    ProofAuthorisation {
        proofHash: B256::from(Key::of(&sample.proof).0),
        programId: sample.program_id(),
        proofSystem: "sp1".to_owned(),
        nonce,
        deadline,
    }
}

pub(crate) fn submission(
    sample: &Sample,
    account: Address,
    nonce: u64,
    deadline: u64,
    signature: &[u8],
) -> Submission {
    let fields = vec![
        (field::PROOF_SYSTEM, "sp1".to_owned()),
        (field::ADDRESS, account.to_string()),
        (field::NONCE, nonce.to_string()),
        (field::DEADLINE, deadline.to_string()),
        (field::SIGNATURE, hex::encode_prefixed(signature)),
    ];
    Submission { sample: sample.clone(), fields, with_vk: true }
}

impl Submission {
    /// With one field changed, added, or (`None`) missing.
    pub(crate) fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// Naming the program by its id alone.
    pub(crate) fn by_program_id(mut self) -> Self {
        self.with_vk = false;
        let id = self.sample.program_id().to_string();
        self.with(field::PROGRAM_ID, Some(&id))
    }

    pub(crate) fn form(&self) -> Form {
        let file = |bytes: &Vec<u8>| Part::bytes(bytes.clone()).file_name("file");
        let mut form = Form::new();
        for (name, value) in &self.fields {
            form = form.text(*name, value.clone());
        }
        if self.with_vk {
            form = form.part(field::VK, file(&self.sample.vk));
        }
        form.part(field::PROOF, file(&self.sample.proof))
    }
}

/// A gateway, its database and its objects. The gateway stops when this is dropped.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) database: String,
    pub(crate) objects: Objects,
    pub(crate) gateway: Running,
    pub(crate) http: Client,
    folder: tempfile::TempDir,
}

pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) receipt_signer: Address,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// Fast where production is patient.
pub(crate) fn quick() -> GatewayConfig {
    GatewayConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        event_interval: Duration::from_millis(30),
        database_timeout: Duration::from_secs(4),
        node_timeout: Duration::from_secs(4),
        stop_timeout: Duration::from_secs(5),
        ..GatewayConfig::default()
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(quick()).await
    }

    pub(crate) async fn start_with(config: GatewayConfig) -> Self {
        Self::start_on(config, &database().await, NO_NODE, Address::repeat_byte(0xa9)).await
    }

    pub(crate) async fn start_on(
        config: GatewayConfig,
        database: &str,
        node: &str,
        aggregation_service: Address,
    ) -> Self {
        let store = Store::connect(database).await.unwrap();
        // Not beside the servers' folders, of which the first test to need a server removes those without a process.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let objects = Objects::folder(&folder.path().join("objects")).unwrap();
        objects.name().await.unwrap();
        let gateway =
            start_gateway(config, store.clone(), objects.clone(), node, aggregation_service).await;
        let (database, http) = (database.to_owned(), Client::new());
        Self { store, database, objects, gateway, http, folder }
    }

    /// Another gateway on the same database and objects.
    pub(crate) async fn another(&self, config: GatewayConfig) -> Running {
        let store = Store::connect(&self.database).await.unwrap();
        let service = Address::repeat_byte(0xa9);
        start_gateway(config, store, self.objects.clone(), NO_NODE, service).await
    }

    /// Confirmed credits for an account, which expire in an hour.
    pub(crate) async fn credit(&self, account: Address, credits: u64) {
        self.pay(account, credits, now() + 3600, true).await;
    }

    pub(crate) async fn pay(
        &self,
        account: Address,
        credits: u64,
        expires_at: u64,
        confirmed: bool,
    ) {
        static BLOCKS: AtomicU32 = AtomicU32::new(1);
        let ledger = self.store.payment_ledger(contract(), NonZeroU64::new(10).unwrap());
        let from = self.store.load_cursor(&ledger.cursor_name()).await.unwrap();
        let block = from.as_ref().map_or(1, |cursor| cursor.next);
        let number = BLOCKS.fetch_add(1, Ordering::SeqCst);
        let payment = NewPayment {
            tx_hash: U256::from(number).to_be_bytes(),
            log_index: 0,
            block_number: block,
            block_hash: [1; 32],
            purchase_id: u64::from(number),
            payer: account.into_array(),
            account: account.into_array(),
            amount_wei: U256::from(credits),
            credits,
            expires_at,
            terms_id: 1,
        };
        let to = cursor(if confirmed { block + 9 } else { block });
        ledger.advance(&[payment], from.as_ref(), &to).await.unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.url)
    }

    pub(crate) async fn send(&self, submission: &Submission) -> Response {
        self.send_to(&self.gateway, submission).await
    }

    pub(crate) async fn send_to(&self, gateway: &Running, submission: &Submission) -> Response {
        let url = format!("{}{}", gateway.url, paths::PROOFS);
        self.http.post(url).multipart(submission.form()).send().await.unwrap()
    }

    pub(crate) async fn accepted(&self, submission: &Submission) -> Submitted {
        let response = self.send(submission).await;
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn refused(&self, submission: &Submission, code: ProblemCode) -> Problem {
        problem(self.send(submission).await, code).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let response = self.http.get(self.url(path)).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn account(&self, address: Address) -> AccountAnswer {
        self.get(&paths::account(&address)).await
    }

    /// Credits left and next nonce.
    pub(crate) async fn purse(&self, address: Address) -> (u64, u64) {
        let account = self.account(address).await;
        (account.credits, account.nonce)
    }

    pub(crate) fn objects_folder(&self) -> PathBuf {
        self.folder.path().join("objects")
    }
}

/// Port 9 (discard) is not served on test machines.
pub(crate) const NO_NODE: &str = "http://127.0.0.1:9";

pub(crate) fn contract() -> PaymentContract {
    PaymentContract { chain_id: CHAIN, address: PAYMENTS.into_array() }
}

fn cursor(number: u64) -> Cursor {
    let recent = vec![BlockId { number, hash: B256::ZERO }];
    Cursor { start: 0, next: number + 1, recent }
}

async fn start_gateway(
    config: GatewayConfig,
    store: Store,
    objects: Objects,
    node: &str,
    aggregation_service: Address,
) -> Running {
    let receipt_signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x77)).unwrap();
    let address = receipt_signer.address();
    let parts = GatewayParts {
        store,
        objects,
        verifiers: VERIFIERS.clone(),
        provider: connect(node, Timeouts::default()).unwrap(),
        receipt_signer: receipt_signer.into(),
        deployment: GatewayDeployment {
            chain_id: CHAIN,
            payment_service: PAYMENTS,
            aggregation_service,
        },
        registry: prometheus::Registry::new(),
    };
    let gateway = Gateway::bind(config, parts).await.unwrap();
    let url = format!("http://{}", gateway.local_addr());
    let stop = CancellationToken::new();
    let token = stop.clone();
    let task = tokio::spawn(async move { gateway.run(token).await.unwrap() });
    Running { url, receipt_signer: address, stop, task: Some(task) }
}

impl Running {
    /// Stops in order.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The problem that a response is, after checking its form.
pub(crate) async fn problem(response: Response, code: ProblemCode) -> Problem {
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let problem: Problem =
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{status} {text:?}: {e}"));
    assert_eq!(problem.code, code, "{text}");
    assert_eq!(status.as_u16(), code.status());
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(headers["x-request-id"], problem.request_id.clone().unwrap().as_str());
    let retry = headers.get("retry-after").map(|value| value.to_str().unwrap().parse().unwrap());
    assert_eq!(retry, problem.retry_after);
    if code.is_retryable() && code != ProblemCode::TooSlow {
        assert!(retry.is_some(), "{text}");
    }
    problem
}
