//! `collimate fast status`, `watch` and `bundles`: groups that a batcher accepted.

use std::{path::PathBuf, time::Duration};

use alloy::primitives::U256;
use clap::{Args, ValueEnum};
use collimate_sdk::{
    Client, FastError, FastProof, SdkError, VerificationBundle,
    fast::{GroupAnswer, GroupEvent, GroupId, GroupStatus},
};
use serde::Serialize;
use tokio::time::Instant;

use super::proofs::{ProofsArgs, write_bundles};
use crate::{
    error::CliError,
    format::{ether, time},
    keys::KeyArgs,
    networks::Networks,
    outcome::{Outcome, Progress, Rows},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "What is shown is the batcher's word. `collimate fast bundles` and `verify` ask the chain.\n\nExample:\n  \
    collimate fast status 0x3f5c… --json | jq -r '.groups[0].status'"
)]
pub(super) struct StatusArgs {
    /// The groups' ids
    #[arg(required = true, value_name = "ID")]
    ids: Vec<GroupId>,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Changes are told on stderr as they happen, the end on stdout. Exit code 1 if a group was rejected or failed, 5 if the \
    time is over; the group goes on then. What is shown is the batcher's word: `collimate fast bundles` asks the chain.\n\nExample:\n  \
    collimate fast watch 0x3f5c… && collimate fast bundles 0x3f5c… proofs/fibonacci.proof --out verified"
)]
pub(super) struct WatchArgs {
    /// The groups' ids
    #[arg(required = true, value_name = "ID")]
    ids: Vec<GroupId>,
    /// The status to wait for
    #[arg(long, value_enum, default_value_t = Until::Verified)]
    until: Until,
    /// Seconds to wait for all of them
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    timeout: u64,
}

/// A status of a normal course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Until {
    /// In a batch: the paths are known
    Batched,
    /// The task is on chain
    Open,
    /// The operators have answered
    Verified,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The batcher says where in its batch your proofs are. Nothing of that is believed: commitments are computed from your \
    files, paths are followed to the root, and the contract of your profile must confirm each proof and deny two forgeries of it. Give \
    the same files, in the same order and with the same --generator, as when you sent them.\n\nExamples:\n  \
    collimate fast bundles 0x3f5c… proofs/fibonacci.proof --out verified\n  \
    collimate fast bundles 0x3f5c… proofs --out verified --timeout 120"
)]
pub(super) struct BundlesArgs {
    /// The group's id
    #[arg(value_name = "ID")]
    id: GroupId,
    #[command(flatten)]
    proofs: ProofsArgs,
    /// Write each bundle to `<stem>.verification.json` in this folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    /// Seconds to wait until the group is verified
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    timeout: u64,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    groups: Vec<GroupAnswer>,
}

#[derive(Debug, Serialize)]
struct BundlesReport<'a> {
    holds: bool,
    id: GroupId,
    /// Block of the verification.
    block: u64,
    files: &'a [PathBuf],
    bundles: &'a [VerificationBundle],
}

pub(super) async fn status(args: &StatusArgs, networks: &Networks) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let mut groups = vec![];
    for id in &args.ids {
        groups.push(client.batcher()?.group(id).await?);
    }
    Ok(detailed(groups))
}

pub(super) async fn watch(
    args: &WatchArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let limit = Duration::from_secs(args.timeout);
    let client = networks.patient_client(limit)?;
    let until = match args.until {
        Until::Batched => GroupStatus::Batched,
        Until::Open => GroupStatus::Open,
        Until::Verified => GroupStatus::Verified,
    };
    let started = Instant::now();
    let mut groups = vec![];
    // One after the other: all go on meanwhile, and those that are done need no waiting.
    for id in &args.ids {
        let left = limit.saturating_sub(started.elapsed());
        groups.push(watch_one(&client, id, until, left, progress).await?);
    }
    Ok(detailed(groups))
}

pub(super) async fn bundles(
    args: &BundlesArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let user = client.batcher()?.group(&args.id).await?.user;
    let proofs = args.proofs.read(user, progress)?;
    let (limit, started) = (Duration::from_secs(args.timeout), Instant::now());
    if !limit.is_zero() {
        watch_one(&client, &args.id, GroupStatus::Batched, limit, progress).await?;
    }
    let left = limit.saturating_sub(started.elapsed());
    let (bundles, block) = verified_bundles(&client, &args.id, &proofs, left, progress).await?;
    let files = write_bundles(&args.out, &proofs, &bundles)?;
    let mut rows = vec![
        (
            "holds",
            "yes: every path leads from your proof to the root, and the contract confirms it"
                .to_owned(),
        ),
        ("block", block.to_string()),
    ];
    rows.extend(files.iter().map(|path| ("written", path.display().to_string())));
    let report =
        BundlesReport { holds: true, id: args.id, block, files: &files, bundles: &bundles };
    Ok(Outcome::new(&report, rows))
}

/// Waits for a group's status, and tells of what happens.
pub(super) async fn watch_one(
    client: &Client,
    id: &GroupId,
    until: GroupStatus,
    limit: Duration,
    progress: Progress,
) -> Result<GroupAnswer, CliError> {
    let mut tell = |event: &GroupEvent| {
        let batch = event.batch_id.map(|batch| format!(", batch {batch}")).unwrap_or_default();
        let reason =
            event.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        progress.say(&format!("{} {id} {}{batch}{reason}", time(event.at), event.status));
    };
    let waited = client.batcher()?.wait(id, until, limit, &mut tell).await;
    Ok(waited?)
}

/// The bundles of a group, once the chain confirms them, and the block in which it was verified first. A batch whose task moved, by a
/// reorganisation or because the first could not be sent, is looked up again.
pub(super) async fn verified_bundles(
    client: &Client,
    id: &GroupId,
    proofs: &[FastProof],
    limit: Duration,
    progress: Progress,
) -> Result<(Vec<VerificationBundle>, u64), CliError> {
    /// After so long without a verification, the batcher is asked again which batch it is.
    const LOOK_AGAIN: Duration = Duration::from_secs(10);
    let contracts = client.fast_contracts().await?;
    let started = Instant::now();
    progress.say("asking the contract");
    loop {
        let bundles = client.verification_bundles(id, proofs).await?;
        let left = limit.saturating_sub(started.elapsed());
        let mut block = 0;
        let mut missing = None;
        for bundle in &bundles {
            match contracts.wait_verified(bundle, 1, left.min(LOOK_AGAIN)).await {
                Ok(found) => block = block.max(found),
                Err(SdkError::Fast(error @ FastError::NotVerified { .. })) => missing = Some(error),
                Err(error) => return Err(error.into()),
            }
            if missing.is_some() {
                break;
            }
        }
        match missing {
            None => return Ok((bundles, block)),
            Some(error) if started.elapsed() >= limit => return Err(SdkError::from(error).into()),
            Some(_) => {}
        }
    }
}

fn detailed(groups: Vec<GroupAnswer>) -> Outcome {
    let rows = groups.iter().flat_map(rows).collect();
    Outcome::new(&Report { groups }, rows)
}

fn rows(group: &GroupAnswer) -> Rows {
    let mut rows = vec![
        ("group", group.id.to_string()),
        ("status", format!("{} since {}", group.status, time(group.updated_at))),
        ("accepted", time(group.created_at)),
    ];
    let some = |label, value: Option<String>| value.map(|value| (label, value));
    rows.extend(some("code", group.code.clone()));
    rows.extend(some("reason", group.reason.clone()));
    rows.push(("proofs", format!("{}, from nonce {}", group.proof_count, group.first_nonce)));
    rows.push(("paid by", group.user.to_string()));
    rows.push(("at most", ether(U256::from(group.max_fee.0))));
    rows.extend(some("charged", group.charged.map(|wei| ether(U256::from(wei.0)))));
    if let Some(batch) = &group.batch {
        rows.push(("batch", format!("{}, {}", batch.id, batch.status)));
        rows.push(("root", batch.root.to_string()));
        rows.extend(some("task", batch.task_id.map(|task| task.to_string())));
        rows.extend(some("verified in", batch.verified_block.map(|block| block.to_string())));
    }
    rows
}
