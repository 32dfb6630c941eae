//! `audit`: compares database, object store and chain, and names whatever one of them says and another denies.
//!
//! It changes nothing but, when it is newer than the database's schema, the schema. It may run beside the services: what is on
//! its way while it looks is not counted against them.

mod batches_on_chain;
mod fast_mode;
mod files_of_batches;

use std::{collections::HashSet, fmt::Display, io::Write};

use alloy::{
    primitives::Address,
    providers::{DynProvider, Provider},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use anyhow::{Context, Result, ensure};
use collimate_aggregator::{BlobHashes, ServiceContract};
use collimate_chain::ChainError;
use collimate_contracts::{AggregationModePaymentService::CreditsPurchased, Deployment};
use collimate_core::{Commitment, tree};
use collimate_objects::{Key, MAX_OBJECT_BYTES, Objects, ObjectsError};
use collimate_payments::decode;
use collimate_prover_client::AggregationPrograms;
use collimate_store::{
    CreditedPurchase, PaymentContract, Proof, ProofId, ProofStatus, Run, RunStatus, Store,
};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{config::Config, progress::Progress, serve::Shared};

const PAGE: u32 = 500;
/// Files that are read at once: a bucket answers after milliseconds.
const AT_ONCE: usize = 8;
const PHASES: u32 = 4;
/// Most blocks in a request for logs.
const MAX_RANGE: u64 = 2_000;

/// Something that is wrong.
#[derive(Debug, Serialize)]
struct Finding {
    rule: String,
    subject: String,
}

/// What was looked at.
#[derive(Debug, Default, Serialize)]
struct Report {
    rules_of_the_database: usize,
    proofs: u64,
    final_runs: u64,
    /// Those of them whose root is hard.
    hard_runs: u64,
    purchases: u64,
    /// Of fast mode, where a batcher is configured: groups, batches, and those of them whose task is on chain.
    groups: u64,
    batches: u64,
    tasks: u64,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, rule: &str, subject: impl Display) {
        self.findings.push(Finding { rule: rule.to_owned(), subject: subject.to_string() });
    }
}

/// Prints the report. An error if anything is wrong.
pub(crate) async fn run(config: &Config, quick: bool, json: bool) -> Result<()> {
    let shared = Shared::connect_beside(config).await?;
    let fast_mode = config.batcher.as_ref().map_or(0, |_| fast_mode::PHASES);
    let progress = Progress::new(PHASES + fast_mode);
    let outcome = audit(config, &shared, quick, &progress).await;
    progress.finish();
    shared.close().await?;
    let report = outcome?;
    let mut out = std::io::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        for Finding { rule, subject } in &report.findings {
            writeln!(out, "broken: {rule}: {subject}")?;
        }
        writeln!(
            out,
            "looked at {} proofs, {} final runs ({} of them hard), {} purchases and {} rules of the database",
            report.proofs,
            report.final_runs,
            report.hard_runs,
            report.purchases,
            report.rules_of_the_database
        )?;
        if config.batcher.is_some() {
            let Report { groups, batches, tasks, .. } = report;
            writeln!(
                out,
                "looked at {groups} groups and {batches} batches of fast mode, {tasks} of them on chain"
            )?;
        }
    }
    let count = report.findings.len();
    ensure!(
        count == 0,
        "[DMN-070] {count} findings; docs/operations.md says what to do about each"
    );
    Ok(())
}

async fn audit(
    config: &Config,
    shared: &Shared,
    quick: bool,
    progress: &Progress,
) -> Result<Report> {
    let Shared { provider, deployment, store, objects, .. } = shared;
    let mut report =
        Report { rules_of_the_database: Store::audit_rules().count(), ..Report::default() };
    progress.phase("The rules of the database");
    for violation in store.audit().await? {
        report.add(violation.rule, violation.subject);
    }
    progress.phase("The files of the proofs");
    files(store, objects, quick, &mut report, progress).await?;
    progress.phase("Final runs on chain");
    runs(provider, deployment, store, &mut report).await?;
    progress.phase("Purchases on chain");
    if let Some(contract) = deployment.payments {
        let start = config.payments.start_block.unwrap_or(deployment.block);
        let service =
            PaymentContract { chain_id: deployment.chain_id, address: contract.into_array() };
        // Credits first: what is credited while the chain is read is on the chain that is read.
        let head =
            provider.get_block_number().await.map_err(ChainError::node("eth_blockNumber"))?;
        let credited = store.credited_purchases(&service).await?;
        let chain = purchases_on_chain(provider, contract, start).await?;
        let confirmations = config.chain.confirmations;
        purchases(&chain, &credited, head, confirmations, &mut report);
    }
    if let Some(settings) = &config.batcher {
        fast_mode::audit(config, settings, shared, quick, &mut report, progress).await?;
    }
    Ok(report)
}

/// Every proof that was accepted has its file, and, unless it has to be `quick`, the file that was accepted.
async fn files(
    store: &Store,
    objects: &Objects,
    quick: bool,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let (mut after, mut looking) = (None, JoinSet::new());
    loop {
        let page = store.proofs_page(None, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for proof in page.iter().filter(|proof| must_have_its_file(proof)) {
            if looking.len() >= AT_ONCE
                && let Some(looked) = looking.join_next().await
            {
                note(looked??, report);
            }
            looking.spawn(look_at_file(objects.clone(), proof.id, Key(proof.proof_hash), quick));
        }
        progress.now(&format!("{} proofs", report.proofs));
    }
    while let Some(looked) = looking.join_next().await {
        note(looked??, report);
    }
    Ok(())
}

fn note((proof, broken): (ProofId, Option<&'static str>), report: &mut Report) {
    report.proofs += 1;
    if let Some(rule) = broken {
        report.add(rule, proof);
    }
}

/// One that was refused need not, and one that ended because its file is lost has told so.
fn must_have_its_file(proof: &Proof) -> bool {
    let lost = proof.code.as_deref().is_some_and(|code| code.starts_with("OBJ-"));
    proof.status != ProofStatus::Rejected && !(proof.status == ProofStatus::Failed && lost)
}

/// The rule that a proof's file breaks, if it does.
async fn look_at_file(
    objects: Objects,
    proof: ProofId,
    key: Key,
    quick: bool,
) -> Result<(ProofId, Option<&'static str>)> {
    let there = match quick {
        true => objects.exists(&key).await,
        // Reading compares the bytes with the hash that names them.
        false => objects.get(&key, MAX_OBJECT_BYTES).await.map(|_| true),
    };
    let broken = match there {
        Ok(true) => None,
        Ok(false) | Err(ObjectsError::NotFound { .. }) => {
            Some("an accepted proof has its file in the object store")
        }
        Err(ObjectsError::Corrupt { .. }) => Some("a proof's file is the one that was accepted"),
        Err(error) => return Err(error.into()),
    };
    Ok((proof, broken))
}

/// A final run is what its statement says, and on chain.
async fn runs(
    provider: &DynProvider,
    deployment: &Deployment,
    store: &Store,
    report: &mut Report,
) -> Result<()> {
    let program = AggregationPrograms::committed()?.chunk_aggregator.program_id;
    let service = ServiceContract::check(provider.clone(), deployment.service, program).await?;
    let mut before = None;
    loop {
        let page = store.runs_page(before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        before = Some(last.id);
        let ours = |run: &&Run| {
            run.status == RunStatus::Final && run.deployment == crate::driver::stored(deployment)
        };
        for run in page.iter().filter(ours) {
            report.final_runs += 1;
            let statement = run.statement.as_ref().context("a final run has a statement")?;
            if service.registered_in(&statement.root).await?.is_none() {
                report.add("a final run's root is registered", run.id);
            }
            if run.hard_since.is_some() {
                report.hard_runs += 1;
                if service.hard_since(&statement.root).await? != run.hard_since {
                    report.add("a hard run's root is hard on chain since the same block", run.id);
                }
            }
            let proofs = store.proofs_of_run(run.id).await?;
            if let Some(lie) = content(&proofs, statement).await? {
                report.add(lie, run.id);
            }
        }
    }
}

/// The rule that a run's proofs break, if they do.
async fn content(
    proofs: &[Proof],
    statement: &collimate_store::Statement,
) -> Result<Option<&'static str>> {
    let commitments: Vec<_> = proofs.iter().map(|proof| Commitment(proof.commitment)).collect();
    let leaves: Vec<_> = commitments.iter().map(Commitment::leaf).collect();
    if tree::root(&leaves).ok() != Some(statement.root) {
        return Ok(Some("a final run's proofs give its root"));
    }
    if BlobHashes::of(&commitments).await?.versioned_hashes != statement.versioned_hashes {
        return Ok(Some("a final run's proofs give its blobs"));
    }
    Ok(None)
}

/// A purchase as the chain has it, and its block.
type OnChain = (CreditedPurchase, u64);

async fn purchases_on_chain(
    provider: &DynProvider,
    contract: Address,
    start: u64,
) -> Result<Vec<OnChain>> {
    let head = provider.get_block_number().await.map_err(ChainError::node("eth_blockNumber"))?;
    let mut found = vec![];
    let mut from = start;
    while from <= head {
        let to = from.saturating_add(MAX_RANGE - 1).min(head);
        let filter = Filter::new()
            .address(contract)
            .event_signature(CreditsPurchased::SIGNATURE_HASH)
            .from_block(from)
            .to_block(to);
        for log in provider.get_logs(&filter).await.map_err(ChainError::node("eth_getLogs"))? {
            let payment = decode(&log)?;
            let purchase = CreditedPurchase {
                tx_hash: payment.tx_hash,
                log_index: payment.log_index,
                credits: payment.credits,
            };
            found.push((purchase, payment.block_number));
        }
        from = to.saturating_add(1);
    }
    Ok(found)
}

/// Every credit was paid for, and every confirmed payment gave its credits.
fn purchases(
    chain: &[OnChain],
    credited: &[CreditedPurchase],
    head: u64,
    confirmations: u64,
    report: &mut Report,
) {
    report.purchases = chain.len() as u64;
    let name = |purchase: &CreditedPurchase| {
        format!("{}:{}", alloy::hex::encode_prefixed(purchase.tx_hash), purchase.log_index)
    };
    let paid: HashSet<_> = chain.iter().map(|(purchase, _)| purchase).collect();
    let given: HashSet<_> = credited.iter().collect();
    for purchase in credited.iter().filter(|purchase| !paid.contains(purchase)) {
        report.add("credits that were given are paid for on chain", name(purchase));
    }
    // A little older than it has to be: the poller may be at work on the newest.
    let settled = head.saturating_sub(confirmations.saturating_mul(2));
    for (purchase, block) in chain {
        if *block <= settled && !given.contains(purchase) {
            report.add("a confirmed payment has given its credits", name(purchase));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purchase(n: u8) -> CreditedPurchase {
        CreditedPurchase { tx_hash: [n; 32], log_index: 0, credits: 5 }
    }

    fn rules(chain: &[OnChain], credited: &[CreditedPurchase]) -> Vec<String> {
        let mut report = Report::default();
        purchases(chain, credited, 100, 6, &mut report);
        report.findings.into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn credits_and_payments_agree() {
        assert!(rules(&[(purchase(1), 50), (purchase(2), 99)], &[purchase(1)]).is_empty());
    }

    #[test]
    fn a_credit_nobody_paid_and_a_payment_nobody_credited_are_found() {
        assert_eq!(rules(&[], &[purchase(1)]), ["credits that were given are paid for on chain"]);
        assert_eq!(rules(&[(purchase(1), 50)], &[]), ["a confirmed payment has given its credits"]);
        // More credits than were bought are both.
        let more = CreditedPurchase { credits: 6, ..purchase(1) };
        assert_eq!(rules(&[(purchase(1), 50)], &[more]).len(), 2);
    }
}
