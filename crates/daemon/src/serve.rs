//! `serve`: the services that a configuration names, in one process.

pub(crate) mod fast_mode;

use std::{num::NonZeroU64, num::NonZeroUsize, time::Duration};

use alloy::{
    primitives::Address,
    providers::{DynProvider, Provider},
};
use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use collimate_aggregator::{Aggregator, Pauses};
use collimate_attestation::{AttestedProgram, OperatorConfig, OperatorService, ServiceConfig};
use collimate_chain::{
    ChainError,
    follower::FollowConfig,
    provider::{Timeouts, connect},
    signer::Signer,
    tx::TxConfig,
};
use collimate_contracts::Deployment;
use collimate_gateway::{Gateway, GatewayParts};
use collimate_objects::Objects;
use collimate_payments::{Poller, PollerConfig};
use collimate_prover_client::{AggregationPrograms, ProverClient, ProverSettings};
use collimate_store::{EmbeddedPostgres, Store, StoreError};
use collimate_verifiers::VerifierPool;
use opentelemetry_sdk::trace::SdkTracer;
use prometheus::Registry;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{AggregatorSettings, Config, HardSettings, OperatorSettings, ether},
    driver::{
        HardParts, Parts, driver, gateway_deployment, payment_service, signing_context, stored,
    },
    metrics::{self, Watched},
    object_store,
    telemetry::{page::Page, steps::Steps},
};

/// One of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// Takes proofs over HTTP and answers questions about them
    Gateway,
    /// Turns payments on chain into credits
    Payments,
    /// Turns queued proofs into runs on chain
    Aggregator,
    /// Verifies final proofs, and batches of fast mode, and signs them
    Operator,
    /// Collects operators' signatures of fast mode, and answers tasks
    Signatures,
    /// Takes proofs of fast mode over HTTP and makes batches of them
    Batcher,
    /// Serves a folder of batches' files over the S3 API
    Data,
    /// Samples the batches that operators signed
    Watcher,
}

impl Service {
    /// Whether it has a database: operators, signature aggregators and watchers trust nobody's.
    const fn has_database(self) -> bool {
        matches!(self, Self::Gateway | Self::Payments | Self::Aggregator | Self::Batcher)
    }
}

/// What services share: each part is there if one of them needs it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub provider: DynProvider,
    pub deployment: Deployment,
    pub store: Store,
    pub objects: Objects,
    /// What `/metrics` shows.
    pub metrics: Registry,
    postgres: Option<EmbeddedPostgres>,
}

impl Shared {
    /// Reads the deployment and connects. A database server of our own is this process's alone.
    pub(crate) async fn connect(config: &Config) -> Result<Self> {
        Self::with(config, false).await
    }

    /// The same for a command, which may run beside services and then uses the database server that they started.
    pub(crate) async fn connect_beside(config: &Config) -> Result<Self> {
        Self::with(config, true).await
    }

    async fn with(config: &Config, beside: bool) -> Result<Self> {
        let (provider, deployment) = chain(config).await?;
        let (store, postgres) = match database(config).await {
            Err(StoreError::DataDirInUse(_)) if beside => {
                let url = EmbeddedPostgres::url_of_running(&config.database.folder)?;
                (Store::connect(&url).await?, None)
            }
            database => database?,
        };
        let objects = Objects::open(&config.objects)?;
        object_store::tie(&objects, &store).await?;
        Ok(Self { provider, deployment, store, objects, metrics: Registry::new(), postgres })
    }

    pub(crate) async fn close(self) -> Result<()> {
        self.store.close().await;
        match self.postgres {
            Some(server) => Ok(server.stop().await?),
            None => Ok(()),
        }
    }
}

/// What the deployment's file says.
pub(crate) fn deployment(config: &Config) -> Result<Deployment> {
    let path = &config.deployment;
    let text = std::fs::read(path).with_context(|| {
        format!(
            "[DMN-062] cannot read the deployment {}: deploy first, or name its file",
            path.display()
        )
    })?;
    serde_json::from_slice(&text)
        .with_context(|| format!("[DMN-062] {} is no deployment", path.display()))
}

/// The node, after checking that it serves the deployment's chain.
pub(crate) async fn chain(config: &Config) -> Result<(DynProvider, Deployment)> {
    let deployment = deployment(config)?;
    let provider = connect(&config.chain.rpc_url, Timeouts::default())?;
    let chain_id = provider.get_chain_id().await.map_err(ChainError::node("eth_chainId"))?;
    ensure!(
        chain_id == deployment.chain_id,
        "[DMN-064] the node serves chain {chain_id}, the deployment is on chain {}: name another node or deployment",
        deployment.chain_id
    );
    Ok((provider, deployment))
}

async fn database(config: &Config) -> Result<(Store, Option<EmbeddedPostgres>), StoreError> {
    if let Some(url) = &config.database.url {
        return Ok((Store::connect(url).await?, None));
    }
    let server = EmbeddedPostgres::start(&config.database.folder).await?;
    Ok((Store::connect(server.url()).await?, Some(server)))
}

/// The services that a configuration has what they need for.
fn configured(config: &Config) -> Vec<Service> {
    let optional = [
        (Service::Gateway, config.gateway.is_some()),
        (Service::Aggregator, config.aggregator.is_some()),
        (Service::Operator, config.operator.is_some()),
        (Service::Signatures, config.signatures.is_some()),
        // Before the batcher, whose folder it marks as public.
        (Service::Data, config.data.is_some()),
        (Service::Batcher, config.batcher.is_some()),
        (Service::Watcher, config.watcher.is_some()),
    ];
    let optional = optional.into_iter().filter_map(|(service, there)| there.then_some(service));
    std::iter::once(Service::Payments).chain(optional).collect()
}

/// Runs services until told to stop, or until one of them fails, and then stops the others. With a tracer, the steps of runs are
/// told to it.
pub(crate) async fn run(
    config: Config,
    services: Vec<Service>,
    tracer: Option<SdkTracer>,
    shutdown: CancellationToken,
) -> Result<()> {
    let services = if services.is_empty() { configured(&config) } else { services };
    let shared = match services.iter().any(|service| service.has_database()) {
        true => Some(Shared::connect(&config).await?),
        false => None,
    };
    let metrics = shared.as_ref().map_or_else(Registry::new, |shared| shared.metrics.clone());
    let stop = shutdown.child_token();
    let mut running = JoinSet::new();
    let mut started =
        start(&config, &services, shared.as_ref(), &metrics, &stop, &mut running).await;
    if started.is_ok() {
        let tracer = tracer.filter(|_| services.contains(&Service::Aggregator));
        started = observe(&config, shared.as_ref(), metrics, tracer, &stop, &mut running).await;
    }
    let mut outcome = match started {
        Ok(()) => running.join_next().await.map_or(Ok(()), |ended| ended?),
        Err(error) => Err(error),
    };
    stop.cancel();
    while let Some(ended) = running.join_next().await {
        outcome = outcome.and(ended?);
    }
    let closed = match shared {
        Some(shared) => shared.close().await,
        None => Ok(()),
    };
    outcome.and(closed)
}

async fn start(
    config: &Config,
    services: &[Service],
    shared: Option<&Shared>,
    metrics: &Registry,
    stop: &CancellationToken,
    running: &mut JoinSet<Result<()>>,
) -> Result<()> {
    for service in services.iter().filter(|service| !service.has_database()) {
        start_alone(*service, config, metrics, stop, running).await?;
        tracing::info!(?service, "started");
    }
    let Some(shared) = shared else { return Ok(()) };
    let mut watched = Watched {
        runs: Some((shared.store.clone(), stored(&shared.deployment))),
        ..Watched::default()
    };
    for service in services.iter().filter(|service| service.has_database()) {
        start_with_database(*service, config, shared, &mut watched, stop, running).await?;
        tracing::info!(?service, "started");
    }
    running.spawn(metrics::run(watched, metrics.clone(), stop.clone()));
    Ok(())
}

/// Services that need the chain alone.
async fn start_alone(
    service: Service,
    config: &Config,
    metrics: &Registry,
    stop: &CancellationToken,
    running: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let stop = stop.clone();
    match service {
        Service::Signatures => {
            let signatures = fast_mode::signatures(config, metrics.clone()).await?;
            running.spawn(async move {
                signatures.run(stop).await;
                Ok(())
            });
        }
        Service::Data => {
            let data = fast_mode::data(config, metrics.clone()).await?;
            running.spawn(async move {
                data.run(stop).await;
                Ok(())
            });
        }
        Service::Watcher => {
            let watcher = fast_mode::watcher(config, metrics.clone()).await?;
            running.spawn(async move { Ok(watcher.run(stop).await?) });
        }
        Service::Operator => {
            let (operator, stopped) = (operator(config).await?, stop.clone());
            tracing::info!(listen = %operator.local_addr(), "operator");
            running.spawn(async move { Ok(operator.run(stopped).await?) });
            if let Some(operator) = fast_mode::operator(config, metrics.clone()).await? {
                running.spawn(async move {
                    operator.run(stop).await;
                    Ok(())
                });
            }
        }
        Service::Gateway | Service::Payments | Service::Aggregator | Service::Batcher => {}
    }
    Ok(())
}

async fn start_with_database(
    service: Service,
    config: &Config,
    shared: &Shared,
    watched: &mut Watched,
    stop: &CancellationToken,
    running: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let stop = stop.clone();
    match service {
        Service::Gateway => {
            let gateway = gateway(config, shared).await?;
            running.spawn(async move { Ok(gateway.run(stop).await?) });
        }
        Service::Payments => {
            let poller = poller(config, shared).await?;
            watched.poller = Some(poller.clone());
            running.spawn(async move { Ok(poller.run(stop).await?) });
        }
        Service::Aggregator => {
            let (aggregator, account) = aggregator(config, shared).await?;
            watched.troubles = Some(aggregator.troubles());
            watched.fees = Some(aggregator.fees());
            watched.account = Some((shared.provider.clone(), account));
            running.spawn(async move {
                aggregator.run(stop).await;
                Ok(())
            });
        }
        Service::Batcher => {
            let batcher = fast_mode::batcher(config, shared).await?;
            running.spawn(async move { Ok(batcher.run(stop).await?) });
        }
        Service::Operator | Service::Signatures | Service::Data | Service::Watcher => {}
    }
    Ok(())
}

/// What tells about the services beside their log.
async fn observe(
    config: &Config,
    shared: Option<&Shared>,
    metrics: Registry,
    tracer: Option<SdkTracer>,
    stop: &CancellationToken,
    running: &mut JoinSet<Result<()>>,
) -> Result<()> {
    if let (Some(tracer), Some(shared)) = (tracer, shared) {
        let steps = Steps::new(tracer, shared.store.clone(), stored(&shared.deployment));
        running.spawn(steps.run(stop.clone()));
    }
    if let Some(address) = config.telemetry.metrics_listen {
        let page = Page::bind(address, metrics).await?;
        running.spawn(page.run(stop.clone()));
    }
    Ok(())
}

async fn gateway(config: &Config, shared: &Shared) -> Result<Gateway> {
    let settings =
        config.gateway.as_ref().context("[DMN-066] the configuration has no [gateway] section")?;
    let parts = GatewayParts {
        store: shared.store.clone(),
        objects: shared.objects.clone(),
        verifiers: VerifierPool::for_this_machine()?,
        provider: shared.provider.clone(),
        receipt_signer: Signer::load(&settings.key)?,
        deployment: gateway_deployment(&shared.deployment)?,
        registry: shared.metrics.clone(),
    };
    Ok(Gateway::bind(settings.config(), parts).await?)
}

async fn poller(config: &Config, shared: &Shared) -> Result<Poller> {
    let deployment = &shared.deployment;
    let confirmations = NonZeroU64::new(config.chain.confirmations).unwrap_or(NonZeroU64::MIN);
    let settings = PollerConfig {
        contract: payment_service(deployment)?,
        start_block: config.payments.start_block.unwrap_or(deployment.block),
        confirmations,
        poll_interval: Duration::from_secs(config.chain.poll_seconds),
        follow: FollowConfig::default(),
    };
    Ok(Poller::new(shared.provider.clone(), shared.store.clone(), settings).await?)
}

fn aggregator_settings(config: &Config) -> Result<&AggregatorSettings> {
    config.aggregator.as_ref().context("[DMN-066] the configuration has no [aggregator] section")
}

/// The limits of the aggregator's transactions.
fn transactions(config: &Config, settings: &AggregatorSettings, chain_id: u64) -> Result<TxConfig> {
    Ok(TxConfig {
        confirmations: config.chain.confirmations,
        poll_interval: Duration::from_secs(config.chain.poll_seconds),
        max_cost: ether("aggregator.max_cost_eth", &settings.max_cost_eth)?,
        ..TxConfig::public_chain(chain_id)
    })
}

/// What wraps the proofs of runs, as the settings name it.
fn hard_parts(settings: &HardSettings, objects: &Objects) -> Result<HardParts> {
    let client = |url: &String| ProverClient::new(ProverSettings::new(url), objects.clone());
    Ok(HardParts { circuit: settings.circuit()?, prover: settings.prover_url.as_ref().map(client) })
}

/// The aggregator, and the account that pays for its transactions.
async fn aggregator(config: &Config, shared: &Shared) -> Result<(Aggregator, Address)> {
    let settings = aggregator_settings(config)?;
    let signer = Signer::load(&settings.key)?;
    let account = signer.address();
    let (objects, deployment) = (shared.objects.clone(), shared.deployment.clone());
    let parts = Parts {
        provider: shared.provider.clone(),
        store: shared.store.clone(),
        verifiers: VerifierPool::for_this_machine()?,
        prover: ProverClient::new(
            ProverSettings::new(settings.prover_url.clone()),
            objects.clone(),
        ),
        signer,
        transactions: transactions(config, settings, deployment.chain_id)?,
        operators: settings.operators.clone(),
        plan: settings.run.plan()?,
        parallel: NonZeroUsize::new(settings.parallel_jobs).unwrap_or(NonZeroUsize::MIN),
        poll: Duration::from_secs(config.chain.poll_seconds),
        hard: settings.hard.as_ref().map(|hard| hard_parts(hard, &objects)).transpose()?,
        objects,
        deployment,
    };
    let trigger = settings.run.trigger()?;
    Ok((Aggregator::new(driver(parts).await?, trigger, Pauses::default()), account))
}

async fn operator(config: &Config) -> Result<OperatorService> {
    let Some(settings) = &config.operator else {
        bail!("[DMN-066] the configuration has no [operator] section");
    };
    let OperatorSettings { account, listen, journal, .. } = settings.clone();
    let (_, deployment) = chain(config).await?;
    let key = settings.key().load()?;
    let program = AggregationPrograms::committed()?.chunk_aggregator.program_id;
    let operator = OperatorConfig {
        address: account,
        context: signing_context(&deployment),
        program: AttestedProgram::chunk_aggregator(program),
        journal,
    };
    Ok(OperatorService::bind(ServiceConfig::new(listen, operator), key).await?)
}
