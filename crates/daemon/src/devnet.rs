//! `devnet`: a whole deployment in one process tree, on a chain of its own.
//!
//! ```text
//! collimated ─┬─ anvil             state/chain
//!             ├─ PostgreSQL        state/postgres     (unless DATABASE_URL is given)
//!             ├─ collimate-prover  state/prover
//!             ├─ four operators    state/operators    (in this process, each with its own port)
//!             ├─ payments poller, gateway
//!             └─ aggregator        state/objects
//! ```
//!
//! Everything that must survive is below one folder. After a kill, the same command goes on where it
//! was: the chain is adopted, runs are resumed, finished jobs are not proven again.

mod fast_mode;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::{primitives::U256, transports::http::reqwest::Url};
use anyhow::{Context, Result, bail};
use collimate_aggregator::{Activity, Aggregator, Pauses, PlanSettings, Trigger, Troubles};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, Mining, development_signer},
    follower::FollowConfig,
    provider::{Timeouts, connect},
    tx::TxConfig,
};
use collimate_contracts::{Deployment, Groth16Key};
use collimate_core::guest::MAX_CHUNK_SIZE_LOG2;
use collimate_gateway::{Gateway, GatewayConfig, GatewayParts};
use collimate_objects::Objects;
use collimate_payments::{Poller, PollerConfig};
use collimate_prover_client::{AggregationPrograms, ProverClient, ProverSettings};
use collimate_sdk::NetworkProfile;
use collimate_store::{EmbeddedPostgres, Store};
use collimate_verifiers::VerifierPool;
use prometheus::Registry;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub(crate) use self::fast_mode::FastMode;
use self::fast_mode::Surroundings;
use crate::{
    config, deployment,
    driver::{HardParts, Parts, driver, gateway_deployment, payment_service, signing_context},
    object_store, operators,
    prover_process::ProverProcess,
};

/// File in the state's folder that tells users where everything is.
pub(crate) const NETWORK_FILE: &str = "network.json";

/// Settings of a devnet.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DevnetOptions {
    /// Folder of everything that must survive a restart
    #[arg(long, default_value = ".collimate/devnet", env = "COLLIMATE_STATE")]
    pub state: PathBuf,
    /// Port of the Ethereum node; 0 takes any free one
    #[arg(long, default_value_t = 8545, env = "COLLIMATE_CHAIN_PORT")]
    pub chain_port: u16,
    /// Port of the gateway; 0 takes any free one
    #[arg(long, default_value_t = 8547, env = "COLLIMATE_GATEWAY_PORT")]
    pub gateway_port: u16,
    /// Port of the batcher; 0 takes any free one
    #[arg(long, default_value_t = 8548, env = "COLLIMATE_BATCHER_PORT")]
    pub batcher_port: u16,
    /// The proving process; searched beside this program and in prover/target
    #[arg(long, env = "COLLIMATE_PROVER")]
    pub prover: Option<PathBuf>,
    /// Start no proving process: jobs wait for one, or for their output in the object store
    #[arg(long, conflicts_with = "prover")]
    pub no_prover: bool,
    /// Runs of up to this many proofs take one layer of aggregation; larger ones are cut into chunks
    #[arg(long, default_value_t = PlanSettings::default().direct_max, env = "COLLIMATE_DIRECT_MAX")]
    pub direct_max: usize,
    /// Proofs in a chunk: a power of two
    #[arg(long, value_parser = power_of_two, default_value = "32", env = "COLLIMATE_CHUNK_SIZE")]
    pub chunk_size: u32,
    /// Verify proofs themselves, too: Groth16 under this key, in the form of contracts/bin/groth16-key
    #[arg(long, value_name = "FILE", env = "COLLIMATE_GROTH16_KEY")]
    pub groth16_key: Option<PathBuf>,
    /// Wrap the proofs of runs for that contract: its key as gnark writes it, whose circuit the prover must have ('collimate-prover
    /// artifacts key --binary-out FILE')
    #[arg(long, value_name = "FILE", requires = "groth16_key", env = "COLLIMATE_CIRCUIT_KEY")]
    pub circuit_key: Option<PathBuf>,
    /// A PostgreSQL server to use instead of one of our own
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Operators whose service is not started, by number from 0
    #[arg(long, value_delimiter = ',', env = "COLLIMATE_ABSENT_OPERATORS")]
    pub absent: Vec<u32>,
    /// An operator that runs elsewhere: its number from 0, and where it is reached; may be repeated
    #[arg(long, value_name = "N=URL", value_parser = remote_operator)]
    pub operator: Vec<(u32, String)>,
}

impl DevnetOptions {
    /// How runs are cut into jobs.
    pub(crate) fn plan(&self) -> PlanSettings {
        PlanSettings { direct_max: self.direct_max, chunk_size_log2: self.chunk_size.ilog2() }
    }
}

fn remote_operator(text: &str) -> Result<(u32, String), String> {
    let known = |number: &u32| *number < OPERATORS;
    let (number, url) = text.split_once('=').ok_or("expected N=URL")?;
    let number = number.parse().ok().filter(known);
    let number = number.ok_or_else(|| format!("operators have numbers below {OPERATORS}"))?;
    let url: Url = url.parse().map_err(|error| format!("{url}: {error}"))?;
    Ok((number, url.to_string()))
}

fn power_of_two(text: &str) -> Result<u32, String> {
    let size: u32 = text.parse().map_err(|_| "not a number".to_owned())?;
    let largest = 1 << MAX_CHUNK_SIZE_LOG2;
    if size.is_power_of_two() && size <= largest {
        Ok(size)
    } else {
        Err(format!("must be a power of two, at most {largest}"))
    }
}

/// Operators of a devnet.
pub(crate) const OPERATORS: u32 = 4;
/// Seconds between two blocks.
const BLOCK_SECONDS: u64 = 1;
/// Account of anvil's that sends the aggregator's transactions; 1 to 4 are the operators'.
const AGGREGATOR_ACCOUNT: usize = 0;
/// Account of anvil's that signs the gateway's receipts.
const RECEIPT_ACCOUNT: usize = 8;
/// Blocks that make a payment or a transaction final on a devnet, counting its own.
const CONFIRMATIONS: NonZeroU64 = NonZeroU64::MIN.saturating_add(1);
/// The cost that the aggregator may spend on one transaction on a devnet, in wei: one ether.
const MAX_COST: u128 = 1_000_000_000_000_000_000;
/// Pause between two looks at the chain.
const POLL: Duration = Duration::from_millis(200);

/// A running devnet.
#[derive(Debug)]
pub(crate) struct Devnet {
    pub store: Store,
    pub objects: Objects,
    pub verifiers: VerifierPool,
    pub deployment: Deployment,
    pub rpc_url: String,
    /// What a user has to know; also in [`NETWORK_FILE`] in the state's folder.
    pub network: NetworkProfile,
    pub prover_client: ProverClient,
    pub activity: watch::Receiver<Activity>,
    pub troubles: watch::Receiver<Troubles>,
    services: CancellationToken,
    aggregator: JoinHandle<()>,
    gateway: JoinHandle<()>,
    payments: JoinHandle<()>,
    operators: Vec<JoinHandle<()>>,
    pub fast_mode: FastMode,
    prover: Option<JoinHandle<()>>,
    postgres: Option<EmbeddedPostgres>,
    anvil: Anvil,
    _lock: File,
}

impl Devnet {
    /// Starts everything, or goes on with what an earlier process left. `say` hears what is done.
    pub(crate) async fn start(
        options: &DevnetOptions,
        trigger: Trigger,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<Self> {
        let prover_binary = match options.no_prover {
            true => None,
            false => Some(ProverProcess::find(options.prover.clone())?),
        };
        let state = &options.state;
        fs::create_dir_all(state)
            .with_context(|| format!("[DMN-001] cannot create {}", state.display()))?;
        let state = &state.canonicalize()?;
        let lock = lock_state(state)?;
        let services = CancellationToken::new();

        let anvil = start_chain(options, state).await?;
        let rpc_url = anvil.url();
        say(&format!("Ethereum node with blobs at {rpc_url} (chain {DEVELOPMENT_CHAIN_ID})"));

        let (postgres, database_url) = match &options.database_url {
            Some(url) => (None, url.clone()),
            None => {
                let server = EmbeddedPostgres::start(&state.join("postgres")).await?;
                let url = server.url().to_owned();
                (Some(server), url)
            }
        };
        let store = Store::connect(&database_url).await?;
        say(if postgres.is_some() {
            "PostgreSQL of our own is up"
        } else {
            "connected to PostgreSQL"
        });

        let programs = AggregationPrograms::committed()?;
        let groth16 = options.groth16_key.as_deref().map(deployment::groth16_key).transpose()?;
        let development = groth16.as_ref().is_some_and(Groth16Key::is_development);
        let circuit = options.circuit_key.as_deref().map(config::circuit).transpose()?;
        let deployment = deployment::load_or_deploy(state, &rpc_url, &programs, groth16).await?;
        say(&format!("contracts deployed, service at {}", deployment.service));
        if development {
            say(deployment::DEVELOPMENT_KEY);
        }

        let objects_path = state.join("objects");
        let objects = Objects::folder(&objects_path)?;
        object_store::tie(&objects, &store).await?;
        let prover_listen = free_address().await?;
        let prover = prover_binary.map(|binary| {
            let process = ProverProcess {
                binary,
                listen: prover_listen,
                objects: objects_path.display().to_string(),
                state: state.join("prover"),
                log: state.join("prover.log"),
                circuit: circuit.as_ref().map(|_| if development { "dev" } else { "release" }),
            };
            process.supervise(services.child_token())
        });
        let prover = prover.transpose()?;

        let context = signing_context(&deployment);
        let mut endpoints = BTreeMap::new();
        let mut operators = vec![];
        for number in 0..OPERATORS {
            operators::register(number, &deployment, &rpc_url).await?;
            if options.absent.contains(&number) {
                continue;
            }
            if let Some((_, url)) = options.operator.iter().find(|(other, _)| *other == number) {
                endpoints.insert(operators::address(number)?, url.clone());
                continue;
            }
            let program = programs.chunk_aggregator.program_id;
            let folder = operators::folder(state, number);
            let service = operators::bind(number, context, program, &folder).await?;
            endpoints
                .insert(operators::address(number)?, format!("http://{}", service.local_addr()));
            let token = services.child_token();
            operators.push(tokio::spawn(async move {
                if let Err(error) = service.run(token).await {
                    tracing::error!(number, %error, "operator stopped");
                }
            }));
        }
        operators::begin_epoch(&deployment, &rpc_url).await?;
        say(&format!("{OPERATORS} operators registered, {} of them run here", operators.len()));

        let verifiers = VerifierPool::for_this_machine()?;
        let prover_settings = ProverSettings::new(format!("http://{prover_listen}"));
        let prover_client = ProverClient::new(prover_settings, objects.clone());
        let provider = connect(&rpc_url, Timeouts::default())?;
        let here = (0..OPERATORS).filter(|number| {
            !options.absent.contains(number)
                && options.operator.iter().all(|(other, _)| other != number)
        });
        let around = Surroundings {
            deployment: &deployment,
            provider: provider.clone(),
            store: store.clone(),
            verifiers: verifiers.clone(),
            state,
            batcher_port: options.batcher_port,
        };
        let fast_mode = FastMode::start(around, here, &services).await?;
        say(&format!(
            "fast mode: batcher at {}, data service, signature aggregator and watcher",
            fast_mode.profile.batcher_url.as_deref().unwrap_or_default()
        ));
        let driver = driver(Parts {
            provider: provider.clone(),
            deployment: deployment.clone(),
            store: store.clone(),
            objects: objects.clone(),
            verifiers: verifiers.clone(),
            prover: prover_client.clone(),
            signer: development_signer(AGGREGATOR_ACCOUNT)?,
            transactions: TxConfig {
                max_cost: U256::from(MAX_COST),
                ..TxConfig::development_chain(deployment.chain_id)
            },
            operators: endpoints,
            plan: options.plan(),
            parallel: NonZeroUsize::MIN,
            poll: Duration::from_millis(500),
            hard: circuit.map(|circuit| HardParts { circuit, prover: None }),
        })
        .await?;
        let watching = driver.activity.subscribe();
        let payments = Poller::new(
            provider.clone(),
            store.clone(),
            PollerConfig {
                contract: payment_service(&deployment)?,
                start_block: deployment.block,
                confirmations: CONFIRMATIONS,
                poll_interval: POLL,
                follow: FollowConfig::default(),
            },
        );
        let (payments, stop) = (payments.await?, services.child_token());
        let payments = tokio::spawn(async move {
            if let Err(error) = payments.run(stop).await {
                tracing::error!(%error, "the payments poller stopped");
            }
        });
        let gateway = GatewayConfig {
            listen: (Ipv4Addr::LOCALHOST, options.gateway_port).into(),
            // One user with many proofs, on a machine of its own.
            client_rate: None,
            account_rate: None,
            max_event_streams_per_client: GatewayConfig::default().max_event_streams,
            ..GatewayConfig::default()
        };
        let parts = GatewayParts {
            store: store.clone(),
            objects: objects.clone(),
            verifiers: verifiers.clone(),
            provider,
            receipt_signer: development_signer(RECEIPT_ACCOUNT)?,
            deployment: gateway_deployment(&deployment)?,
            registry: Registry::new(),
        };
        let (gateway, stop) = (Gateway::bind(gateway, parts).await?, services.child_token());
        let gateway_url = format!("http://{}", gateway.local_addr());
        say(&format!("gateway at {gateway_url}, its interface at {gateway_url}/docs"));
        let network = NetworkProfile {
            gateway_url: Some(gateway_url),
            receipt_signer: Some(development_signer(RECEIPT_ACCOUNT)?.address()),
            payment_confirmations: Some(CONFIRMATIONS.get()),
            fast_mode: Some(fast_mode.profile.clone()),
            ..NetworkProfile::of_deployment("devnet", &rpc_url, &deployment)
        };
        network.write(&state.join(NETWORK_FILE))?;
        let gateway = tokio::spawn(async move {
            if let Err(error) = gateway.run(stop).await {
                tracing::error!(%error, "the gateway stopped");
            }
        });
        let aggregator = Aggregator::new(driver, trigger, Pauses::default());
        let troubles = aggregator.troubles();
        let aggregator = tokio::spawn(aggregator.run(services.child_token()));
        Ok(Self {
            store,
            objects,
            verifiers,
            deployment,
            rpc_url,
            network,
            prover_client,
            activity: watching,
            troubles,
            services,
            aggregator,
            gateway,
            payments,
            operators,
            fast_mode,
            prover,
            postgres,
            anvil,
            _lock: lock,
        })
    }

    /// Stops everything in reverse order: intake first, the chain and the database last.
    pub(crate) async fn stop(self) -> Result<()> {
        self.services.cancel();
        self.gateway.await?;
        self.payments.await?;
        self.aggregator.await?;
        for operator in self.operators {
            operator.await?;
        }
        self.fast_mode.stopped().await?;
        if let Some(prover) = self.prover {
            prover.await?;
        }
        self.store.close().await;
        if let Some(postgres) = self.postgres {
            postgres.stop().await?;
        }
        self.anvil.stop(Duration::from_secs(10)).await?;
        Ok(())
    }
}

fn lock_state(state: &Path) -> Result<File> {
    let file = File::create(state.join("lock"))?;
    if file.try_lock().is_err() {
        bail!(
            "[DMN-002] another collimated works in {}: stop it, or choose another folder with --state",
            state.display()
        );
    }
    Ok(file)
}

async fn start_chain(options: &DevnetOptions, state: &Path) -> Result<Anvil> {
    let folder = state.join("chain");
    fs::create_dir_all(&folder)?;
    let anvil = Anvil::start(AnvilOptions {
        port: options.chain_port,
        mining: Mining::Every(BLOCK_SECONDS),
        state: Some(folder.join("state.json")),
        log: Some(folder.join("anvil.log")),
        pid_file: Some(folder.join("anvil.json")),
        ..AnvilOptions::default()
    });
    let anvil = anvil.await?;
    anvil.preload_kzg();
    Ok(anvil)
}

/// An address on this machine that nobody listens on.
async fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(listener.local_addr()?)
}
