//! Everything around the services under test: a node with the contracts, an operator, PostgreSQL, an object store, a customer. The
//! services are processes of their own, which a test can kill.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use alloy::{
    primitives::B256,
    providers::{DynProvider, Provider},
};
use collimate_aggregator::{BlobHashes, Member, Plan, PlanSettings};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_KEYS, development_signer},
    provider::{Timeouts, connect},
};
use collimate_contracts::{
    DeployConfig, Deployment, PaymentsConfig, QuorumConfig, Sp1Verification, Terms, deploy,
};
use collimate_core::Commitment;
use collimate_objects::Objects;
use collimate_prover_client::AggregationPrograms;
use collimate_sdk::{Amount, Client, GatewaySettings, NetworkProfile, ProofUpload, Signer};
use collimate_store::{EmbeddedPostgres, Run, RunStatus, Store};
use collimate_verifiers::{ProgramKey, ProofSystem, Submission, sp1::Sp1Compressed};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    operator::{STAKE_WEI, start_operator, with_wallet},
    process::{Gateway, Process, is_ready},
};
use crate::common::root;

/// Development accounts.
const AGGREGATOR: usize = 0;
const CUSTOMER: usize = 7;
const RECEIPTS: usize = 8;
const DEPLOYER: usize = 9;

pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const CONFIRMATIONS: u64 = 2;
const EPOCH_BLOCKS: u64 = 100;
/// The committed proofs, in the order of the committed run.
pub(crate) const SAMPLES: [&str; 4] =
    ["ecdsa_secp256k1", "fibonacci", "merkle_membership", "sha256_preimage"];

pub(crate) struct World {
    pub(crate) anvil: Anvil,
    pub(crate) node: DynProvider,
    pub(crate) postgres: EmbeddedPostgres,
    pub(crate) store: Store,
    objects: Objects,
    deployment: Deployment,
    operator: CancellationToken,
    /// What the services are told.
    config: String,
    folder: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.operator.cancel();
    }
}

/// A JSON-RPC request that must succeed.
pub(crate) async fn rpc(node: &DynProvider, method: &'static str, params: Value) -> Value {
    node.raw_request(method.into(), params)
        .await
        .unwrap_or_else(|error| panic!("{method}: {error}"))
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
        let node = connect(&anvil.url(), Timeouts::default()).unwrap();
        let postgres = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
        let store = Store::connect(postgres.url()).await.unwrap();
        let objects = Objects::folder(&folder.path().join("objects")).unwrap();
        let program = AggregationPrograms::committed().unwrap().chunk_aggregator.program_id;
        let owner = development_signer(DEPLOYER).unwrap();
        let config = DeployConfig {
            program_id: B256::from(program.0),
            verification: Sp1Verification::Quorum(QuorumConfig {
                owner: owner.address(),
                epoch_blocks: EPOCH_BLOCKS,
                unbonding_epochs: 2,
                min_stake_wei: STAKE_WEI,
            }),
            risc0: None,
            payments: Some(PaymentsConfig {
                owner: owner.address(),
                delay_seconds: 60,
                terms: Terms {
                    price_wei: 1_000_000_000_000_000,
                    validity_seconds: 30 * 86_400,
                    daily_cap: 1_000,
                    packages: vec![],
                },
            }),
            fast_mode: None,
        };
        let deployment = deploy(with_wallet(&anvil, owner), &config).await.unwrap();
        let operator = CancellationToken::new();
        let (account, operator_url) =
            start_operator(&anvil, &deployment, folder.path(), operator.clone()).await;
        // The operator counts from the next epoch on. No reorganisation of these tests goes back to before it.
        rpc(&node, "anvil_mine", serde_json::json!([format!("{EPOCH_BLOCKS:#x}")])).await;
        rpc(&node, "evm_setIntervalMining", serde_json::json!([1])).await;

        let file = serde_json::to_vec(&deployment).unwrap();
        fs::write(folder.path().join("deployment.json"), file).unwrap();
        let database = format!("url = '{}'", postgres.url());
        let config = format!(
            "deployment = 'deployment.json'\nobjects = 'objects'\n\
             [chain]\nrpc_url = '{}'\nconfirmations = {CONFIRMATIONS}\npoll_seconds = 1\n\
             [database]\n{database}\n\
             [gateway]\n[gateway.key.environment]\nvariable = 'RECEIPT_KEY'\n\
             [aggregator]\nprover_url = 'http://127.0.0.1:1'\n\
             [aggregator.key.environment]\nvariable = 'AGGREGATOR_KEY'\n\
             [aggregator.operators]\n\"{account}\" = '{operator_url}'\n",
            anvil.url(),
        );
        fs::write(folder.path().join("collimated.toml"), &config).unwrap();
        Self { anvil, node, postgres, store, objects, deployment, operator, config, folder }
    }

    /// From here on the services start a database server of their own.
    pub(crate) fn with_own_database(&self) {
        let url = format!("url = '{}'", self.postgres.url());
        let config = self.config.replace(&url, "folder = 'own'");
        fs::write(self.folder.path().join("collimated.toml"), config).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_collimated"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("collimated.toml"))
            .env("RECEIPT_KEY", DEVELOPMENT_KEYS[RECEIPTS])
            .env("AGGREGATOR_KEY", DEVELOPMENT_KEYS[AGGREGATOR])
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null());
        command
    }

    /// `collimated serve` with these services and settings. `name` is its log's.
    pub(crate) fn serve(&self, name: &str, services: &[&str], set: &[String]) -> Process {
        let log = self.folder.path().join(format!("{name}.log"));
        let errors = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = self.command(&["serve"]);
        for setting in set {
            command.args(["--set", setting]);
        }
        let child = command.args(services).stderr(errors).stdout(Stdio::null()).spawn().unwrap();
        Process { child, log }
    }

    /// A gateway at this port, that is ready.
    pub(crate) async fn gateway(&self, port: u16, services: &[&str]) -> Gateway {
        let listen = [format!("gateway.listen=127.0.0.1:{port}")];
        let process = self.serve(&format!("gateway-{port}"), services, &listen);
        until("the gateway is ready", || async move { is_ready(port).then_some(()) }).await;
        Gateway { process, port }
    }

    /// The customer's client of the gateway at this port.
    pub(crate) fn client(&self, port: u16) -> Client {
        let mut profile = NetworkProfile::of_deployment("test", self.anvil.url(), &self.deployment);
        profile.gateway_url = Some(format!("http://127.0.0.1:{port}"));
        profile.receipt_signer = Some(development_signer(RECEIPTS).unwrap().address());
        profile.payment_confirmations = Some(CONFIRMATIONS);
        let settings =
            GatewaySettings { poll: Duration::from_millis(100), ..GatewaySettings::default() };
        Client::new(profile, settings).unwrap()
    }

    pub(crate) fn customer(&self) -> Signer {
        development_signer(CUSTOMER).unwrap()
    }

    /// Makes a deposit and returns its block. Its credits come later.
    pub(crate) async fn buy(&self, client: &Client, credits: u64) -> u64 {
        let customer = self.customer();
        let offer = client.payments().await.unwrap().offer().await.unwrap();
        let order = offer.order(customer.address(), Amount::Credits(credits)).unwrap();
        let payer = client.payer(customer, &self.folder.path().join("journal")).await.unwrap();
        let bought = payer.buy(&order).await.unwrap();
        payer.stop().await;
        bought.block_number
    }

    /// Credits and nonce of the customer.
    pub(crate) async fn purse(&self, client: &Client) -> (u64, u64) {
        let account = client.gateway().unwrap().account(self.customer().address()).await.unwrap();
        (account.credits, account.nonce)
    }

    /// Stores the committed proof of the run over the samples as the output of the job that would make it.
    pub(crate) async fn offer_the_runs_proof(&self) {
        let members: Vec<Member> = SAMPLES.map(|name| sample(name).1).to_vec();
        let commitments: Vec<Commitment> = members.iter().map(Member::commitment).collect();
        let blobs = BlobHashes::of(&commitments).await.unwrap();
        let programs = AggregationPrograms::committed().unwrap();
        let plan = Plan::new(members, blobs.blobs_hash, PlanSettings::default(), programs).unwrap();
        let job = plan.final_job(&[]).unwrap().id();
        let proof = fs::read(root().join("proofs/run/run.proof")).unwrap();
        self.objects.put_output(&job.0, proof).await.unwrap();
    }

    /// `collimated request-run`.
    pub(crate) fn request_run(&self) {
        succeeds(&self.command(&["request-run"]).output().unwrap());
    }

    /// Waits until the first run has one of these statuses.
    pub(crate) async fn run_reaches(&self, statuses: &[RunStatus]) -> Run {
        until("the run goes on", || async {
            self.store.run(1).await.ok()?.filter(|run| statuses.contains(&run.status))
        })
        .await
    }

    /// The deployment as the store names it.
    pub(crate) fn stored_deployment(&self) -> collimate_store::Deployment {
        collimate_store::Deployment {
            chain_id: self.deployment.chain_id,
            contract: self.deployment.service.into_array(),
        }
    }

    /// How many transactions of the aggregator are mined.
    pub(crate) async fn transactions_of_the_aggregator(&self) -> u64 {
        let account = development_signer(AGGREGATOR).unwrap().address();
        self.node.get_transaction_count(account).await.unwrap()
    }

    /// The rules that `collimated audit` finds broken.
    pub(crate) fn findings(&self, more: &[&str]) -> Vec<String> {
        let output = self.command(&[&["audit", "--json"], more].concat()).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(output.status.success(), findings.is_empty(), "{report}");
        findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
    }

    /// `collimated audit` must find nothing.
    pub(crate) fn audit(&self) {
        assert_eq!(self.findings(&[]), Vec::<String>::new());
    }

    /// The file of a sample in the object store.
    pub(crate) fn file_of(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("objects/objects/{}", sample(name).1.object))
    }
}

fn succeeds(output: &Output) {
    let (out, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{errors}");
}

/// Waits until `condition` gives a value.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    condition: impl Fn() -> F,
) -> T {
    let waiting = async {
        loop {
            match condition().await {
                Some(value) => return value,
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// A committed proof, to be uploaded and as a run's member.
pub(crate) fn sample(name: &str) -> (ProofUpload, Member) {
    let read =
        |extension: &str| fs::read(root().join(format!("proofs/{name}.{extension}"))).unwrap();
    let (proof, verifying_key) = (read("proof"), read("vk"));
    let submission = Submission {
        proof: proof.clone(),
        key: ProgramKey::VerifyingKey(verifying_key.clone()),
        public_values: None,
    };
    let verified = Sp1Compressed::default().verify(&submission).unwrap();
    let member = Member {
        object: collimate_objects::Key::of(&proof),
        program_id: verified.program_id,
        verifying_key: verifying_key.clone(),
        public_values: verified.public_values.clone(),
    };
    let upload = ProofUpload::new(proof, verified.program_id)
        .with_verifying_key(verifying_key)
        .with_public_values(&verified.public_values);
    (upload, member)
}
