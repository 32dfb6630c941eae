//! The services of fast mode, put together from the settings.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use collimate_batcher::{Batcher, BatcherParts};
use collimate_chain::{
    signer::Signer,
    tx::{RevertDecoder, TxConfig, TxManager},
};
use collimate_contracts::{Deployment, FastModeDeployment, decode_revert};
use collimate_data::{DataParts, DataService};
use collimate_objects::Objects;
use collimate_operator::{OperatorParts, OperatorService};
use collimate_sdk::TxJournal;
use collimate_signatures::{SignaturesParts, SignaturesService};
use collimate_verifiers::{ProofSystemId, VerifierPool};
use collimate_watcher::{WatcherParts, WatcherService};
use prometheus::Registry;

use super::{Shared, chain};
use crate::config::{Config, ether};

/// Fast mode's contracts.
pub(crate) fn contracts(deployment: &Deployment) -> Result<FastModeDeployment> {
    deployment.fast_mode.context(
        "[DMN-073] the deployment has no contracts of fast mode: deploy them, or leave its services out",
    )
}

/// The batcher.
pub(super) async fn batcher(config: &Config, shared: &Shared) -> Result<Batcher> {
    let settings =
        config.batcher.as_ref().context("[DMN-066] the configuration has no [batcher] section")?;
    let contracts = contracts(&shared.deployment)?;
    let mut service = settings.config(contracts.batcher_payments)?;
    let poll = Duration::from_secs(config.chain.poll_seconds);
    service.poll_interval = poll;
    let signer = Signer::load(&settings.key)?;
    let transactions = TxConfig {
        confirmations: config.chain.confirmations,
        poll_interval: poll,
        max_cost: ether("batcher.max_cost_eth", &settings.max_cost_eth)?,
        ..TxConfig::public_chain(shared.deployment.chain_id)
    };
    let transactions = TxManager::new(
        shared.provider.clone(),
        signer.clone(),
        Arc::new(shared.store.transactions()),
        transactions,
        RevertDecoder::new(decode_revert),
    );
    let parts = BatcherParts {
        store: shared.store.clone(),
        objects: batches(&settings.objects)?,
        verifiers: VerifierPool::for_this_machine()?,
        systems: settings.proof_systems()?,
        provider: shared.provider.clone(),
        transactions,
        signer,
        registry: shared.metrics.clone(),
    };
    Ok(Batcher::bind(service, parts).await?)
}

/// The store of batches' files: a folder must be one that everybody may read.
pub(crate) fn batches(location: &str) -> Result<Objects> {
    if location.contains("://") {
        return Ok(Objects::open(location)?);
    }
    Ok(collimate_data::open_public_folder(Path::new(location))?)
}

/// The data service.
pub(super) async fn data(config: &Config, metrics: Registry) -> Result<DataService> {
    let settings =
        config.data.as_ref().context("[DMN-066] the configuration has no [data] section")?;
    Ok(DataService::bind(settings.config()?, DataParts { metrics }).await?)
}

/// The watcher.
pub(super) async fn watcher(config: &Config, metrics: Registry) -> Result<WatcherService> {
    let settings =
        config.watcher.as_ref().context("[DMN-066] the configuration has no [watcher] section")?;
    let (provider, deployment) = chain(config).await?;
    let mut service = settings.config(contracts(&deployment)?.service_manager)?;
    service.watch.poll_interval = Duration::from_secs(config.chain.poll_seconds);
    let systems = ProofSystemId::ALL.into_iter().collect();
    Ok(WatcherService::bind(service, WatcherParts { provider, systems, metrics }).await?)
}

/// The operator's part that verifies batches, if it is configured.
pub(super) async fn operator(
    config: &Config,
    metrics: Registry,
) -> Result<Option<OperatorService>> {
    let Some((operator, settings)) = config
        .operator
        .as_ref()
        .and_then(|operator| Some((operator, operator.fast_mode.as_ref()?)))
    else {
        return Ok(None);
    };
    let (provider, deployment) = chain(config).await?;
    let mut service = settings.config(contracts(&deployment)?.service_manager)?;
    service.watch.poll_interval = Duration::from_secs(config.chain.poll_seconds);
    let parts = OperatorParts {
        provider,
        key: operator.key().load()?,
        systems: settings.proof_systems()?,
        metrics,
    };
    Ok(Some(OperatorService::bind(service, parts).await?))
}

/// The signature aggregator.
pub(super) async fn signatures(config: &Config, metrics: Registry) -> Result<SignaturesService> {
    let settings = config
        .signatures
        .as_ref()
        .context("[DMN-066] the configuration has no [signatures] section")?;
    let (provider, deployment) = chain(config).await?;
    let mut service = settings.config(contracts(&deployment)?.service_manager)?;
    let poll = Duration::from_secs(config.chain.poll_seconds);
    service.watch.poll_interval = poll;
    let store = Arc::new(TxJournal::open(&settings.transactions)?);
    let transactions = TxConfig {
        confirmations: config.chain.confirmations,
        poll_interval: poll,
        max_cost: service.max_cost,
        ..TxConfig::public_chain(deployment.chain_id)
    };
    let transactions = TxManager::new(
        provider.clone(),
        Signer::load(&settings.key)?,
        store.clone(),
        transactions,
        RevertDecoder::new(decode_revert),
    );
    let parts = SignaturesParts { provider, transactions, store, metrics };
    Ok(SignaturesService::bind(service, parts).await?)
}
