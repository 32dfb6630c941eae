//! `collimate verify`.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, Bytes};
use clap::Args;
use collimate_core::{Commitment, ProgramId};
use collimate_verifiers::VerifiedProof;
use serde::Serialize;

use crate::{
    error::CliError,
    input::ProofArgs,
    outcome::{Outcome, Progress},
};

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    collimate verify proofs/fibonacci.proof\n  \
    collimate verify proof.bin --vk program_vk.bin --json\n  \
    collimate verify groth16.bin --form groth16 --program-id 0x00e3… --public-values public_values.bin")]
pub(crate) struct VerifyArgs {
    /// The proof file
    proof: PathBuf,
    #[command(flatten)]
    about: ProofArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    holds: bool,
    program_id: ProgramId,
    public_values: Bytes,
    commitment: Commitment,
    leaf: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    sp1_version: Option<String>,
    milliseconds: u128,
}

pub(crate) fn run(args: &VerifyArgs, progress: Progress) -> Result<Outcome, CliError> {
    progress.say(&format!("verifying {}", args.proof.display()));
    let started = Instant::now();
    let verified = args.about.verify(&args.proof)?;
    Ok(report(verified, started.elapsed()))
}

fn report(verified: VerifiedProof, time: Duration) -> Outcome {
    let report = Report {
        holds: true,
        program_id: verified.program_id,
        public_values: verified.public_values.into(),
        commitment: verified.commitment,
        leaf: verified.commitment.leaf().into(),
        sp1_version: verified.sp1.map(|claims| claims.version),
        milliseconds: time.as_millis(),
    };
    let mut rows = vec![
        ("verified", format!("yes, in {} ms", report.milliseconds)),
        ("program id", report.program_id.to_string()),
        ("public values", report.public_values.to_string()),
        ("commitment", report.commitment.to_string()),
        ("leaf", report.leaf.to_string()),
    ];
    rows.extend(report.sp1_version.clone().map(|version| ("SP1 circuits", version)));
    Outcome::new(&report, rows)
}
