//! `collimate inclusion`.

use std::path::PathBuf;

use clap::Args;
use collimate_sdk::{Guarantee, InclusionBundle, ProofId};
use serde::Serialize;

use crate::{
    args::write_json,
    commands::status::guarantee_words,
    error::CliError,
    input::ProofArgs,
    networks::Networks,
    outcome::{Outcome, Progress},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Nothing that the service says is believed: the bundle is checked by itself, and the contract that your network profile names \
    must confirm the proof and deny two forgeries of it. With --proof it is also compared with your own proof.\n\nThe bundle \
    is all that `verifyProofInclusion` takes; keep it, `collimate verify-bundle` checks it again. If the service is gone, \
    `collimate verify-inclusion --proof FILE --bundle-out FILE` derives the same from the run's blobs.\n\nExit code 5 if the proof is \
    not on chain yet.\n\nExamples:\n  \
    collimate inclusion 0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e --out bundle.json\n  \
    collimate inclusion 0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e --proof proofs/fibonacci.proof"
)]
pub(crate) struct InclusionArgs {
    /// The proof's id
    id: ProofId,
    /// Write the bundle to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Your proof file: it is verified, and must be the one that is included
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    #[command(flatten)]
    about: ProofArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    holds: bool,
    /// Whether it was compared with a proof file.
    proof_verified: bool,
    proof_id: ProofId,
    run_id: i64,
    leaf_index: u32,
    /// As the contract says.
    guarantee: Guarantee,
    #[serde(skip_serializing_if = "Option::is_none")]
    hard_since: Option<u64>,
    bundle: InclusionBundle,
}

pub(crate) async fn run(
    args: &InclusionArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let expected = match &args.proof {
        Some(proof) => {
            progress.say(&format!("verifying {}", proof.display()));
            Some(args.about.verify(proof)?.commitment)
        }
        None => None,
    };
    progress.say("asking the service, then the contract");
    let (inclusion, run) = client.inclusion(&args.id, expected.as_ref()).await?;
    let hard_since = client.aggregation().await?.hard_since(run.root).await?;
    let guarantee = Guarantee::of(hard_since);
    let bundle = inclusion.bundle;
    if let Some(path) = &args.out {
        write_json(path, &bundle)?;
    }
    let siblings: Vec<_> = bundle.path.iter().map(ToString::to_string).collect();
    let mut rows = vec![
        ("included", "yes: the contract confirms it, and denies two forgeries".to_owned()),
        ("guarantee", guarantee_words(guarantee, hard_since)),
        ("program id", bundle.program_id.to_string()),
        ("public values", bundle.public_values.to_string()),
        ("commitment", bundle.commitment.to_string()),
        (
            "leaf",
            format!("{} (number {} of {})", bundle.leaf, inclusion.leaf_index, run.leaf_count),
        ),
        ("root", bundle.root.to_string()),
        ("path", siblings.join(",")),
        ("transaction", bundle.transaction.to_string()),
        ("block", bundle.block_number.to_string()),
        ("contract", format!("{} on chain {}", bundle.contract, bundle.chain_id)),
    ];
    if let Some(path) = &args.out {
        rows.push(("bundle", path.display().to_string()));
    }
    let report = Report {
        holds: true,
        proof_verified: args.proof.is_some(),
        proof_id: inclusion.proof_id,
        run_id: inclusion.run_id,
        leaf_index: inclusion.leaf_index,
        guarantee,
        hard_since,
        bundle,
    };
    Ok(Outcome::new(&report, rows))
}
