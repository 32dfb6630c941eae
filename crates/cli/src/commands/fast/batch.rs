//! `collimate fast create-batch`.

use std::{path::PathBuf, time::Duration};

use alloy::primitives::{B256, U256};
use clap::Args;
use collimate_objects::Objects;
use collimate_sdk::{
    Client, DirectBatch, FastTask,
    fast::{FastError, Pointer, Url},
};
use serde::Serialize;

use super::proofs::{ProofsArgs, write_bundles};
use crate::{
    amount::parse_amount,
    args::{make_folder, write_json},
    error::CliError,
    format::ether,
    home::journal,
    keys::{KeyArgs, consent},
    networks::Networks,
    outcome::{Outcome, Progress, Rows},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Nobody but you and the operators takes part: you store the batch where operators can download it, and create its task. The \
    fee limit is paid with the task; what its response does not cost is yours to reclaim, and all of it if nobody answers.\n\n\
    Operators download from the mirrors, which must serve the store: object K of mirror https://host/path is at \
    https://host/path/objects/K. Each mirror is tried before anything is paid.\n\nExamples:\n  \
    collimate fast create-batch proofs --store /srv/data --mirror https://data.example.org --fee-limit 0.005eth --out batch\n  \
    collimate fast create-batch proofs --store s3://bucket/batches --mirror https://bucket.s3.example.org/batches \
    --fee-limit 0.005eth --dry-run\n  \
    collimate fast verify batch/fibonacci.verification.json && collimate fast reclaim batch/task.json"
)]
pub(super) struct CreateBatchArgs {
    #[command(flatten)]
    proofs: ProofsArgs,
    /// Where the batch is stored: a folder, or s3://bucket/prefix (settings in the usual AWS_* variables)
    #[arg(long, value_name = "FOLDER|s3://…")]
    store: String,
    /// A data service that serves the store, http or https; up to 8. Default: those of the network's profile
    #[arg(long = "mirror", value_name = "URL")]
    mirrors: Vec<String>,
    /// Most that may be paid for the response, with its unit: paid now, and the rest given back
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    fee_limit: u128,
    /// Store the batch and try the mirrors, and create no task
    #[arg(long)]
    dry_run: bool,
    /// Do not try the mirrors
    #[arg(long)]
    no_check: bool,
    /// Do not ask before paying
    #[arg(long, short)]
    yes: bool,
    /// Do not wait until the operators have answered
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    /// Write `task.json`, and each proof's `<stem>.verification.json`, to this folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    batch_root: B256,
    proofs: usize,
    bytes: u64,
    pointer: String,
    fee_limit_wei: String,
    /// Absent with `--dry-run`.
    task: Option<FastTask>,
    /// Whether the chain confirms every proof; null if it was not waited for.
    verified: Option<bool>,
    files: Vec<PathBuf>,
}

pub(super) async fn run(
    args: &CreateBatchArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let contracts = client.fast_contracts().await?;
    let mirrors = args.mirrors(&client)?;
    let proofs = args.proofs.read(args.key.address()?, progress)?;
    let batch = DirectBatch::new(proofs)?;
    let objects = Objects::open(&args.store).map_err(FastError::from)?;
    let mut tell = |done: usize, of: usize| progress.say(&format!("stored {done} of {of} files"));
    let manifest = batch.store(&objects, &mut tell).await?;
    let pointer = Pointer::new(manifest, mirrors).map_err(FastError::from)?;
    if !args.no_check {
        progress.say("trying the mirrors");
        batch.check_mirrors(&pointer, Duration::from_secs(30)).await?;
    }
    let mut report = Report {
        batch_root: batch.root(),
        proofs: batch.proofs().len(),
        bytes: batch.bytes(),
        pointer: pointer.to_string(),
        fee_limit_wei: args.fee_limit.to_string(),
        task: None,
        verified: None,
        files: vec![],
    };
    if args.dry_run {
        let rows = report.rows();
        return Ok(Outcome::new(&report, rows));
    }
    let signer = args.key.signer()?;
    let amount = ether(U256::from(args.fee_limit));
    let question = format!("Create a task, and pay {amount} from {}?", signer.address());
    consent(args.yes, &question)?;
    let payer = client.fast_payer(signer, &journal()?).await?;
    progress.say("creating the task");
    let created = payer.create_task(&batch, &pointer, args.fee_limit).await;
    payer.stop().await;
    let task = created?;
    progress.say(&format!("task {} in block {}", task.task_id, task.created_block));
    // Before anything can fail: it is what the rest of the ether is reclaimed with.
    report.files.push(write_task(&args.out, &task)?);
    let bundles = batch.bundles(&task)?;
    report.files.extend(write_bundles(&args.out, batch.proofs(), &bundles)?);
    if !args.no_wait {
        progress.say("waiting for the operators");
        contracts.wait_task(task.task_id, Duration::from_secs(args.timeout)).await?;
        for bundle in &bundles {
            contracts.verify(bundle).await?;
        }
        report.verified = Some(true);
    }
    report.task = Some(task);
    let rows = report.rows();
    Ok(Outcome::new(&report, rows))
}

impl CreateBatchArgs {
    fn mirrors(&self, client: &Client) -> Result<Vec<Url>, CliError> {
        if self.mirrors.is_empty() {
            return Ok(client.data_services()?);
        }
        let parse = |text: &String| {
            text.parse::<Url>().map_err(|error| CliError::Malformed {
                what: format!("the mirror {text:?}"),
                reason: error.to_string(),
                remedy: "give an address such as https://data.example.org",
            })
        };
        self.mirrors.iter().map(parse).collect()
    }
}

fn write_task(folder: &std::path::Path, task: &FastTask) -> Result<PathBuf, CliError> {
    let path = folder.join("task.json");
    make_folder(folder)?;
    write_json(&path, task)?;
    Ok(path)
}

impl Report {
    fn rows(&self) -> Rows {
        let mut rows = vec![
            ("root", self.batch_root.to_string()),
            ("proofs", format!("{}, {} bytes with all their files", self.proofs, self.bytes)),
            ("pointer", self.pointer.clone()),
        ];
        match &self.task {
            None => rows.push(("task", "none (--dry-run)".to_owned())),
            Some(task) => {
                rows.push(("task", task.task_id.to_string()));
                rows.push(("block", task.created_block.to_string()));
                rows.push(("transaction", task.transaction.to_string()));
            }
        }
        match (self.verified, &self.task) {
            (Some(_), _) => {
                rows.push(("verified", "yes; the contract confirms every proof".to_owned()))
            }
            (None, Some(_)) => rows.push((
                "verified",
                "not waited for (--no-wait); `collimate fast task` tells".to_owned(),
            )),
            (None, None) => {}
        }
        rows.extend(self.files.iter().map(|path| ("written", path.display().to_string())));
        rows
    }
}
