//! `collimate status`, `watch` and `list`: where proofs stand.

use std::time::Duration;

use alloy::primitives::Address;
use clap::Args;
use collimate_sdk::{
    Client, Guarantee, ProofAnswer, ProofId, ProofStatus, api::proofs::ProofsQuery,
};
use serde::Serialize;

use crate::{
    error::CliError,
    format::time,
    keys::KeyArgs,
    networks::Networks,
    outcome::{Outcome, Progress, Rows},
};

/// Most proofs of one page.
const PAGE: u32 = 100;

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  collimate status 0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e --json | jq -r '.proofs[0].status'"
)]
pub(crate) struct StatusArgs {
    /// The proofs' ids
    #[arg(required = true, value_name = "ID")]
    ids: Vec<ProofId>,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Changes are told on stderr as they happen, the end on stdout. Exit code 1 if a proof was rejected or failed, 5 if the \
    time is over; the proof goes on then.\n\nExample:\n  \
    collimate watch 0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e && collimate inclusion 0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e"
)]
pub(crate) struct WatchArgs {
    /// The proofs' ids
    #[arg(required = true, value_name = "ID")]
    ids: Vec<ProofId>,
    /// The status to wait for
    #[arg(long, value_name = "STATUS", default_value = "final")]
    until: ProofStatus,
    /// Seconds to wait for all of them
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    timeout: u64,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    collimate list\n  \
    collimate list --status failed --json\n  \
    collimate list --everyone --limit 500")]
pub(crate) struct ListArgs {
    /// Proofs that this account paid for. Default: that of your key
    #[arg(long, value_name = "ADDRESS")]
    address: Option<Address>,
    /// Proofs of all accounts
    #[arg(long, conflicts_with = "address")]
    everyone: bool,
    /// Only those of this status
    #[arg(long, value_name = "STATUS")]
    status: Option<ProofStatus>,
    /// Only those submitted after this one
    #[arg(long, value_name = "ID")]
    after: Option<ProofId>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    proofs: Vec<ProofAnswer>,
    /// Where `--after` goes on; absent from `status` and `watch`, and when there are no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<ProofId>,
}

pub(crate) async fn status(args: &StatusArgs, networks: &Networks) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let gateway = client.gateway()?;
    let mut proofs = vec![];
    for id in &args.ids {
        proofs.push(gateway.proof(id).await?);
    }
    Ok(detailed(proofs))
}

pub(crate) async fn watch(
    args: &WatchArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let limit = Duration::from_secs(args.timeout);
    let client = networks.patient_client(limit)?;
    let started = tokio::time::Instant::now();
    let mut proofs = vec![];
    // One after the other: all go on meanwhile, and those that are done need no waiting.
    for id in &args.ids {
        let left = limit.saturating_sub(started.elapsed());
        proofs.push(watch_one(&client, id, args.until, left, progress).await?);
    }
    Ok(detailed(proofs))
}

async fn watch_one(
    client: &Client,
    id: &ProofId,
    until: ProofStatus,
    limit: Duration,
    progress: Progress,
) -> Result<ProofAnswer, CliError> {
    let mut tell = |event: &collimate_sdk::ProofEvent| {
        let run = event.run_id.map(|run| format!(", run {run}")).unwrap_or_default();
        let reason =
            event.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        progress.say(&format!("{} {id} {}{run}{reason}", time(event.at), event.status));
    };
    Ok(client.gateway()?.wait(id, until, limit, &mut tell).await?)
}

pub(crate) async fn list(args: &ListArgs, networks: &Networks) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let address = match args.everyone {
        true => None,
        false => Some(args.key.address_or(args.address)?),
    };
    let gateway = client.gateway()?;
    let (mut proofs, mut next) = (vec![], args.after);
    loop {
        let left = args.limit.saturating_sub(u32::try_from(proofs.len()).unwrap_or(u32::MAX));
        if left == 0 {
            break;
        }
        let query =
            ProofsQuery { address, status: args.status, after: next, limit: Some(left.min(PAGE)) };
        let page = gateway.proofs(&query).await?;
        proofs.extend(page.proofs);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let mut lines: Vec<_> = proofs.iter().map(line).collect();
    match next {
        _ if proofs.is_empty() => lines.push("none".to_owned()),
        Some(id) => lines.push(format!("more with --after {id}")),
        None => {}
    }
    Ok(Outcome::text(&Report { proofs, next }, lines.join("\n")))
}

fn line(proof: &ProofAnswer) -> String {
    let code = proof.code.as_deref().unwrap_or_default();
    let line = format!(
        "{}  {:<10}  {}  {}  {code}",
        time(proof.created_at),
        standing(proof),
        proof.id,
        proof.commitment
    );
    line.trim_end().to_owned()
}

/// The status, and what stands behind one that is final.
fn standing(proof: &ProofAnswer) -> String {
    match proof.guarantee {
        Some(guarantee) => format!("{} {guarantee}", proof.status),
        None => proof.status.to_string(),
    }
}

/// What a guarantee means to whoever relies on it.
pub(super) fn guarantee_words(guarantee: Guarantee, hard_since: Option<u64>) -> String {
    match (guarantee, hard_since) {
        (Guarantee::Soft, _) => {
            "soft: operators signed that they verified the run's proof".to_owned()
        }
        (Guarantee::Hard, Some(block)) => {
            format!("hard since block {block}: the contract verified the run's proof itself")
        }
        (Guarantee::Hard, None) => "hard: the contract verified the run's proof itself".to_owned(),
    }
}

fn detailed(proofs: Vec<ProofAnswer>) -> Outcome {
    let rows = proofs.iter().flat_map(rows).collect();
    Outcome::new(&Report { proofs, next: None }, rows)
}

fn rows(proof: &ProofAnswer) -> Rows {
    let mut rows = vec![
        ("id", proof.id.to_string()),
        ("status", format!("{} since {}", proof.status, time(proof.updated_at))),
        ("submitted", time(proof.created_at)),
    ];
    let some = |label, value: Option<String>| value.map(|value| (label, value));
    rows.extend(some("code", proof.code.clone()));
    rows.extend(some("reason", proof.reason.clone()));
    rows.extend(some("waiting before it", proof.ahead.map(|ahead| ahead.to_string())));
    rows.extend(some("on chain until", proof.deadline.map(time)));
    let guarantee = proof.guarantee.map(|guarantee| guarantee_words(guarantee, proof.hard_since));
    rows.extend(some("guarantee", guarantee));
    rows.extend(some("run", proof.run_id.map(|run| run.to_string())));
    rows.extend(some("leaf", proof.leaf_index.map(|index| index.to_string())));
    rows.extend(some("paid by", proof.account.map(|account| account.to_string())));
    rows.push(("program id", proof.program_id.to_string()));
    rows.push(("commitment", proof.commitment.to_string()));
    rows
}
