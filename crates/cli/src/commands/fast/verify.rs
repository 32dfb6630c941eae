//! `collimate fast verify`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use collimate_sdk::{VerificationBundle, fast::limits::MAX_BUNDLE_BYTES};
use serde::Serialize;

use crate::{
    error::CliError,
    input::read_text,
    networks::Networks,
    outcome::{FailedFile, Outcome, Progress, Rows},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A bundle proves nothing by itself: its author chose all that it says. With --offline only its consistency is checked; \
    otherwise the contract of YOUR network is asked, which must confirm the proof and deny two forgeries of it. What it confirms is \
    worth the operators' stake.\n\nExamples:\n  \
    collimate fast verify verified/fibonacci.verification.json\n  \
    collimate fast verify bundle.json --offline --json"
)]
pub(super) struct VerifyArgs {
    /// The bundles, as `collimate fast submit --bundles` writes them
    #[arg(required = true, value_name = "FILE")]
    bundles: Vec<PathBuf>,
    /// Ask no node
    #[arg(long)]
    offline: bool,
    /// Seconds to wait until the operators have verified them
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    timeout: u64,
    /// Blocks that make a verification count, its own included
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    confirmations: u64,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    /// Whether all of them hold.
    holds: bool,
    /// Whether a contract was asked. If not, the bundles are consistent and no more is known.
    on_chain: bool,
    verified: Vec<Verified>,
    failed: Vec<FailedFile>,
}

#[derive(Debug, Serialize)]
struct Verified {
    file: PathBuf,
    /// Block of the verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u64>,
    bundle: VerificationBundle,
}

pub(super) async fn run(
    args: &VerifyArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = match args.offline {
        true => None,
        false => Some(networks.client()?),
    };
    let mut report = Report { on_chain: client.is_some(), ..Report::default() };
    let (mut rows, mut worst): (Rows, u8) = (vec![], 0);
    for file in &args.bundles {
        progress.say(&format!("checking {}", file.display()));
        let checked = async {
            let bundle = read_bundle(file)?;
            bundle.verify_offline()?;
            let block = match &client {
                None => None,
                Some(client) => {
                    let limit = Duration::from_secs(args.timeout);
                    let contracts = client.fast_contracts().await?;
                    Some(contracts.wait_verified(&bundle, args.confirmations, limit).await?)
                }
            };
            Ok::<_, CliError>((bundle, block))
        };
        match checked.await {
            Ok((bundle, block)) => {
                rows.extend(rows_of(file, &bundle, block));
                report.verified.push(Verified { file: file.clone(), block, bundle });
            }
            Err(error) if args.bundles.len() == 1 => return Err(error),
            Err(error) => {
                worst = worst.max(error.exit_code());
                rows.push(("failed", format!("{}: {error}", file.display())));
                report.failed.push(FailedFile::new(file, &error));
            }
        }
    }
    report.holds = report.failed.is_empty();
    Ok(Outcome::new(&report, rows).with_exit_code(worst))
}

fn read_bundle(path: &Path) -> Result<VerificationBundle, CliError> {
    let text = read_text(path, "a verification bundle", MAX_BUNDLE_BYTES)?;
    Ok(VerificationBundle::from_json(&text)?)
}

fn rows_of(file: &Path, bundle: &VerificationBundle, block: Option<u64>) -> Rows {
    let checked = match block {
        Some(block) => {
            format!("yes: consistent, and confirmed by the contract since block {block}")
        }
        None => "yes: consistent; no contract was asked (--offline)".to_owned(),
    };
    vec![
        ("bundle", file.display().to_string()),
        ("holds", checked),
        ("proof system", bundle.proving_system.to_string()),
        ("program id", bundle.program_id.to_string()),
        ("public inputs", bundle.public_inputs.to_string()),
        ("commitment", bundle.commitment.to_string()),
        ("batch", format!("{} of {}", bundle.batch_root, bundle.sender)),
    ]
}
