//! `demo`: the main job on real input, with every claim checked at the end.

use std::{io::Write, path::PathBuf, time::Duration};

use alloy::{
    primitives::{B256, U256},
    providers::{DynProvider, Provider},
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use collimate_aggregator::{Activity, JobLog, Trigger, Trouble};
use collimate_chain::{
    blobs::{AnvilBlobs, BlobReader},
    provider::{Timeouts, connect},
};
use collimate_core::{Hash, tree::MerkleTree};
use collimate_sdk::Aggregation;
use collimate_store::{ProofStatus, RunStatus};
use tokio::{sync::mpsc::UnboundedReceiver, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    customer::Customer,
    devnet::{Devnet, DevnetOptions, NETWORK_FILE},
    driver::stored,
    fast_batch, groth16, hard_run,
    progress::Progress,
    report::{Report, ReportedProof, Resources, Trust, own_peak_mib},
    reuse,
    submission::{self, Accepted},
};

/// Settings of the demo.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoOptions {
    /// Folder of the proofs to aggregate: NAME.proof with NAME.vk beside it
    #[arg(long, default_value = "proofs")]
    pub proofs: PathBuf,
    /// A further proof file, with its key at NAME.vk or program_vk.bin beside it; may be repeated
    #[arg(long, value_name = "FILE")]
    pub also: Vec<PathBuf>,
    /// Proofs of any proof systems for fast mode, as `collimate fast submit --list` takes them
    #[arg(long, value_name = "FILE", default_value = "proofs/fast/samples.json")]
    pub fast: PathBuf,
    /// Leave fast mode out
    #[arg(long)]
    pub no_fast_mode: bool,
    /// Have Ethereum verify the run's proof itself, too, wrapped in Groth16 under the key of a development set-up: takes 20 to 30
    /// minutes more on two cores
    #[arg(long, conflicts_with_all = ["no_prover", "groth16_key", "circuit_key"])]
    pub groth16: bool,
    /// A finished run proof to take from this file where it fits, instead of proving
    #[arg(long, value_name = "FILE")]
    pub reuse: Option<PathBuf>,
    /// Keep the state folder when all went well
    #[arg(long)]
    pub keep: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub devnet: DevnetOptions,
}

const PHASES: u32 = 8;
/// Those that `--groth16` adds.
const HARD_PHASES: u32 = 2;
const LOOK_EVERY: Duration = Duration::from_millis(300);
const STOPPED: &str = "[DMN-040] stopped; the same command goes on where it was";

/// Runs the demo to its end, or until told to stop. Returns whether everything held.
pub(crate) async fn run(mut options: DemoOptions, shutdown: CancellationToken) -> Result<()> {
    let progress = Progress::new(PHASES + if options.groth16 { HARD_PHASES } else { 0 });
    if options.groth16 {
        progress.phase("Preparing the circuit that a Groth16 proof of the run is made in");
        let prepared = tokio::select! {
            prepared = groth16::prepare(&options.devnet, &progress) => prepared,
            () = shutdown.cancelled() => Err(anyhow!("{STOPPED}")),
        };
        let files = prepared.inspect_err(|_| progress.finish())?;
        options.devnet.groth16_key = Some(files.contract_key);
        options.devnet.circuit_key = Some(files.circuit_key);
    }
    progress.phase("Starting Ethereum, database, prover and operators");
    let mut files = submission::in_folder(&options.proofs)?;
    files.extend(options.also.iter().cloned());
    // A run opens when it is asked for: once all proofs of the demo are there.
    let trigger = Trigger::default();
    let say = |text: &str| progress.say(text);
    let devnet = Devnet::start(&options.devnet, trigger, &say).await?;

    let outcome = tokio::select! {
        outcome = main_job(&options, &files, &devnet, &progress) => outcome,
        () = shutdown.cancelled() => {
            progress.finish();
            devnet.stop().await?;
            bail!("{STOPPED}");
        }
    };
    progress.finish();
    let stopped = devnet.stop().await;
    let report = outcome?;
    stopped?;
    let text = match options.json {
        true => serde_json::to_string_pretty(&report)?,
        false => report.to_string(),
    };
    writeln!(std::io::stdout(), "{text}")?;
    if !options.keep {
        std::fs::remove_dir_all(&options.devnet.state)?;
    }
    Ok(())
}

async fn main_job(
    options: &DemoOptions,
    files: &[PathBuf],
    devnet: &Devnet,
    progress: &Progress,
) -> Result<Report> {
    let state = &options.devnet.state;
    let customer = Customer::new(state.join(NETWORK_FILE), state.join("customer"))?;
    progress.phase("Fast mode: operators verify a batch of many proof systems");
    let fast = match options.no_fast_mode {
        true => None,
        false => {
            let (fast_mode, list) = (&devnet.fast_mode, &options.fast);
            Some(fast_batch::run(&customer, fast_mode, list, state, progress).await?)
        }
    };

    progress.phase("Verifying the proofs natively");
    let mut checked = vec![];
    for file in files {
        let item = submission::check(devnet, file).await?;
        let program = submission::short(&item.proof.program_id);
        progress.say(&format!("{} verifies (program {program})", item.name));
        checked.push(item);
    }

    progress.phase("Paying for credits, submitting through the gateway");
    if let Some(file) = &options.reuse {
        reuse::offer(devnet, options.devnet.plan(), &checked, file).await?;
        progress.say(&format!("the proof of this run is taken from {}", file.display()));
    }
    customer.pay(checked.len(), progress).await?;
    let mut accepted = vec![];
    for item in checked {
        let item = customer.submit(item).await?;
        let receipt = item.receipt.map_or_else(String::new, |number| format!(", receipt {number}"));
        progress.say(&format!("{} accepted as {}{receipt}", item.name, item.id));
        accepted.push(item);
    }
    let first = accepted.first().context("there are proofs")?;
    let mut statuses = customer.watch(first)?;
    request_run(devnet, &accepted).await?;

    progress.phase("Aggregating in the zkVM");
    let run_id =
        wait_for_run(devnet, progress, &accepted, &mut statuses, RunStatus::Attesting).await?;

    progress.phase("Operators verify and sign, Ethereum verifies");
    wait_for_run(devnet, progress, &accepted, &mut statuses, RunStatus::Final).await?;
    let stored = devnet.store.run(run_id).await?.context("the run is stored")?;
    let statement = stored.statement.context("a final run has a statement")?;
    let provider = connect(&devnet.rpc_url, Timeouts::default())?;
    let chain = Some(devnet.deployment.chain_id);
    let client = Aggregation::connect(provider.clone(), devnet.deployment.service, chain).await?;
    let run = client.aggregation(B256::from(statement.root)).await?;
    progress.say(&format!("registered in block {} by {}", run.block_number, run.transaction));

    progress.phase("Reading the blob back and rebuilding the root");
    let blobs = BlobReader::new(vec![Box::new(AnvilBlobs::new(provider.clone()))]);
    let content = client.content(&run, &blobs).await?;
    progress.say(&format!(
        "{} commitments from {} blob(s) give the same root",
        content.commitments().len(),
        run.blob_hashes.len()
    ));

    progress.phase("Asking the contract for every proof");
    let mut reported = vec![];
    for item in &accepted {
        let proof = &item.proof;
        let path = content.path(&proof.commitment)?;
        let check =
            client.check_inclusion(&path.siblings, &proof.program_id, &proof.public_values).await?;
        customer.check_inclusion(item).await?;
        ensure!(check.included, "[DMN-041] {} is not included", item.name);
        ensure!(
            !check.altered_public_values,
            "[DMN-042] an altered public input of {} passes",
            item.name
        );
        ensure!(!check.other_program, "[DMN-043] another program id passes for {}", item.name);
        let foreign = path_in_another_run(item)?;
        ensure!(
            !client.verify_inclusion(&foreign, &proof.program_id, &proof.public_values).await?,
            "[DMN-044] a path from another run passes for {}",
            item.name
        );
        progress.say(&format!(
            "{}: included; altered input, other program and foreign path are refused",
            item.name
        ));
        reported.push(ReportedProof::new(item, path.siblings.len()));
    }
    let cost = TransactionCost::of(&provider, run.transaction).await?;
    let hard = match options.groth16 {
        false => None,
        true => {
            progress.phase("Wrapping the run's proof in Groth16, which Ethereum verifies itself");
            let on_chain = (&client, &content, &provider);
            Some(hard_run::check(devnet, progress, run_id, &accepted, on_chain).await?)
        }
    };
    let resources = resources(devnet, run_id).await?;
    let trust = Trust { quorum: devnet.deployment.sp1_verifier, hard };
    Ok(Report::new(reported, &run, cost, progress.times(), resources, trust, fast))
}

/// Asks for a run, unless a run has taken all proofs already.
async fn request_run(devnet: &Devnet, accepted: &[Accepted]) -> Result<()> {
    for item in accepted {
        let proof = devnet.store.proof(item.id).await?.context("an accepted proof is stored")?;
        if proof.status == ProofStatus::Queued {
            devnet.store.request_run(&stored(&devnet.deployment)).await?;
            return Ok(());
        }
    }
    Ok(())
}

async fn resources(devnet: &Devnet, run: i64) -> Result<Resources> {
    let jobs = devnet.store.jobs_of_run(run).await?;
    let proven = jobs.iter().filter(|job| job.program != JobLog::WRAP);
    let proving: Duration = proven.filter_map(|job| job.duration).sum();
    let prover = devnet.prover_client.info().await.ok();
    Ok(Resources {
        proving_seconds: proving.as_secs_f64(),
        prover_peak_mib: prover.map(|info| info.peak_memory_bytes >> 20),
        own_peak_mib: own_peak_mib(),
    })
}

/// What a transaction cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransactionCost {
    pub gas: u64,
    pub wei: U256,
}

impl TransactionCost {
    pub(crate) async fn of(provider: &DynProvider, transaction: B256) -> Result<Self> {
        let receipt = provider
            .get_transaction_receipt(transaction)
            .await?
            .context("the node has no receipt of the run's transaction")?;
        ensure!(receipt.status(), "[DMN-045] the run's transaction reverted");
        let execution = U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price);
        let blobs = U256::from(receipt.blob_gas_used.unwrap_or_default())
            * U256::from(receipt.blob_gas_price.unwrap_or_default());
        Ok(Self { gas: receipt.gas_used, wei: execution + blobs })
    }
}

/// A valid path of the same proof in a run that was never registered.
fn path_in_another_run(item: &Accepted) -> Result<Vec<B256>> {
    let others: Vec<Hash> = (0_u8..3).map(|n| [n; 32]).collect();
    let leaves = [&[item.proof.commitment.leaf()][..], &others].concat();
    let path = MerkleTree::new(leaves)?.path(0)?;
    Ok(path.into_iter().map(B256::from).collect())
}

/// Waits until the run that holds the demo's proofs is at least at `wanted`, and returns its number.
async fn wait_for_run(
    devnet: &Devnet,
    progress: &Progress,
    accepted: &[Accepted],
    statuses: &mut UnboundedReceiver<String>,
    wanted: RunStatus,
) -> Result<i64> {
    let first = accepted.first().context("there are proofs")?;
    loop {
        while let Ok(status) = statuses.try_recv() {
            progress.say(&status);
        }
        if let Some((run, _)) = devnet.store.run_of_proof(first.id).await? {
            let run = devnet.store.run(run).await?.context("a run that holds a proof is stored")?;
            if run.status == RunStatus::Failed {
                bail!("{}", run.reason.unwrap_or_else(|| "the run failed".to_owned()));
            }
            if order(run.status) >= order(wanted) {
                return Ok(run.id);
            }
        }
        for item in accepted {
            let proof =
                devnet.store.proof(item.id).await?.context("an accepted proof is stored")?;
            if matches!(proof.status, ProofStatus::Failed | ProofStatus::Rejected) {
                bail!(
                    "{} was taken out of the run: {}",
                    item.name,
                    proof.reason.unwrap_or_default()
                );
            }
        }
        let trouble = devnet.troubles.borrow().values().next().cloned();
        match trouble {
            Some(Trouble { text, retryable: false, .. }) => bail!("{text}"),
            Some(trouble) => progress.now(&format!("trouble, trying again: {}", trouble.text)),
            None => show(&devnet.activity.borrow().clone(), progress),
        }
        sleep(LOOK_EVERY).await;
    }
}

fn order(status: RunStatus) -> usize {
    RunStatus::ALL.iter().position(|known| *known == status).unwrap_or_default()
}

fn show(activity: &Activity, progress: &Progress) {
    match activity {
        Activity::Idle => progress.now("waiting for the aggregator"),
        Activity::Proving { job, .. }
        | Activity::Ahead { job }
        | Activity::Wrapping { job, .. } => progress.job(job),
        Activity::Attesting { detail, .. } => progress.now(&format!("operators: {detail}")),
        Activity::Submitting { .. } => progress.now("the transaction is on its way"),
    }
}
