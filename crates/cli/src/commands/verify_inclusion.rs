//! `collimate verify-inclusion`.

use std::path::PathBuf;

use alloy::primitives::{B256, Bytes};
use clap::Args;
use collimate_core::{Commitment, ProgramId};
use collimate_sdk::{
    Aggregation, InclusionBundle, InclusionCheck, InclusionPath, Run, RunContent, root_of_path,
};
use serde::Serialize;

use crate::{
    args::{RunArgs, write_json},
    commands::verify_bundle::read_bundle,
    connection::{ChainArgs, Connection},
    error::CliError,
    input::{ProofArgs, public_values},
    networks::Networks,
    outcome::{Outcome, Progress, Rows},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "What is done: a proof file is verified here; the run is found by its root, its transaction, the path, \
    or by searching from a block on; the path is derived from the run's blobs unless it is given; the contract must confirm \
    the inclusion and deny an altered public value and another program; the root is rebuilt from the blobs.\n\nExamples:\n  \
    collimate verify-inclusion --proof proofs/fibonacci.proof --network devnet\n  \
    collimate verify-inclusion --proof proofs/fibonacci.proof --deployment devnet.json --rpc-url http://localhost:8545\n  \
    collimate verify-inclusion --proof proof.bin --tx 0x51c2… --bundle-out bundle.json\n  \
    collimate verify-inclusion --program-id 0x00e3… --public-values 0x0a00… --root 0x9f1c… --json\n  \
    collimate verify-inclusion --bundle bundle.json --no-blob"
)]
pub(crate) struct VerifyInclusionArgs {
    /// The proof file; it is verified first. Without it give --program-id and --public-values
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    #[command(flatten)]
    about: ProofArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Siblings from the leaf to the root, separated by commas; empty for a run of one proof. Default: derived from the
    /// blobs
    #[arg(long, value_name = "0x…,0x…")]
    path: Option<String>,
    /// Take program id, public values, root and path from a bundle
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["proof", "vk", "program_id", "public_values", "root", "tx", "path"]
    )]
    bundle: Option<PathBuf>,
    /// Ask the contract only; for runs whose blobs nobody keeps any more. Needs --path or --bundle
    #[arg(long)]
    no_blob: bool,
    /// Accept only a run whose proof the contract verified itself: the operators' word is not enough
    #[arg(long)]
    hard: bool,
    /// Search for the run from this block on. Default: the first block of deployment or profile
    #[arg(long, value_name = "NUMBER")]
    from_block: Option<u64>,
    /// Write everything that shows the inclusion to this file
    #[arg(long, value_name = "FILE")]
    bundle_out: Option<PathBuf>,
    #[command(flatten)]
    chain: ChainArgs,
}

/// What is claimed to be covered.
struct Claim {
    program_id: ProgramId,
    public_values: Bytes,
    commitment: Commitment,
    root: Option<B256>,
    path: Option<Vec<B256>>,
}

#[derive(Debug, Serialize)]
struct Report {
    holds: bool,
    /// Whether a proof file was verified here.
    proof_verified: bool,
    #[serde(flatten)]
    check: InclusionCheck,
    /// The block since which the run is hard, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    hard_since: Option<u64>,
    /// Whether the root was rebuilt from the run's blobs.
    root_rebuilt: bool,
    /// Position in the blobs, where they were read.
    index: Option<usize>,
    /// Blocks on top of the run's, and that one.
    confirmations: u64,
    bundle: InclusionBundle,
}

pub(crate) async fn run(
    args: &VerifyInclusionArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let claim = args.claim(progress)?;
    if args.no_blob && claim.path.is_none() {
        return Err(CliError::Missing {
            what: "the path, which --no-blob leaves underivable",
            remedy: "give --path or --bundle, or leave --no-blob out",
        });
    }
    let connection = args.chain.connect(None, networks).await?;
    let aggregation = &connection.aggregation;
    let (run, content) = args.find_run(&connection, &claim, progress).await?;
    let derived = content.as_ref().map(|content| content.path(&claim.commitment)).transpose()?;
    let index = derived.as_ref().map(|path| path.index);
    let path = match (&claim.path, derived) {
        (Some(given), _) => given.clone(),
        (None, Some(derived)) => derived.siblings,
        (None, None) => Vec::new(),
    };
    let check = ask(aggregation, &run, &claim, &path, progress).await?;
    let hard_since =
        if args.hard { Some(require_hard(aggregation, &run, &claim, &path).await?) } else { None };
    let confirmations = aggregation.latest_block().await?.saturating_sub(run.block_number) + 1;
    let path = InclusionPath { index: index.unwrap_or_default(), siblings: path };
    let bundle = InclusionBundle::new(&run, claim.program_id, claim.public_values, &path)?;
    if let Some(file) = &args.bundle_out {
        write_json(file, &bundle)?;
    }
    let report = Report {
        holds: true,
        proof_verified: args.proof.is_some(),
        check,
        hard_since,
        root_rebuilt: content.is_some(),
        index,
        confirmations,
        bundle,
    };
    let rows = report.rows();
    Ok(Outcome::new(&report, rows))
}

impl VerifyInclusionArgs {
    fn claim(&self, progress: Progress) -> Result<Claim, CliError> {
        if let Some(file) = &self.bundle {
            let bundle = read_bundle(file)?;
            bundle.verify_offline()?;
            let (root, path) = (Some(bundle.root), Some(bundle.path));
            return Ok(Claim::new(bundle.program_id, bundle.public_values, root, path));
        }
        let path = self.path.as_deref().map(parse_path).transpose()?;
        if let Some(proof) = &self.proof {
            progress.say(&format!("verifying {}", proof.display()));
            let verified = self.about.verify(proof)?;
            let values = verified.public_values.into();
            return Ok(Claim::new(verified.program_id, values, self.run.root, path));
        }
        let missing = |what| CliError::Missing {
            what,
            remedy: "give --proof, or --program-id and --public-values, or --bundle",
        };
        let program_id = self.about.named_program()?.ok_or(missing("the program id"))?;
        let values = self.about.public_values.as_deref().ok_or(missing("the public values"))?;
        Ok(Claim::new(program_id, public_values(values)?, self.run.root, path))
    }

    /// The run, and its content unless blobs are not to be read.
    async fn find_run(
        &self,
        connection: &Connection,
        claim: &Claim,
        progress: Progress,
    ) -> Result<(Run, Option<RunContent>), CliError> {
        let aggregation = &connection.aggregation;
        let led_to = claim.path.as_ref().map(|path| root_of_path(&claim.commitment, path));
        let run = match (self.run.tx, claim.root.or(led_to)) {
            (Some(transaction), _) => aggregation.run_of_transaction(transaction).await?,
            (None, Some(root)) => aggregation.aggregation(root).await?,
            (None, None) => {
                let from = self.from_block.or(connection.first_block).ok_or(CliError::Missing {
                    what: "the run",
                    remedy: "give --root, --tx or --path, or --from-block to search for it",
                })?;
                progress.say(&format!("searching from block {from} on"));
                let found =
                    aggregation.find(&claim.commitment, from, None, &connection.blobs).await?;
                return Ok((found.0, Some(found.1)));
            }
        };
        if self.no_blob {
            return Ok((run, None));
        }
        progress.say(&format!("reading {} blobs of root {}", run.blob_hashes.len(), run.root));
        let content = aggregation.content(&run, &connection.blobs).await?;
        Ok((run, Some(content)))
    }
}

/// Asks the contract; anything but true, false, false is an error.
async fn ask(
    aggregation: &Aggregation,
    run: &Run,
    claim: &Claim,
    path: &[B256],
    progress: Progress,
) -> Result<InclusionCheck, CliError> {
    let found = root_of_path(&claim.commitment, path);
    if found != run.root {
        return Err(CliError::PathLeadsElsewhere { found, expected: run.root });
    }
    progress.say("asking the contract");
    let check = aggregation.check_inclusion(path, &claim.program_id, &claim.public_values).await?;
    let contract = aggregation.contract();
    if !check.included {
        return Err(CliError::NotIncluded { contract, root: run.root });
    }
    if !check.holds() {
        let (altered, other) = (check.altered_public_values, check.other_program);
        return Err(CliError::AcceptsForgery { contract, altered, other });
    }
    Ok(check)
}

/// Asks the contract for a hard run; returns the block since which it is one.
async fn require_hard(
    aggregation: &Aggregation,
    run: &Run,
    claim: &Claim,
    path: &[B256],
) -> Result<u64, CliError> {
    let (program, values) = (&claim.program_id, &claim.public_values);
    let included = aggregation.verify_inclusion_hard(path, program, values).await?;
    let since = aggregation.hard_since(run.root).await?;
    since
        .filter(|_| included)
        .ok_or_else(|| CliError::NotHard { contract: aggregation.contract(), root: run.root })
}

impl Claim {
    fn new(
        program_id: ProgramId,
        public_values: Bytes,
        root: Option<B256>,
        path: Option<Vec<B256>>,
    ) -> Self {
        let commitment = Commitment::new(&public_values, &program_id);
        Self { program_id, public_values, commitment, root, path }
    }
}

impl Report {
    fn rows(&self) -> Rows {
        let bundle = &self.bundle;
        let rebuilt = if self.root_rebuilt { "yes" } else { "not asked for (--no-blob)" };
        let hard = match self.hard_since {
            Some(block) => format!("since block {block}"),
            None => "not asked for (--hard)".to_owned(),
        };
        let verified = if self.proof_verified { "yes" } else { "no proof file was given" };
        let path: Vec<_> = bundle.path.iter().map(B256::to_string).collect();
        let leaf = match self.index {
            Some(index) => format!("{} (number {index} of {})", bundle.leaf, bundle.leaf_count),
            None => bundle.leaf.to_string(),
        };
        vec![
            ("proof verified here", verified.to_owned()),
            ("included", self.check.included.to_string()),
            ("altered public values", self.check.altered_public_values.to_string()),
            ("another program", self.check.other_program.to_string()),
            ("hard", hard),
            ("root rebuilt from blobs", rebuilt.to_owned()),
            ("program id", bundle.program_id.to_string()),
            ("public values", bundle.public_values.to_string()),
            ("commitment", bundle.commitment.to_string()),
            ("leaf", leaf),
            ("root", bundle.root.to_string()),
            ("path", path.join(",")),
            ("transaction", bundle.transaction.to_string()),
            ("block", format!("{} ({} confirmations)", bundle.block_number, self.confirmations)),
            ("contract", format!("{} on chain {}", bundle.contract, bundle.chain_id)),
        ]
    }
}

fn parse_path(text: &str) -> Result<Vec<B256>, CliError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(|sibling| {
            sibling.trim().parse().map_err(|error: alloy::hex::FromHexError| CliError::Malformed {
                what: "--path".to_owned(),
                reason: format!("{sibling}: {error}"),
                remedy: "give hashes of 32 bytes, separated by commas",
            })
        })
        .collect()
}
