//! `config check`: tries everything that a configuration names, and tells all that is wrong at once.

mod aggregator;
mod fast_mode;
mod machine;

use std::{fmt::Display, io::Write};

use alloy::{primitives::utils::format_ether, providers::Provider};
use anyhow::{Result, ensure};
use collimate_aggregator::ServiceContract;
use collimate_chain::{
    ChainError,
    signer::{Signer, SignerSource},
};
use collimate_objects::{Key, Objects};
use collimate_payments::PaymentsError;
use collimate_prover_client::AggregationPrograms;
use collimate_store::Store;
use serde::Serialize;

use crate::{config::Config, driver::payment_service, object_store, serve::chain, telemetry};

/// One thing that was tried.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    good: bool,
    detail: String,
}

impl Finding {
    fn new(what: &'static str, outcome: Result<impl Display>) -> Self {
        match outcome {
            Ok(detail) => Self { what, good: true, detail: detail.to_string() },
            Err(error) => Self { what, good: false, detail: format!("{error:#}") },
        }
    }
}

/// Prints the settings and the findings. An error if one of them is bad.
pub(crate) async fn run(config: &Config, json: bool) -> Result<()> {
    let findings = findings(config).await;
    let mut out = std::io::stdout();
    if json {
        let result = serde_json::json!({ "settings": config, "findings": findings });
        writeln!(out, "{result:#}")?;
    } else {
        writeln!(out, "{}", serde_json::to_string_pretty(config)?)?;
        for Finding { what, good, detail } in &findings {
            writeln!(out, "{} {what}: {detail}", if *good { "ok   " } else { "wrong" })?;
        }
    }
    let bad = findings.iter().filter(|finding| !finding.good).count();
    ensure!(bad == 0, "[DMN-067] {bad} of {} checks failed", findings.len());
    Ok(())
}

async fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = vec![
        Finding::new("chain", node(config).await),
        Finding::new("contract", contract(config).await),
        Finding::new("payments", payments(config).await),
        Finding::new("objects", keeps(&config.objects).await),
        Finding::new("database", database(config).await),
    ];
    if let Some(settings) = &config.aggregator {
        findings.extend(aggregator::findings(config, settings).await);
    }
    findings.extend(fast_mode::findings(config).await);
    findings.extend(machine::findings(config));
    if let Some(endpoint) = &config.telemetry.otlp_endpoint {
        let address =
            telemetry::check_endpoint(endpoint).map(|()| "it is the address of a collector");
        findings.push(Finding::new("telemetry.otlp_endpoint", address));
    }
    findings
}

async fn node(config: &Config) -> Result<String> {
    let (provider, deployment) = chain(config).await?;
    let block = provider.get_block_number().await.map_err(ChainError::node("eth_blockNumber"))?;
    Ok(format!("chain {} at block {block}", deployment.chain_id))
}

async fn contract(config: &Config) -> Result<String> {
    let (provider, deployment) = chain(config).await?;
    let program = AggregationPrograms::committed()?.chunk_aggregator.program_id;
    ServiceContract::check(provider, deployment.service, program).await?;
    Ok(format!("{} takes proofs of {program}", deployment.service))
}

async fn payments(config: &Config) -> Result<String> {
    let (provider, deployment) = chain(config).await?;
    if deployment.payments.is_none() && config.gateway.is_none() {
        return Ok("the deployment has no payment service, so no payments are followed".to_owned());
    }
    let address = payment_service(&deployment)?;
    let code = provider.get_code_at(address).await.map_err(ChainError::node("eth_getCode"))?;
    ensure!(!code.is_empty(), PaymentsError::NoContract(address));
    Ok(format!("{address} sells credits"))
}

/// Whether an object store keeps what it is given.
async fn keeps(location: &str) -> Result<String> {
    let objects = Objects::open(location)?;
    let bytes = b"collimated config check".as_slice();
    let key = objects.put(bytes).await?;
    ensure!(
        objects.get(&key, 64).await? == bytes && key == Key::of(bytes),
        "it does not keep what it is given"
    );
    Ok(format!("{location} keeps what it is given"))
}

async fn database(config: &Config) -> Result<String> {
    let Some(url) = &config.database.url else {
        let folder = machine::can_be_made(&config.database.folder)?;
        return Ok(format!("a server of our own: {folder}"));
    };
    let store = Store::connect(url).await?;
    let checked = match Objects::open(&config.objects) {
        Ok(objects) => object_store::check(&objects, &store).await,
        // That has a finding of its own.
        Err(_) => store.ping().await.map_err(Into::into),
    };
    store.close().await;
    checked?;
    Ok("the server answers, has our schema, and belongs to the object store".to_owned())
}

/// The account of a key, which has to pay for transactions.
async fn account(config: &Config, key: &SignerSource) -> Result<String> {
    let address = Signer::load(key)?.address();
    let (provider, _) = chain(config).await?;
    let balance =
        provider.get_balance(address).await.map_err(ChainError::node("eth_getBalance"))?;
    ensure!(!balance.is_zero(), "{address} has no ether to pay for gas");
    Ok(format!("{address} has {} ether", format_ether(balance)))
}
