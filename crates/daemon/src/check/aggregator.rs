//! What the aggregator needs: settings that make sense, an account with ether, a prover, operators, a verifier of proofs.

use std::time::Duration;

use alloy::primitives::Address;
use anyhow::{Context, Result, ensure};
use collimate_objects::Objects;
use collimate_prover_client::{ProverClient, ProverSettings};
use collimate_verifiers::sp1::Sp1Groth16Under;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::{Finding, account, machine};
use crate::{
    config::{AggregatorSettings, Config, HardSettings, ether},
    driver::{self, registry},
    serve::chain,
};

/// How long an operator has for its answer.
const OPERATORS_TIME: Duration = Duration::from_secs(5);

/// Of an operator's answer about itself, its account.
#[derive(Debug, Deserialize)]
struct Operator {
    address: Address,
}

/// Everything that `[aggregator]` names.
pub(super) async fn findings(config: &Config, settings: &AggregatorSettings) -> Vec<Finding> {
    let mut findings = vec![
        Finding::new("aggregator.run", runs(settings)),
        Finding::new("aggregator.key", account(config, &settings.key).await),
        Finding::new("aggregator.prover_url", prover(config, &settings.prover_url).await),
        Finding::new("aggregator.operators", operators(config, settings).await),
    ];
    if let Some(hard) = &settings.hard {
        findings.push(Finding::new("aggregator.hard", hard_verifier(config, hard).await));
        if let Some(url) = &hard.prover_url {
            findings.push(Finding::new("aggregator.hard.prover_url", prover(config, url).await));
        }
    }
    findings
}

fn runs(settings: &AggregatorSettings) -> Result<String> {
    let (trigger, plan) = (settings.run.trigger()?, settings.run.plan()?);
    ether("aggregator.max_cost_eth", &settings.max_cost_eth)?;
    Ok(format!(
        "open at {} proofs or {} s; one layer up to {}, then chunks of {}; a transaction costs at most {} ether",
        trigger.count,
        trigger.age.as_secs(),
        plan.direct_max,
        settings.run.chunk_size,
        settings.max_cost_eth,
    ))
}

async fn prover(config: &Config, url: &str) -> Result<String> {
    let objects = Objects::open(&config.objects)?;
    let client = ProverClient::new(ProverSettings::new(url), objects);
    let info = client.info().await.with_context(machine::prover_binary)?;
    Ok(format!("{} engine, {}", info.engine, info.tuning))
}

/// A quorum may do without one of them, but whoever sets the service up wants to know which.
async fn operators(config: &Config, settings: &AggregatorSettings) -> Result<String> {
    let (_, deployment) = chain(config).await?;
    if settings.hard.is_some() && deployment.registry.is_none() {
        return Ok(
            "the deployment has none: its runs are registered by their proofs alone".to_owned()
        );
    }
    registry(&deployment)?;
    let client = reqwest::Client::builder().timeout(OPERATORS_TIME).no_proxy().build()?;
    let mut asked = JoinSet::new();
    for (account, url) in settings.operators.clone() {
        let client = client.clone();
        asked.spawn(async move {
            operator(&client, account, &url).await.with_context(|| account.to_string())
        });
    }
    let mut wrong = vec![];
    while let Some(answered) = asked.join_next().await {
        if let Err(error) = answered? {
            wrong.push(format!("{error:#}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(format!("{} are named, and answer", settings.operators.len()))
}

async fn operator(client: &reqwest::Client, account: Address, url: &str) -> Result<()> {
    let health = format!("{}/v1/health", url.trim_end_matches('/'));
    let answer = client.get(health).send().await?.error_for_status()?;
    let found = answer.json::<Operator>().await.context("it is no operator that answers")?.address;
    ensure!(found == account, "{found} answers at {url}: correct the address");
    Ok(())
}

/// Whether the contract verifies what is wrapped here.
async fn hard_verifier(config: &Config, settings: &HardSettings) -> Result<String> {
    let circuit = settings.circuit()?;
    let (provider, deployment) = chain(config).await?;
    let verifier = driver::hard_verifier(&provider, &deployment, &circuit).await?;
    let kind = match circuit.key_hash() == Sp1Groth16Under::published().key_hash() {
        true => "SP1's published circuit key",
        false => "a development key: whoever ran its set-up could forge",
    };
    Ok(format!("{verifier} takes proofs under {kind}"))
}
