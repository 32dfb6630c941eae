//! Fast mode on a devnet: a data service, the operators' part that verifies batches, a signature aggregator, a batcher, a watcher.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use alloy::{primitives::U256, providers::DynProvider, transports::http::reqwest::Url};
use anyhow::{Context, Result};
use collimate_batcher::{Batcher, BatcherConfig, BatcherParts};
use collimate_chain::{
    anvil::development_signer,
    tx::{RevertDecoder, TxConfig, TxManager, TxStore},
};
use collimate_contracts::{Deployment, FastModeDeployment, decode_revert};
use collimate_data::{DataConfig, DataParts, DataService};
use collimate_objects::Objects;
use collimate_operator::{OperatorConfig, OperatorParts, OperatorService};
use collimate_sdk::{FastModeProfile, TxJournal};
use collimate_signatures::{SignaturesConfig, SignaturesParts, SignaturesService};
use collimate_store::Store;
use collimate_tasks::WatchSettings;
use collimate_verifiers::{ProofSystemId, ProofSystems, VerifierPool};
use collimate_watcher::{Sampling, WatcherConfig, WatcherParts, WatcherService};
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{CONFIRMATIONS, MAX_COST, POLL};
use crate::{operators, serve::fast_mode::contracts};

/// Accounts of anvil's that answer tasks, and that batch.
const RESPONDER_ACCOUNT: usize = 5;
const BATCHER_ACCOUNT: usize = 6;

/// What the services of fast mode work with.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) provider: DynProvider,
    pub(super) store: Store,
    pub(super) verifiers: VerifierPool,
    /// Folder of everything that must survive a restart.
    pub(super) state: &'a Path,
    pub(super) batcher_port: u16,
}

/// The services of fast mode that run in this process.
#[derive(Debug)]
pub(crate) struct FastMode {
    /// Where everything is.
    pub(crate) profile: FastModeProfile,
    /// Where each operator that runs here says what it thinks of a task.
    pub(crate) operators: Vec<Url>,
    /// Where the watcher says what it found.
    pub(crate) watcher: Url,
    tasks: Vec<JoinHandle<()>>,
}

impl FastMode {
    /// Starts all of them, with these operators.
    pub(super) async fn start(
        around: Surroundings<'_>,
        operators: impl Iterator<Item = u32>,
        stop: &CancellationToken,
    ) -> Result<Self> {
        let contracts = contracts(around.deployment)?;
        let mut tasks = vec![];
        let mut run = |service: JoinHandle<()>| tasks.push(service);

        let folder = around.state.join("batches");
        let data = DataConfig::new(anywhere(), folder.clone());
        let data = DataService::bind(data, DataParts { metrics: Registry::new() }).await?;
        let mirror: Url = data.mirror().parse()?;
        run(tokio::spawn(data.run(stop.child_token())));
        let batches = collimate_data::open_public_folder(&folder)?;

        let signatures = signatures(&around, contracts).await?;
        let signatures_url = url(signatures.local_addr())?;
        run(tokio::spawn(signatures.run(stop.child_token())));

        // Built once: that of SP1's compressed proofs takes time.
        let systems: ProofSystems = ProofSystemId::ALL.into_iter().collect();
        let mut operator_urls = vec![];
        for number in operators {
            let systems = systems.clone();
            let operator = operator(&around, contracts, number, &signatures_url, systems).await?;
            operator_urls.push(url(operator.local_addr())?);
            run(tokio::spawn(operator.run(stop.child_token())));
        }

        let batcher = batcher(&around, contracts, batches, mirror.clone(), systems.clone()).await?;
        let batcher_url = url(batcher.local_addr())?;
        let token = stop.child_token();
        run(tokio::spawn(async move {
            if let Err(error) = batcher.run(token).await {
                tracing::error!(%error, "the batcher stopped");
            }
        }));

        let mut config =
            WatcherConfig::new(anywhere(), contracts.service_manager, around.state.join("watcher"));
        config.watch = watch();
        config.first_block = Some(around.deployment.block);
        config.download.allow_private = true;
        config.sampling = Sampling::everything();
        let parts =
            WatcherParts { provider: around.provider.clone(), systems, metrics: Registry::new() };
        let watcher = WatcherService::bind(config, parts).await?;
        let watcher_url = url(watcher.local_addr())?;
        let token = stop.child_token();
        run(tokio::spawn(async move {
            if let Err(error) = watcher.run(token).await {
                tracing::error!(%error, "the watcher stopped");
            }
        }));

        let profile = FastModeProfile {
            batcher: Some(development_signer(BATCHER_ACCOUNT)?.address()),
            batcher_url: Some(batcher_url.to_string()),
            data_services: vec![mirror.to_string()],
            signature_aggregators: vec![signatures_url.to_string()],
            ..contracts.into()
        };
        Ok(Self { profile, operators: operator_urls, watcher: watcher_url, tasks })
    }

    /// Waits until all of them ended.
    pub(super) async fn stopped(self) -> Result<()> {
        for task in self.tasks {
            task.await.context("a service of fast mode")?;
        }
        Ok(())
    }
}

fn anywhere() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn url(address: SocketAddr) -> Result<Url> {
    Ok(format!("http://{address}").parse()?)
}

fn watch() -> WatchSettings {
    WatchSettings { poll_interval: POLL, ..WatchSettings::default() }
}

/// Sends as one of the chain's accounts.
fn transactions(
    around: &Surroundings<'_>,
    account: usize,
    store: Arc<dyn TxStore>,
) -> Result<TxManager> {
    let config = TxConfig {
        confirmations: CONFIRMATIONS.get(),
        max_cost: U256::from(MAX_COST),
        ..TxConfig::development_chain(around.deployment.chain_id)
    };
    let decoder = RevertDecoder::new(decode_revert);
    let signer = development_signer(account)?;
    Ok(TxManager::new(around.provider.clone(), signer, store, config, decoder))
}

async fn signatures(
    around: &Surroundings<'_>,
    contracts: FastModeDeployment,
) -> Result<SignaturesService> {
    let mut config = SignaturesConfig::new(anywhere(), contracts.service_manager);
    config.watch = watch();
    let store = Arc::new(TxJournal::open(&around.state.join("signatures"))?);
    let parts = SignaturesParts {
        provider: around.provider.clone(),
        transactions: transactions(around, RESPONDER_ACCOUNT, store.clone())?,
        store,
        metrics: Registry::new(),
    };
    Ok(SignaturesService::bind(config, parts).await?)
}

async fn operator(
    around: &Surroundings<'_>,
    contracts: FastModeDeployment,
    number: u32,
    signatures: &Url,
    systems: ProofSystems,
) -> Result<OperatorService> {
    let journal = operators::folder(around.state, number).join("fast.journal");
    let mut config = OperatorConfig::new(anywhere(), contracts.service_manager, journal);
    config.watch = watch();
    config.aggregators.push(signatures.clone());
    // The devnet's data service has a private address.
    config.download.allow_private = true;
    let parts = OperatorParts {
        provider: around.provider.clone(),
        key: operators::key(number)?,
        systems,
        metrics: Registry::new(),
    };
    Ok(OperatorService::bind(config, parts).await?)
}

async fn batcher(
    around: &Surroundings<'_>,
    contracts: FastModeDeployment,
    objects: Objects,
    mirror: Url,
    systems: ProofSystems,
) -> Result<Batcher> {
    let listen = (Ipv4Addr::LOCALHOST, around.batcher_port).into();
    let mut config = BatcherConfig::new(listen, contracts.batcher_payments, vec![mirror]);
    config.poll_interval = POLL;
    // One user with many proofs, on a machine of its own.
    config.intake.client_rate = None;
    config.intake.account_rate = None;
    let parts = BatcherParts {
        objects,
        verifiers: around.verifiers.clone(),
        systems,
        provider: around.provider.clone(),
        transactions: transactions(around, BATCHER_ACCOUNT, Arc::new(around.store.transactions()))?,
        signer: development_signer(BATCHER_ACCOUNT)?,
        store: around.store.clone(),
        registry: Registry::new(),
    };
    Ok(Batcher::bind(config, parts).await?)
}
