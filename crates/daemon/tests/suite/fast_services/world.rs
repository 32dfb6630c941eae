//! Fast mode with every service a process of its own: batcher, data service, signature aggregator, four operators. Each operator reaches
//! data service and signature aggregator through proxies of its own.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use alloy::{
    primitives::{Address, B256, U256},
    providers::DynProvider,
};
use collimate_attestation::{Registration, SecretKey, create_keystore};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_KEYS, development_signer},
    provider::{Timeouts, connect},
};
use collimate_contracts::{
    BatcherPaymentService, DeployConfig, Deployment, FastModeConfig, OperatorRegistry,
    QuorumConfig, Sp1Verification, deploy,
};
use collimate_prover_client::AggregationPrograms;
use collimate_sdk::{
    Client, FastProof, GatewaySettings, NetworkProfile, ProofGroup, Signer,
    fast::{GroupId, InputsFile, KeyFile, ProofFiles, ProofSystemId, SignedGroup, UploadProgress},
};
use collimate_store::{
    BatchStatus, BatcherKey, BatcherLedger, EmbeddedPostgres, FastBatch, FastGroup, GroupStatus,
    Store,
};
use serde_json::{Value, json};

use super::proxy::Proxy;
use crate::{
    common::root,
    services::{
        operator::with_wallet,
        process::{Process, free_port},
        world::{rpc, until},
    },
};

const RESPONDER: usize = 5;
const BATCHER: usize = 6;
const USER: usize = 7;
const DEPLOYER: usize = 9;
const EPOCH_BLOCKS: u64 = 200;
/// Blocks of a second: longer than any of these tests waits for an answer.
pub(crate) const RESPONSE_BLOCKS: u32 = 90;
pub(crate) const OPERATORS: usize = 4;
const DEPOSIT: u128 = 1_000_000_000_000_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Ports of the services.
struct Ports {
    batcher: u16,
    data: u16,
    signatures: u16,
    watcher: u16,
}

/// The way of an operator to the services.
struct Way {
    data: Proxy,
    signatures: Proxy,
}

pub(crate) struct World {
    _anvil: Anvil,
    pub(crate) node: DynProvider,
    _postgres: EmbeddedPostgres,
    store: Store,
    deployment: Deployment,
    pub(crate) client: Client,
    ports: Ports,
    ways: Vec<Way>,
    pub(crate) folder: tempfile::TempDir,
}

/// The processes.
pub(crate) struct Services {
    pub(crate) batcher: Process,
    pub(crate) data: Process,
    pub(crate) signatures: Process,
    pub(crate) operators: Vec<Process>,
}

fn user() -> Signer {
    development_signer(USER).unwrap()
}

fn batcher() -> Address {
    development_signer(BATCHER).unwrap().address()
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
        let node = connect(&anvil.url(), Timeouts::default()).unwrap();
        let deployment = contracts(&anvil).await;
        for number in 0..OPERATORS {
            register(&anvil, &deployment, number, folder.path()).await;
        }
        // Operators count from the next epoch on.
        rpc(&node, "anvil_mine", json!([format!("{EPOCH_BLOCKS:#x}")])).await;
        rpc(&node, "evm_setIntervalMining", json!([1])).await;
        let postgres = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
        let store = Store::connect(postgres.url()).await.unwrap();
        let ports = Ports {
            batcher: free_port(),
            data: free_port(),
            signatures: free_port(),
            watcher: free_port(),
        };
        let mut ways = vec![];
        for _ in 0..OPERATORS {
            let data = Proxy::start(ports.data).await;
            ways.push(Way { data, signatures: Proxy::start(ports.signatures).await });
        }
        let mut profile = NetworkProfile::of_deployment("test", anvil.url(), &deployment);
        let fast_mode = profile.fast_mode.as_mut().unwrap();
        fast_mode.batcher = Some(batcher());
        fast_mode.batcher_url = Some(format!("http://127.0.0.1:{}", ports.batcher));
        let settings =
            GatewaySettings { poll: Duration::from_millis(100), ..GatewaySettings::default() };
        let client = Client::new(profile, settings).unwrap();
        let file = serde_json::to_vec(&deployment).unwrap();
        fs::write(folder.path().join("deployment.json"), file).unwrap();
        let world = Self {
            node,
            store,
            deployment,
            client,
            ports,
            ways,
            folder,
            _postgres: postgres,
            _anvil: anvil,
        };
        world.configure();
        world
    }

    /// Writes what the services are told.
    fn configure(&self) {
        let Ports { batcher, data, signatures, watcher } = &self.ports;
        let common = format!(
            "deployment = 'deployment.json'\nobjects = 'objects'\n\
             [chain]\nrpc_url = '{}'\nconfirmations = 1\npoll_seconds = 1\n[database]\nurl = '{}'\n",
            self._anvil.url(),
            self._postgres.url()
        );
        // A batch names a data service that nobody reaches: each operator has a way of its own.
        let services = format!(
            "[batcher]\nlisten = '127.0.0.1:{batcher}'\nobjects = 'batches'\nmirrors = ['http://127.0.0.1:1/batches']\n\
             systems = ['circom-groth16-bn254', 'gnark-groth16-bn254']\n\
             [batcher.key.environment]\nvariable = 'BATCHER_KEY'\n[batcher.closing]\nblocks = 1\n\
             [data]\nlisten = '127.0.0.1:{data}'\nfolder = 'batches'\n\
             [signatures]\nlisten = '127.0.0.1:{signatures}'\n[signatures.key.environment]\nvariable = 'RESPONDER_KEY'\n\
             [watcher]\nlisten = '127.0.0.1:{watcher}'\nfolder = 'watcher'\nfirst_block = 0\nshare = 1.0\n\
             mirrors = ['http://127.0.0.1:{data}/batches']\n"
        );
        fs::write(self.path("collimated.toml"), format!("{common}{services}")).unwrap();
        for (number, way) in self.ways.iter().enumerate() {
            let account = development_signer(number + 1).unwrap().address();
            let operator = format!(
                "[operator]\naccount = '{account}'\nkeystore = 'operator-{number}.json'\npassword_file = 'password'\n\
                 listen = '127.0.0.1:{}'\njournal = 'operator-{number}.journal'\n\
                 [operator.fast_mode]\nlisten = '127.0.0.1:{}'\njournal = 'operator-{number}.fast.journal'\n\
                 aggregators = ['{}']\nmirrors = ['{}/batches']\nallow_private_mirrors = true\n\
                 systems = ['circom-groth16-bn254', 'gnark-groth16-bn254']\n",
                free_port(),
                free_port(),
                way.signatures.url(),
                way.data.url(),
            );
            let file = self.path(&format!("operator-{number}.toml"));
            fs::write(file, format!("{common}{operator}")).unwrap();
        }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, config: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_collimated"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path(config))
            .env("BATCHER_KEY", DEVELOPMENT_KEYS[BATCHER])
            .env("RESPONDER_KEY", DEVELOPMENT_KEYS[RESPONDER])
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null());
        command
    }

    fn serve(&self, config: &str, service: &str, name: &str) -> Process {
        let log = self.path(&format!("{name}.log"));
        let errors = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = self.command(config, &["serve"]);
        let child = command.arg(service).stderr(errors).stdout(Stdio::null()).spawn().unwrap();
        Process { child, log }
    }

    pub(crate) fn batcher(&self) -> Process {
        self.serve("collimated.toml", "batcher", "batcher")
    }

    pub(crate) fn data(&self) -> Process {
        self.serve("collimated.toml", "data", "data")
    }

    pub(crate) fn signatures(&self) -> Process {
        self.serve("collimated.toml", "signatures", "signatures")
    }

    pub(crate) fn watcher(&self) -> Process {
        self.serve("collimated.toml", "watcher", "watcher")
    }

    /// What the watcher says of all that it found, if it answers.
    pub(crate) async fn watched(&self) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/v1/watcher/summary", self.ports.watcher);
        let text = reqwest::get(url).await.ok()?.text().await.ok()?;
        serde_json::from_str(&text).ok()
    }

    pub(crate) fn operator(&self, number: usize) -> Process {
        let name = format!("operator-{number}");
        self.serve(&format!("{name}.toml"), "operator", &name)
    }

    /// All services, and the user's ether with the batcher.
    pub(crate) async fn serve_all(&self) -> Services {
        let data = self.data();
        // It marks the folder as public, which the batcher needs.
        self.listens(self.ports.data).await;
        let services = Services {
            batcher: self.batcher(),
            data,
            signatures: self.signatures(),
            operators: (0..OPERATORS).map(|number| self.operator(number)).collect(),
        };
        let payer = self.client.fast_payer(user(), &self.path("journal")).await.unwrap();
        payer.deposit(batcher(), user().address(), DEPOSIT).await.unwrap();
        payer.stop().await;
        self.listens(self.ports.batcher).await;
        services
    }

    async fn listens(&self, port: u16) {
        until("a service listens", || async move {
            TcpStream::connect(("127.0.0.1", port)).ok().map(|_| ())
        })
        .await;
    }

    /// Nothing comes from data service and signature aggregator to these operators, or goes there.
    pub(crate) fn cut(&self, operators: &[usize]) {
        for number in operators {
            self.ways[*number].data.cut();
            self.ways[*number].signatures.cut();
        }
    }

    pub(crate) fn heal(&self, operators: &[usize]) {
        for number in operators {
            self.ways[*number].data.heal();
            self.ways[*number].signatures.heal();
        }
    }

    /// Hands a proof in, in the name of a generator that makes it another one, until it is accepted.
    pub(crate) async fn submit(&self, generator: u8) -> SignedGroup {
        let group = ProofGroup::new(vec![proof(generator)]).unwrap();
        let fee = until("the batcher tells its price", || async {
            self.client.sufficient_fee().await.ok()
        })
        .await;
        let progress: UploadProgress = Arc::new(|_, _| ());
        let sent = self.client.submit_group(group, fee, &user(), None, &progress).await.unwrap();
        sent.signed
    }

    async fn ledger(&self) -> BatcherLedger {
        let key = BatcherKey {
            chain_id: self.deployment.chain_id,
            contract: self.payments().into_array(),
            address: batcher().into_array(),
        };
        self.store.find_batcher(key).await.unwrap().unwrap()
    }

    fn payments(&self) -> Address {
        self.deployment.fast_mode.unwrap().batcher_payments
    }

    /// What the batcher's database has of a group.
    pub(crate) async fn group(&self, id: GroupId) -> (FastGroup, Option<FastBatch>) {
        let ledger = self.ledger().await;
        let group = ledger.group(&id).await.unwrap().unwrap();
        let batch = match group.batch_id {
            Some(batch) => ledger.batch(batch).await.unwrap(),
            None => None,
        };
        (group, batch)
    }

    /// Waits until a group's batch has one of these statuses.
    pub(crate) async fn batch_is(&self, id: GroupId, statuses: &[BatchStatus]) -> FastBatch {
        until(&format!("the batch is {statuses:?}"), || async {
            let batch = self.group(id).await.1;
            batch.filter(|batch| statuses.contains(&batch.status))
        })
        .await
    }

    /// Waits until the chain says so.
    pub(crate) async fn is_verified(&self, signed: &SignedGroup) {
        let id = signed.id();
        until("the group is verified", || async {
            let (group, _) = self.group(id).await;
            assert_ne!(group.status, GroupStatus::Rejected, "{:?}", group.reason);
            assert_ne!(group.status, GroupStatus::Failed, "{:?}", group.reason);
            (group.status == GroupStatus::Verified).then_some(())
        })
        .await;
        let contracts = self.client.fast_contracts().await.unwrap();
        let proofs = signed.group().proofs();
        for bundle in self.client.verification_bundles(&id, proofs).await.unwrap() {
            contracts.wait_verified(&bundle, 1, PATIENCE).await.unwrap();
        }
    }

    /// What the contract has of the user: balance and nonce.
    pub(crate) async fn account(&self) -> (u128, u64) {
        let contract = BatcherPaymentService::new(self.payments(), &self.node);
        let account = contract.account(batcher(), user().address()).call().await.unwrap();
        (account.balance, account.nonce)
    }

    /// The rules that `collimated audit` finds broken.
    pub(crate) fn findings(&self, more: &[&str]) -> Vec<String> {
        let arguments = [&["audit", "--json"], more].concat();
        let output = self.command("collimated.toml", &arguments).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(output.status.success(), findings.is_empty(), "{report}");
        assert!(report["groups"].as_u64().unwrap() > 0, "{report}");
        findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
    }

    /// `collimated audit` must find nothing.
    pub(crate) fn audit(&self) {
        assert_eq!(self.findings(&[]), Vec::<String>::new());
    }
}

async fn contracts(anvil: &Anvil) -> Deployment {
    let deployer = development_signer(DEPLOYER).unwrap();
    let owner = deployer.address();
    let program = AggregationPrograms::committed().unwrap().chunk_aggregator.program_id;
    let config = DeployConfig {
        program_id: B256::from(program.0),
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
            unlock_delay_seconds: 600,
        }),
    };
    deploy(with_wallet(anvil, deployer), &config).await.unwrap()
}

/// Registers an operator, and writes its keystore.
async fn register(anvil: &Anvil, deployment: &Deployment, number: usize, folder: &Path) {
    const PASSWORD: &str = "for a test";
    let signer = development_signer(number + 1).unwrap();
    let (operator, registry) = (signer.address(), deployment.registry.unwrap());
    let key = SecretKey::from_seed(&[number as u8 + 1; 32]).unwrap();
    fs::write(folder.join("password"), PASSWORD).unwrap();
    create_keystore(&folder.join(format!("operator-{number}.json")), &key, PASSWORD).unwrap();
    let registration = Registration { chain_id: deployment.chain_id, registry, operator };
    let possession = key.prove_possession(&registration).to_point();
    let registry = OperatorRegistry::new(registry, with_wallet(anvil, signer));
    let call = registry.register(key.public_key().to_point().into(), possession.into());
    let sent = call.value(U256::from(1_000_000)).send().await.unwrap();
    assert!(sent.get_receipt().await.unwrap().status());
}

/// A small proof of others' tools.
fn proof(generator: u8) -> FastProof {
    let file = |extension: &str| root().join(format!("proofs/fast/sudoku.{extension}"));
    let files = ProofFiles {
        system: ProofSystemId::CircomGroth16Bn254,
        proof: file("proof"),
        key: KeyFile::File(file("vk")),
        public_inputs: Some(InputsFile::File(file("pub"))),
        generator: Address::repeat_byte(generator),
    };
    FastProof::verify(files.read().unwrap()).unwrap()
}
