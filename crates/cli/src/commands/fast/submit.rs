//! `collimate fast submit`.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy::primitives::{Address, B256, U256};
use clap::Args;
use collimate_sdk::{
    Client, FastProof, ProofGroup,
    fast::{GroupId, GroupStatus, KeptGroups, Submission, UploadProgress},
};
use serde::Serialize;
use tokio::time::Instant;

use super::{
    groups::{verified_bundles, watch_one},
    proofs::{ProofsArgs, write_bundles},
};
use crate::{
    amount::parse_amount,
    error::CliError,
    format::{ether, time},
    home::groups,
    keys::{KeyArgs, consent},
    networks::Networks,
    outcome::{Outcome, Progress, Rows},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "All proofs of one command are one group, with one signature. Everybody in a batch pays the same price for a proof; you \
    sign for the most that yours may cost together. What is signed is kept: after any failure run the same command again, and the same \
    group goes on, paid once.\n\nWith --bundles it is waited for, and the chain asked: the files are written only if the operators have \
    verified every proof.\n\nExamples:\n  \
    collimate fast submit proofs/fibonacci.proof\n  \
    collimate fast submit proofs --max-fee 0.01eth --bundles verified\n  \
    collimate fast submit proof.json --system circom-groth16-bn254 --yes\n  \
    collimate fast submit --list proofs.json --json | jq -r .id | xargs collimate fast watch"
)]
pub(super) struct SubmitArgs {
    #[command(flatten)]
    proofs: ProofsArgs,
    /// The most that all of them may cost together, with its unit. Default: what a batch alone costs, as `collimate fast fees`
    /// shows; you are asked
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount)]
    max_fee: Option<u128>,
    /// Do not ask before signing
    #[arg(long, short)]
    yes: bool,
    /// Sign again for proofs that were sent before, and pay again
    #[arg(long)]
    again: bool,
    /// A contract wallet (EIP-1271) that pays; your key signs as its owner. Default: your key's own account
    #[arg(long, value_name = "ADDRESS")]
    account: Option<Address>,
    /// Wait until the group is verified
    #[arg(long)]
    wait: bool,
    /// Wait, and write what shows the verification to `<stem>.verification.json` in this folder
    #[arg(long, value_name = "FOLDER")]
    bundles: Option<PathBuf>,
    /// Seconds to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    id: GroupId,
    status: GroupStatus,
    /// Whether it had been signed before, by a command that was interrupted, or that did the same.
    resumed: bool,
    user: Address,
    batcher: Address,
    first_nonce: u64,
    max_fee_wei: String,
    deadline: u64,
    proofs: Vec<ReportedProof>,
    /// The batcher's word, whose signature was checked.
    receipt: serde_json::Value,
    /// Whether the chain confirms every proof; absent if it was not waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    /// Block of the verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bundles: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct ReportedProof {
    file: String,
    proving_system: u16,
    program_id: B256,
    commitment: B256,
    nonce: u64,
}

pub(super) async fn run(
    args: &SubmitArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    client.batcher()?;
    let signer = args.key.authorise(args.account)?;
    let user = signer.account();
    let group = ProofGroup::new(args.proofs.read(user, progress)?)?;
    let kept = KeptGroups::new(&groups()?);
    let max_fee = args.consent(&client, &group, &kept, user).await?;
    progress.say("sending the group");
    let sent = client
        .submit_group(group, max_fee, signer.as_ref(), Some(&kept), &upload_progress(progress))
        .await?;
    let id = sent.accepted.id;
    let how = if sent.resumed { "accepted, as signed before" } else { "accepted" };
    progress.say(&format!("{how}, group {id}"));
    let mut report = Report::of(&sent)?;
    if args.wait || args.bundles.is_some() {
        let (limit, started) = (Duration::from_secs(args.timeout), Instant::now());
        let answer = watch_one(&client, &id, GroupStatus::Batched, limit, progress).await?;
        report.status = answer.status;
        let proofs = sent.signed.group().proofs();
        let left = limit.saturating_sub(started.elapsed());
        let (bundles, block) = verified_bundles(&client, &id, proofs, left, progress).await?;
        report.status = GroupStatus::Verified;
        (report.verified, report.block) = (Some(true), Some(block));
        if let Some(folder) = &args.bundles {
            report.bundles = write_bundles(folder, proofs, &bundles)?;
        }
    }
    let rows = report.rows();
    Ok(Outcome::new(&report, rows))
}

impl SubmitArgs {
    /// The fee to sign for. Who names it has consented; what was signed before needs no consent again.
    async fn consent(
        &self,
        client: &Client,
        group: &ProofGroup,
        kept: &KeptGroups,
        user: Address,
    ) -> Result<u128, CliError> {
        let parties = client.group_parties(user).await?;
        if self.again {
            kept.forget(&parties, group)?;
        }
        let before = kept.find(&parties, group)?;
        match (self.max_fee, before) {
            (Some(fee), _) => Ok(fee),
            (None, Some(signed)) => Ok(signed.authorization().max_fee.0),
            (None, None) => {
                let fee = client.sufficient_fee().await?;
                let amount = ether(U256::from(fee));
                let question = format!("Sign for {} proofs, at most {amount}?", group.count());
                consent(self.yes, &question)?;
                Ok(fee)
            }
        }
    }
}

/// Tells of every quarter of an upload.
fn upload_progress(progress: Progress) -> UploadProgress {
    let told = AtomicU64::new(0);
    Arc::new(move |sent, total| {
        let quarter = sent.saturating_mul(4).checked_div(total).unwrap_or(4);
        if told.swap(quarter, Ordering::Relaxed) < quarter {
            let percent = quarter.saturating_mul(25);
            progress.say(&format!("{percent} % of {} KiB are sent", total.div_ceil(1024)));
        }
    })
}

impl Report {
    fn of(sent: &Submission) -> Result<Self, CliError> {
        let (signed, accepted) = (&sent.signed, &sent.accepted);
        let authorization = signed.authorization();
        let nonces = authorization.first_nonce..;
        let proof = |(proof, nonce): (&FastProof, u64)| ReportedProof {
            file: proof.name().to_owned(),
            proving_system: proof.item().proving_system,
            program_id: proof.item().program_id.0.into(),
            commitment: proof.commitment(),
            nonce,
        };
        let receipt = serde_json::to_value(&accepted.receipt);
        Ok(Self {
            id: accepted.id,
            status: accepted.status,
            resumed: sent.resumed,
            user: authorization.user,
            batcher: authorization.batcher,
            first_nonce: authorization.first_nonce,
            max_fee_wei: authorization.max_fee.to_string(),
            deadline: authorization.deadline,
            proofs: signed.group().proofs().iter().zip(nonces).map(proof).collect(),
            receipt: receipt.map_err(|error| CliError::Runtime(error.into()))?,
            verified: None,
            block: None,
            bundles: vec![],
        })
    }

    fn rows(&self) -> Rows {
        let mut rows = vec![
            ("group", self.id.to_string()),
            ("status", self.status.to_string()),
            ("proofs", self.proofs.len().to_string()),
            ("paid by", format!("{}, from nonce {}", self.user, self.first_nonce)),
            ("at most", format!("{} wei, charged until {}", self.max_fee_wei, time(self.deadline))),
        ];
        for proof in &self.proofs {
            rows.push(("commitment", format!("{}  {}", proof.commitment, proof.file)));
        }
        if let Some(block) = self.block {
            rows.push(("verified", format!("yes, in block {block}; the contract confirms it")));
        }
        for path in &self.bundles {
            rows.push(("written", path.display().to_string()));
        }
        rows
    }
}
