//! `collimate fast task`, `respond` and `reclaim`: tasks, whoever created them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::primitives::{B256, U256};
use clap::Args;
use collimate_sdk::{
    Client, FastError, FastTask, GatewaySettings, SdkError, SignatureAggregator,
    fast::{FinishedResponse, Reclaimed, Refunded, Responded, TaskStatus},
};
use serde::Serialize;

use crate::{
    amount::parse_amount,
    error::CliError,
    format::ether,
    home::journal,
    input::read_text,
    keys::KeyArgs,
    networks::Networks,
    outcome::{Outcome, Progress},
};

const MAX_TASK_BYTES: u64 = 64 << 10;

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Exit code 0 if the task was answered, 1 if it expired, 5 while it is open.\n\nExamples:\n  \
    collimate fast task batch/task.json --timeout 60\n  \
    collimate fast task 0x3f5c… --json"
)]
pub(super) struct TaskArgs {
    /// The task: its id, or the file that `collimate fast create-batch` wrote
    #[arg(value_name = "ID|FILE")]
    task: String,
    /// Seconds to wait until it is answered or expires
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    timeout: u64,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Signature aggregators collect what operators sign, and answer tasks themselves. They give what they have to anyone: if none \
    of them gets through, you can. The task pays your gas, up to its fee limit.\n\nExamples:\n  \
    collimate fast respond 0x3f5c…\n  \
    collimate fast respond batch/task.json --aggregator https://signatures.example.org"
)]
pub(super) struct RespondArgs {
    /// The task: its id, or the file that `collimate fast create-batch` wrote
    #[arg(value_name = "ID|FILE")]
    task: String,
    /// A signature aggregator, http or https; the first that has a quorum is taken. Default: those of the network's profile
    #[arg(long = "aggregator", value_name = "URL")]
    aggregators: Vec<String>,
    /// Most that the transaction may cost you, with its unit, before the task pays it back. Default: 0.5eth
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    max_cost: Option<u128>,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Your own task's ether goes to you. What users paid a batcher for a task that expired goes back into their accounts, \
    whoever asks for it. Without the file, name the batch's root: the task is looked for on chain.\n\n\
    Examples:\n  \
    collimate fast reclaim batch/task.json\n  \
    collimate fast reclaim --root 0x8a1b…"
)]
pub(super) struct ReclaimArgs {
    /// The task's file, as `collimate fast create-batch` wrote it
    #[arg(value_name = "FILE", required_unless_present = "root")]
    task: Option<PathBuf>,
    /// The batch's root, instead of a file: every task of your key for it
    #[arg(long, value_name = "0x…", conflicts_with = "task")]
    root: Option<B256>,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    task_id: B256,
    /// `open`, `verified` or `expired`.
    status: &'static str,
    /// What its sender can reclaim once it is over.
    unspent_wei: String,
}

#[derive(Debug, Serialize)]
struct ReclaimReport {
    reclaimed: Vec<Reclaimed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refunded: Vec<Refunded>,
}

pub(super) async fn show(
    args: &TaskArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let contracts = client.fast_contracts().await?;
    let task = task_id(&args.task)?;
    if args.timeout > 0 {
        progress.say("waiting for the operators");
        match contracts.wait_task(task, Duration::from_secs(args.timeout)).await {
            // Both are told below.
            Ok(())
            | Err(SdkError::Fast(FastError::Expired { .. } | FastError::TaskNotYet { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (status, unspent) = contracts.task_status(task).await?;
    let (status, exit_code) = match status {
        TaskStatus::Verified => ("verified", 0),
        TaskStatus::Expired => ("expired", crate::error::DOES_NOT_HOLD),
        TaskStatus::Open | TaskStatus::Unknown => ("open", crate::error::NOT_YET),
    };
    let report = Report { task_id: task, status, unspent_wei: unspent.to_string() };
    let rows = vec![
        ("task", task.to_string()),
        ("status", status.to_owned()),
        ("not spent", ether(unspent)),
    ];
    Ok(Outcome::new(&report, rows).with_exit_code(exit_code))
}

pub(super) async fn respond(
    args: &RespondArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let task = task_id(&args.task)?;
    let aggregators = args.aggregators(&client)?;
    progress.say("asking for the signatures");
    let response = finished(&aggregators, task).await?;
    let payer = client.fast_payer(args.key.signer()?, &journal()?).await?;
    progress.say(&format!("sending the response, {} operators absent", response.absent().len()));
    let responded = payer.respond(&response, args.max_cost.map(U256::from)).await;
    payer.stop().await;
    let responded: Responded = responded?;
    let rows = vec![
        ("task", responded.task_id.to_string()),
        ("answered", "yes".to_owned()),
        ("paid for it", ether(U256::from(responded.fee_wei.0))),
        ("transaction", responded.mined.transaction.to_string()),
        ("block", responded.mined.block_number.to_string()),
    ];
    Ok(Outcome::new(&responded, rows))
}

pub(super) async fn reclaim(
    args: &ReclaimArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let tasks = match (&args.task, args.root) {
        (Some(path), _) => vec![read_task(path)?],
        (None, root) => {
            let root = root.unwrap_or_default();
            let (contracts, since) = (client.fast_contracts().await?, client.profile().first_block);
            let mut tasks = contracts.tasks_of(root, args.key.address()?, since).await?;
            if tasks.is_empty() {
                tasks = contracts.tasks_of(root, contracts.batcher_payments(), since).await?;
            }
            if tasks.is_empty() {
                return Err(FastError::NoTask { task: root }.into());
            }
            tasks
        }
    };
    let batchers = client.fast_profile()?.batcher_payments;
    let payer = client.fast_payer(args.key.signer()?, &journal()?).await?;
    let (mut reclaimed, mut refunded, mut refused) = (vec![], vec![], None);
    for task in &tasks {
        progress.say(&format!("reclaiming task {}", task.task_id));
        let done = match task.sender == batchers {
            true => payer.refund(task).await.map(|done| refunded.push(done)),
            false => payer.reclaim(task).await.map(|done| reclaimed.push(done)),
        };
        match done {
            Ok(()) => {}
            // Of several, some may be open still, and others empty.
            Err(error @ SdkError::Fast(FastError::CannotSend { .. })) => refused = Some(error),
            Err(error) => {
                payer.stop().await;
                return Err(error.into());
            }
        }
    }
    payer.stop().await;
    if let (true, Some(error)) = (reclaimed.is_empty() && refunded.is_empty(), refused) {
        return Err(error.into());
    }
    let mut rows = vec![];
    for done in &reclaimed {
        let end = if done.verified { "verified" } else { "expired" };
        rows.push(("task", format!("{}, {end}", done.task_id)));
        rows.push(("reclaimed", ether(U256::from(done.amount_wei.0))));
        rows.push(("transaction", done.mined.transaction.to_string()));
    }
    for done in &refunded {
        rows.push(("task", format!("{}, expired", done.task_id)));
        rows.push(("given back to its users", ether(U256::from(done.amount_wei.0))));
        rows.push(("transaction", done.mined.transaction.to_string()));
    }
    Ok(Outcome::new(&ReclaimReport { reclaimed, refunded }, rows))
}

impl RespondArgs {
    fn aggregators(&self, client: &Client) -> Result<Vec<SignatureAggregator>, CliError> {
        if self.aggregators.is_empty() {
            return Ok(client.signature_aggregators()?);
        }
        let settings =
            GatewaySettings { patience: Duration::from_secs(20), ..GatewaySettings::default() };
        let named = self.aggregators.iter().map(|url| SignatureAggregator::new(url, &settings));
        Ok(named.collect::<Result<_, _>>()?)
    }
}

/// The first finished response; if none has one, what the last of them said.
async fn finished(
    aggregators: &[SignatureAggregator],
    task: B256,
) -> Result<FinishedResponse, CliError> {
    let mut last = FastError::NoResponse {
        task,
        reason: "no aggregator was named; give --aggregator".to_owned(),
    };
    for aggregator in aggregators {
        match aggregator.response(task).await {
            Ok(response) => return Ok(response),
            Err(error) => last = error,
        }
    }
    Err(last.into())
}

/// A task by its id, or by its file.
fn task_id(text: &str) -> Result<B256, CliError> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(read_task(Path::new(text))?.task_id),
    }
}

fn read_task(path: &Path) -> Result<FastTask, CliError> {
    Ok(FastTask::from_json(&read_text(path, "a task", MAX_TASK_BYTES)?)?)
}
