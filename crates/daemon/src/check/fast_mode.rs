//! What the services of fast mode need of the chain, and what their settings must be.

use alloy::{
    primitives::Address,
    providers::{DynProvider, Provider},
};
use anyhow::{Result, ensure};
use collimate_batcher::BatcherError;
use collimate_chain::ChainError;
use collimate_contracts::FastModeDeployment;
use collimate_tasks::ServiceManager;

use super::{Finding, account, keeps, machine};
use crate::{
    config::{BatcherSettings, Config, DataSettings, WatcherSettings, ether},
    serve::{chain, fast_mode::contracts},
};

/// Settings are read for a contract; which one it is does not decide whether they can be.
const ANY: Address = Address::ZERO;
const READABLE: &str = "every value can be used";

/// Everything that the sections of fast mode name, but what is of this machine alone.
pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = vec![];
    let operator = config.operator.as_ref().and_then(|operator| operator.fast_mode.as_ref());
    if operator.is_some() || config.signatures.is_some() || config.watcher.is_some() {
        findings.push(Finding::new("fast mode", service_manager(config).await));
    }
    if let Some(operator) = operator {
        findings.push(Finding::new("operator.fast_mode", operator.config(ANY).map(|_| READABLE)));
    }
    if let Some(signatures) = &config.signatures {
        findings.push(Finding::new("signatures", signatures.config(ANY).map(|_| READABLE)));
        findings.push(Finding::new("signatures.key", account(config, &signatures.key).await));
    }
    if let Some(batcher) = &config.batcher {
        findings.push(Finding::new("batcher", settings_of_batcher(batcher)));
        findings.push(Finding::new("batcher payments", batcher_payments(config).await));
        findings.push(Finding::new("batcher.key", account(config, &batcher.key).await));
        findings.push(Finding::new("batcher.objects", batches(&batcher.objects).await));
    }
    if let Some(data) = &config.data {
        findings.push(Finding::new("data", settings_of_data(data)));
    }
    if let Some(watcher) = &config.watcher {
        findings.push(Finding::new("watcher", settings_of_watcher(watcher)));
    }
    findings
}

async fn fast_mode(config: &Config) -> Result<(DynProvider, FastModeDeployment)> {
    let (provider, deployment) = chain(config).await?;
    let contracts = contracts(&deployment)?;
    Ok((provider, contracts))
}

async fn service_manager(config: &Config) -> Result<String> {
    let (provider, contracts) = fast_mode(config).await?;
    let manager = ServiceManager::open(provider, contracts.service_manager).await?;
    let blocks = manager.response_blocks();
    Ok(format!("{} takes answers for {blocks} blocks", contracts.service_manager))
}

async fn batcher_payments(config: &Config) -> Result<String> {
    let (provider, contracts) = fast_mode(config).await?;
    let address = contracts.batcher_payments;
    let code = provider.get_code_at(address).await.map_err(ChainError::node("eth_getCode"))?;
    let reason = "there is no code".to_owned();
    ensure!(!code.is_empty(), BatcherError::NoPaymentService { address, reason });
    Ok(format!("{address} holds the users' accounts"))
}

fn settings_of_batcher(batcher: &BatcherSettings) -> Result<&'static str> {
    batcher.config(ANY)?;
    batcher.proof_systems()?;
    ether("batcher.max_cost_eth", &batcher.max_cost_eth)?;
    Ok(READABLE)
}

fn settings_of_data(data: &DataSettings) -> Result<&'static str> {
    data.config()?.check()?;
    Ok(READABLE)
}

fn settings_of_watcher(watcher: &WatcherSettings) -> Result<&'static str> {
    watcher.config(ANY)?.check()?;
    Ok(READABLE)
}

/// A folder is neither made nor marked as public here: that would outlast a mistake.
async fn batches(location: &str) -> Result<String> {
    if location.contains("://") {
        return keeps(location).await;
    }
    machine::can_be_public(location.as_ref())
}
