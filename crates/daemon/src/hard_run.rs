//! The demo's last claim with `--groth16`: the contract itself verified a Groth16 proof of the run.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, U256},
    providers::DynProvider,
};
use anyhow::{Context, Result, bail, ensure};
use collimate_aggregator::{Activity, Concern, JobLog, Trouble};
use collimate_contracts::SP1Groth16Verifier;
use collimate_sdk::{Aggregation, RunContent};
use collimate_store::RunId;
use serde::Serialize;
use tokio::time::sleep;

use crate::{demo::TransactionCost, devnet::Devnet, progress::Progress, submission::Accepted};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Failures in a row, each after the prover's own attempts, that the demo waits for.
const PATIENCE: u32 = 2;

/// What made the run's root hard.
#[derive(Debug, Serialize)]
pub(crate) struct HardReport {
    /// The block since which it is.
    pub since: u64,
    pub transaction: B256,
    pub gas: u64,
    pub cost_wei: U256,
    /// How long the wrap took; nothing if it was there already.
    pub wrap_seconds: f64,
    /// The contract that verified the proof.
    pub verifier: Address,
    /// Whether its key is of a set-up whose maker could forge.
    pub development_key: bool,
}

/// Waits until the run is hard, and asks the contract for the hard inclusion of every proof.
pub(crate) async fn check(
    devnet: &Devnet,
    progress: &Progress,
    run: RunId,
    accepted: &[Accepted],
    (client, content, provider): (&Aggregation, &RunContent, &DynProvider),
) -> Result<HardReport> {
    let (root, since, transaction) = wait(devnet, progress, run).await?;
    let on_chain = client.hard_since(root).await?;
    ensure!(
        on_chain == Some(since),
        "[DMN-088] the contract says that the root is hard since {on_chain:?}, the service since {since}"
    );
    for item in accepted {
        let proof = &item.proof;
        let path = content.path(&proof.commitment)?.siblings;
        let (program, values) = (&proof.program_id, &proof.public_values);
        ensure!(
            client.verify_inclusion_hard(&path, program, values).await?,
            "[DMN-089] {} is not included in a hard run",
            item.name
        );
        let altered = [values.as_slice(), &[0]].concat();
        ensure!(
            !client.verify_inclusion_hard(&path, program, &altered).await?,
            "[DMN-042] an altered public input of {} passes",
            item.name
        );
    }
    progress.say("the contract calls every proof hard, and denies altered inputs");

    let verifier = devnet.deployment.hard_verifier.context("the deployment verifies proofs")?;
    let contract = SP1Groth16Verifier::new(verifier, provider);
    let development_key = contract.IS_DEVELOPMENT_KEY().call().await?;
    let cost = TransactionCost::of(provider, transaction).await?;
    let jobs = devnet.store.jobs_of_run(run).await?;
    let wraps = jobs.iter().filter(|job| job.program == JobLog::WRAP);
    let took: Duration = wraps.filter_map(|job| job.duration).sum();
    Ok(HardReport {
        since,
        transaction,
        gas: cost.gas,
        cost_wei: cost.wei,
        wrap_seconds: took.as_secs_f64(),
        verifier,
        development_key,
    })
}

/// Root, block and transaction of the run, once it is hard.
async fn wait(devnet: &Devnet, progress: &Progress, id: RunId) -> Result<(B256, u64, B256)> {
    loop {
        let run = devnet.store.run(id).await?.context("a final run is stored")?;
        if let Some(since) = run.hard_since {
            let root = run.statement.context("a final run has a statement")?.root;
            let transaction = run.hard_tx_hash.context("the service brought the proof itself")?;
            return Ok((root.into(), since, transaction.into()));
        }
        let trouble = devnet.troubles.borrow().get(&Concern::Hard(id)).cloned();
        match trouble {
            Some(Trouble { text, retryable, times, .. }) if !retryable || times >= PATIENCE => {
                bail!("{text}");
            }
            Some(trouble) => progress.now(&format!("trouble, trying again: {}", trouble.text)),
            None => show(&devnet.activity.borrow().clone(), progress),
        }
        sleep(LOOK_EVERY).await;
    }
}

fn show(activity: &Activity, progress: &Progress) {
    match activity {
        Activity::Wrapping { job, .. } => progress.job(job),
        Activity::Submitting { .. } => progress.now("the proof is on its way to the contract"),
        _ => progress.now("the wrap waits for the prover"),
    }
}
