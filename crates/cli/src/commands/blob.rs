//! `collimate blob`.

use std::path::PathBuf;

use alloy::primitives::B256;
use clap::Args;
use collimate_chain::kzg;
use collimate_core::{Commitment, blob, tree};
use collimate_sdk::{Run, RunContent};
use serde::Serialize;

use crate::{
    args::{RunArgs, write_file},
    connection::ChainArgs,
    error::CliError,
    input::read_at_most,
    networks::Networks,
    outcome::{Outcome, Progress},
};

const MAX_FILE_BYTES: u64 = (blob::MAX_BLOBS * blob::BYTES_PER_BLOB) as u64;

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Blobs in files are raw: 131,072 bytes each, one after the other.\n\nExamples:\n  \
    collimate blob --tx 0x51c2… --rpc-url http://localhost:8545 --contract 0x5FbD… --out run.blobs\n  \
    collimate blob --root 0x9f1c… --deployment mainnet.json --beacon-url http://localhost:5052\n  \
    collimate blob --file run.blobs\n  \
    collimate blob --file run.blobs --root 0x9f1c…   (files instead of a beacon node, checked against the chain)"
)]
pub(crate) struct BlobArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Read blobs from files instead of a node. Without --root or --tx nothing is compared with a chain
    #[arg(long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Commitments in the files. Default: all up to the last that is not zero
    #[arg(long, value_name = "NUMBER", requires = "files", conflicts_with_all = ["root", "tx"])]
    count: Option<usize>,
    /// Write the raw blobs to this file, once they were checked
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    holds: bool,
    count: usize,
    root: B256,
    blob_hashes: Vec<B256>,
    /// The run on chain that these are the blobs of; none if no chain was asked.
    run: Option<Run>,
    commitments: Vec<Commitment>,
}

pub(crate) async fn run(
    args: &BlobArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let from_files = args.read_files()?;
    let named = args.run.root.is_some() || args.run.tx.is_some();
    let (blobs, report) = match (named, from_files) {
        (true, from_files) => args.of_run(from_files, networks, progress).await?,
        (false, Some(blobs)) => {
            let report = decode(&blobs, args.count)?;
            (blobs, report)
        }
        (false, None) => {
            return Err(CliError::Missing {
                what: "the run",
                remedy: "give --root or --tx, or --file to decode blobs without a chain",
            });
        }
    };
    if let Some(path) = &args.out {
        write_file(path, &blobs.concat())?;
    }
    let checked = match &report.run {
        Some(run) => format!("of transaction {}, block {}", run.transaction, run.block_number),
        None => "not compared with a chain".to_owned(),
    };
    let mut rows = vec![
        ("blobs", format!("{} ({checked})", report.blob_hashes.len())),
        ("commitments", report.count.to_string()),
        ("root", report.root.to_string()),
    ];
    rows.extend(report.blob_hashes.iter().map(|hash| ("versioned hash", hash.to_string())));
    rows.extend(report.commitments.iter().map(|commitment| ("", commitment.to_string())));
    Ok(Outcome::new(&report, rows))
}

impl BlobArgs {
    fn read_files(&self) -> Result<Option<Vec<Vec<u8>>>, CliError> {
        if self.files.is_empty() {
            return Ok(None);
        }
        let mut blobs = Vec::new();
        for path in &self.files {
            let bytes = read_at_most(path, "a file of six blobs", MAX_FILE_BYTES)?;
            let (whole, rest) = bytes.as_chunks::<{ blob::BYTES_PER_BLOB }>();
            if whole.is_empty() || !rest.is_empty() {
                return Err(CliError::Malformed {
                    what: path.display().to_string(),
                    reason: format!("{} bytes", bytes.len()),
                    remedy: "give raw blobs of 131,072 bytes each",
                });
            }
            blobs.extend(whole.iter().map(|blob| blob.to_vec()));
        }
        Ok(Some(blobs))
    }

    /// Blobs of a run on chain, from the files or from a node, compared with the chain.
    async fn of_run(
        &self,
        from_files: Option<Vec<Vec<u8>>>,
        networks: &Networks,
        progress: Progress,
    ) -> Result<(Vec<Vec<u8>>, Report), CliError> {
        let connection = self.chain.connect(None, networks).await?;
        let run = match (self.run.tx, self.run.root) {
            (Some(transaction), _) => {
                connection.aggregation.run_of_transaction(transaction).await?
            }
            (None, root) => connection.aggregation.aggregation(root.unwrap_or_default()).await?,
        };
        let blobs = match from_files {
            Some(blobs) => blobs,
            None => {
                progress.say(&format!("reading {} blobs", run.blob_hashes.len()));
                let blobs = connection.aggregation.blobs(&run, &connection.blobs).await?;
                blobs.into_iter().map(Into::into).collect()
            }
        };
        let content = RunContent::from_blobs(&run, &blobs)?;
        let report = Report {
            holds: true,
            count: content.commitments().len(),
            root: content.root(),
            blob_hashes: run.blob_hashes.clone(),
            commitments: content.commitments().to_vec(),
            run: Some(run),
        };
        Ok((blobs, report))
    }
}

/// Decodes blobs that no chain vouches for.
fn decode(blobs: &[Vec<u8>], count: Option<usize>) -> Result<Report, CliError> {
    let undecodable = |error: collimate_core::Error| CliError::Malformed {
        what: "the blobs".to_owned(),
        reason: error.to_string(),
        remedy: "give all blobs of one run, in order, and no other --count than its own",
    };
    let count = match count {
        Some(count) => count,
        None => {
            // Nobody knows values that hash to zero, so the last word that is not zero is the last commitment.
            let all = blob::decode(blobs, blobs.len().saturating_mul(blob::COMMITMENTS_PER_BLOB));
            let last = all
                .map_err(undecodable)?
                .iter()
                .rposition(|commitment| *commitment != Commitment::default());
            last.map_or(0, |last| last.saturating_add(1))
        }
    };
    let commitments = blob::decode(blobs, count).map_err(undecodable)?;
    let leaves: Vec<_> = commitments.iter().map(Commitment::leaf).collect();
    let root = tree::root(&leaves).map_err(undecodable)?.into();
    let blob_hashes: Result<_, _> = blobs.iter().map(|blob| kzg::versioned_hash(blob)).collect();
    Ok(Report { holds: true, count, root, blob_hashes: blob_hashes?, run: None, commitments })
}
