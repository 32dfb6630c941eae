//! The demo of fast mode: a batch of real proofs that a contract knows seconds later, and one with a forged proof that it never will.

use std::{
    fs,
    path::{Path, PathBuf, absolute},
    time::{Duration, Instant},
};

use alloy::{primitives::B256, transports::http::reqwest};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{customer::Customer, devnet::FastMode, progress::Progress};

/// Wei that the demo's account with the batcher should have, and what is paid in otherwise.
const ENOUGH: u128 = 20_000_000_000_000_000;
const DEPOSIT: &str = "0.05eth";
/// What a task made by hand pays for its response at most.
const FEE_LIMIT: &str = "0.01eth";
/// How long operators may take to look at a batch.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);
/// The code of an operator that found a proof that does not hold.
const INVALID_PROOF: &str = "OPR-004";

/// What fast mode did.
#[derive(Debug, Serialize)]
pub(crate) struct FastReport {
    group: B256,
    proofs: usize,
    proving_systems: usize,
    /// Block in which the operators' signature was verified.
    block: u64,
    /// From the first proof's verification by its user to the contract's answer.
    seconds: f64,
    forged: Forged,
}

/// A task whose batch has a proof that does not hold.
#[derive(Debug, Serialize)]
struct Forged {
    task: B256,
    /// Operators that looked at it and refused.
    refused_by: usize,
}

impl FastReport {
    /// In a line.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} proofs of {} systems verified in block {}, {:.1} s after they were handed in; a forged one refused by {} operators",
            self.proofs, self.proving_systems, self.block, self.seconds, self.forged.refused_by
        )
    }
}

/// What `collimate fast account` says.
#[derive(Debug, Deserialize)]
struct AccountAnswer {
    account: Account,
}

#[derive(Debug, Deserialize)]
struct Account {
    balance_wei: String,
}

/// What `collimate fast submit` says.
#[derive(Debug, Deserialize)]
struct Submitted {
    id: B256,
    verified: Option<bool>,
    block: Option<u64>,
    proofs: Vec<SubmittedProof>,
    bundles: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct SubmittedProof {
    proving_system: u16,
}

/// What `collimate fast verify` says.
#[derive(Debug, Deserialize)]
struct Verified {
    holds: bool,
    on_chain: bool,
}

/// What `collimate fast create-batch` says.
#[derive(Debug, Deserialize)]
struct Created {
    task: Task,
}

#[derive(Debug, Deserialize)]
struct Task {
    task_id: B256,
}

/// What an operator says of a task.
#[derive(Debug, Deserialize)]
struct View {
    code: Option<String>,
}

/// Has a list of proofs verified, and a forged one refused.
pub(crate) async fn run(
    customer: &Customer,
    fast_mode: &FastMode,
    list: &Path,
    state: &Path,
    progress: &Progress,
) -> Result<FastReport> {
    let AccountAnswer { account } = customer.ask(["fast", "account"]).await?;
    if account.balance_wei.parse::<u128>().unwrap_or_default() < ENOUGH {
        progress.now("paying into the account with the batcher");
        let _: serde_json::Value =
            customer.ask(["fast", "deposit", "--amount", DEPOSIT, "--yes"]).await?;
        progress.say(&format!("the user paid {DEPOSIT} into an account with the batcher"));
    }
    let (started, list, bundles) =
        (Instant::now(), text(&absolute(list)?)?, text(&absolute(state.join("verified"))?)?);
    progress.now("verifying, submitting, waiting for the operators");
    let submitted: Submitted =
        customer.ask(["fast", "submit", "--list", &list, "--bundles", &bundles, "--yes"]).await?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(submitted.verified == Some(true), "[DMN-074] the chain does not confirm the batch");
    let mut systems: Vec<u16> = submitted.proofs.iter().map(|proof| proof.proving_system).collect();
    systems.sort_unstable();
    systems.dedup();
    let block = submitted.block.context("a verified batch has a block")?;
    progress.say(&format!(
        "{} proofs of {} proof systems verified by the operators in block {block}, after {seconds:.1} s",
        submitted.proofs.len(),
        systems.len(),
    ));

    let files = submitted.bundles.iter().map(|file| text(file)).collect::<Result<Vec<_>>>()?;
    let arguments: Vec<&str> =
        ["fast", "verify"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let verified: Verified = customer.ask_all(&arguments).await?;
    ensure!(
        verified.holds && verified.on_chain,
        "[DMN-074] the contract does not confirm every proof"
    );
    progress.say("the contract knows every one of them, and denies altered ones");

    let forged = forged(customer, fast_mode, state, progress).await?;
    Ok(FastReport {
        group: submitted.id,
        proofs: submitted.proofs.len(),
        proving_systems: systems.len(),
        block,
        seconds,
        forged,
    })
}

/// A batch made by hand, without the batcher, who would not take it.
async fn forged(
    customer: &Customer,
    fast_mode: &FastMode,
    state: &Path,
    progress: &Progress,
) -> Result<Forged> {
    let folder = absolute(state.join("forged"))?;
    let proof = forge(&folder)?;
    let (store, out) = (text(&absolute(state.join("batches"))?)?, text(&folder)?);
    let created: Created = customer
        .ask([
            "fast",
            "create-batch",
            &proof,
            "--system",
            "circom-groth16-bn254",
            "--no-verify",
            "--store",
            &store,
            "--fee-limit",
            FEE_LIMIT,
            "--out",
            &out,
            "--no-wait",
            "--yes",
        ])
        .await?;
    let task = created.task.task_id;
    progress.now("operators look at a batch with a forged proof");
    for operator in &fast_mode.operators {
        refused(operator, task).await?;
    }
    let refused_by = fast_mode.operators.len();
    progress.say(&format!(
        "a batch with a forged proof: all {refused_by} operators refuse it ({INVALID_PROOF})"
    ));
    Ok(Forged { task, refused_by })
}

/// A sample with one bit changed.
fn forge(folder: &Path) -> Result<String> {
    const PROOF: &[u8] = include_bytes!("../../../proofs/fast/sudoku.proof");
    const KEY: &[u8] = include_bytes!("../../../proofs/fast/sudoku.vk");
    const INPUTS: &[u8] = include_bytes!("../../../proofs/fast/sudoku.pub");
    fs::create_dir_all(folder)?;
    // Another solution's public input: the points stay on their curves, so only the proof itself is wrong.
    let mut inputs = INPUTS.to_vec();
    if let Some(last) = inputs.last_mut() {
        *last ^= 1;
    }
    let file = folder.join("forged.proof");
    fs::write(&file, PROOF)?;
    fs::write(file.with_extension("vk"), KEY)?;
    fs::write(file.with_extension("pub"), inputs)?;
    text(&file)
}

/// Waits until an operator says that a proof of the task's batch does not hold.
async fn refused(operator: &reqwest::Url, task: B256) -> Result<()> {
    let url = operator.join(&format!("v1/tasks/{task}/signature"))?;
    let started = Instant::now();
    loop {
        let answer = reqwest::get(url.clone()).await?;
        if answer.status().is_success() {
            let view: View = answer.json().await?;
            if view.code.as_deref() == Some(INVALID_PROOF) {
                return Ok(());
            }
        }
        if started.elapsed() > PATIENCE {
            bail!("[DMN-075] the operator at {operator} did not refuse a forged proof");
        }
        sleep(PAUSE).await;
    }
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).context("[DMN-001] the state's path is not UTF-8")
}
