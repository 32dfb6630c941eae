//! The services of fast mode, put together from the settings.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use collimate_chain::{
    signer::Signer,
    tx::{RevertDecoder, TxConfig, TxManager},
};
use collimate_contracts::{Deployment, FastModeDeployment, decode_revert};
use collimate_operator::{OperatorParts, OperatorService};
use collimate_sdk::TxJournal;
use collimate_signatures::{SignaturesParts, SignaturesService};
use prometheus::Registry;

use super::chain;
use crate::config::Config;

/// Fast mode's contracts.
pub(crate) fn contracts(deployment: &Deployment) -> Result<FastModeDeployment> {
    deployment.fast_mode.context(
        "[DMN-073] the deployment has no contracts of fast mode: deploy them, or leave its services out",
    )
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
