//! `config check`: tries everything that a configuration names, and tells all that is wrong at once.

mod machine;

use std::{fmt::Display, io::Write};

use alloy::{primitives::utils::format_ether, providers::Provider};
use anyhow::{Context, Result, bail, ensure};
use collimate_aggregator::ServiceContract;
use collimate_chain::{ChainError, signer::Signer};
use collimate_objects::{Key, Objects};
use collimate_prover_client::{AggregationPrograms, ProverClient, ProverSettings};
use collimate_store::Store;
use collimate_tasks::ServiceManager;
use collimate_verifiers::sp1::Sp1Groth16Under;
use serde::Serialize;

use crate::{
    config::{Config, HardSettings},
    driver,
    serve::{chain, fast_mode},
};

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
        Finding::new("objects", objects(config).await),
        Finding::new("database", database(config).await),
    ];
    if config.aggregator.is_some() {
        findings.push(Finding::new("aggregator.run", runs(config)));
        findings.push(Finding::new("aggregator.key", account(config).await));
        findings.push(Finding::new("aggregator.prover_url", prover(config).await));
        if let Some(hard) = config.aggregator.as_ref().and_then(|found| found.hard.as_ref()) {
            findings.push(Finding::new("aggregator.hard", hard_verifier(config, hard).await));
            if let Some(url) = &hard.prover_url {
                let found = info(config, url).await;
                findings.push(Finding::new("aggregator.hard.prover_url", found));
            }
        }
    }
    let fast_mode = config.operator.as_ref().is_some_and(|operator| operator.fast_mode.is_some());
    if fast_mode || config.signatures.is_some() {
        findings.push(Finding::new("fast mode", service_manager(config).await));
    }
    findings.extend(machine::findings(config));
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

async fn service_manager(config: &Config) -> Result<String> {
    let (provider, deployment) = chain(config).await?;
    let address = fast_mode::contracts(&deployment)?.service_manager;
    let manager = ServiceManager::open(provider, address).await?;
    Ok(format!("{address} takes answers for {} blocks", manager.response_blocks()))
}

async fn objects(config: &Config) -> Result<String> {
    let objects = Objects::open(&config.objects)?;
    let bytes = b"collimated config check".as_slice();
    let key = objects.put(bytes).await?;
    ensure!(
        objects.get(&key, 64).await? == bytes && key == Key::of(bytes),
        "it does not keep what it is given"
    );
    Ok(format!("{} keeps what it is given", config.objects))
}

async fn database(config: &Config) -> Result<&'static str> {
    match &config.database.url {
        Some(url) => {
            let store = Store::connect(url).await?;
            store.ping().await?;
            store.close().await;
            Ok("the server answers and has our schema")
        }
        None => Ok("a server of our own"),
    }
}

fn runs(config: &Config) -> Result<String> {
    let Some(settings) = &config.aggregator else { bail!("there is no aggregator") };
    let (trigger, plan) = (settings.run.trigger()?, settings.run.plan()?);
    Ok(format!(
        "open at {} proofs or {} s; one layer up to {}, then chunks of {}",
        trigger.count,
        trigger.age.as_secs(),
        plan.direct_max,
        settings.run.chunk_size
    ))
}

async fn account(config: &Config) -> Result<String> {
    let Some(settings) = &config.aggregator else { bail!("there is no aggregator") };
    let address = Signer::load(&settings.key)?.address();
    let (provider, _) = chain(config).await?;
    let balance =
        provider.get_balance(address).await.map_err(ChainError::node("eth_getBalance"))?;
    ensure!(!balance.is_zero(), "{address} has no ether to pay for gas");
    Ok(format!("{address} has {} ether", format_ether(balance)))
}

async fn hard_verifier(config: &Config, settings: &HardSettings) -> Result<String> {
    let (provider, deployment) = chain(config).await?;
    let circuit = settings.circuit()?;
    let verifier = driver::hard_verifier(&provider, &deployment, &circuit).await?;
    let kind = match circuit.key_hash() == Sp1Groth16Under::published().key_hash() {
        true => "SP1's published circuit key",
        false => "a development key: whoever ran its set-up could forge",
    };
    Ok(format!("{verifier} takes proofs under {kind}"))
}

async fn prover(config: &Config) -> Result<String> {
    let Some(settings) = &config.aggregator else { bail!("there is no aggregator") };
    info(config, &settings.prover_url).await
}

async fn info(config: &Config, url: &str) -> Result<String> {
    let objects = Objects::open(&config.objects)?;
    let client = ProverClient::new(ProverSettings::new(url), objects);
    let info = client.info().await.with_context(machine::prover_binary)?;
    Ok(format!("{} engine, {}", info.engine, info.tuning))
}
