//! `collimate verify-bundle`.

use std::path::{Path, PathBuf};

use clap::Args;
use collimate_sdk::InclusionBundle;
use serde::Serialize;

use crate::{
    connection::ChainArgs,
    error::CliError,
    input::read_text,
    networks::Networks,
    outcome::{Outcome, Progress},
};

/// Public values as hexadecimal digits, and a path.
const MAX_BUNDLE_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A bundle proves nothing by itself: its author chose all that it says. Without a node only its \
    consistency is checked; with one, the contract that YOU name is asked.\n\nExamples:\n  \
    collimate verify-bundle bundle.json\n  \
    collimate verify-bundle bundle.json --network devnet\n  \
    collimate verify-bundle bundle.json --rpc-url http://localhost:8545 --contract 0x5FbD…"
)]
pub(crate) struct VerifyBundleArgs {
    /// The bundle, as `collimate verify-inclusion --bundle-out` writes it
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// Ask no node, even if COLLIMATE_RPC_URL is set or a network is in use
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    holds: bool,
    /// Whether a contract was asked. If not, the bundle is consistent and no more is known.
    on_chain: bool,
    bundle: &'a InclusionBundle,
}

pub(crate) async fn run(
    args: &VerifyBundleArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let bundle = read_bundle(&args.bundle)?;
    bundle.verify_offline()?;
    let on_chain = !args.offline && args.chain.has_node(networks)?;
    if on_chain {
        progress.say("asking the contract");
        let connection = args.chain.connect(Some(bundle.chain_id), networks).await?;
        connection.aggregation.verify_bundle(&bundle).await?;
    }
    let checked = if on_chain {
        "yes: consistent, registered as it says, and confirmed by the contract"
    } else {
        "yes: consistent; no contract was asked (give --network, or --rpc-url and --contract)"
    };
    let rows = vec![
        ("holds", checked.to_owned()),
        ("program id", bundle.program_id.to_string()),
        ("public values", bundle.public_values.to_string()),
        ("commitment", bundle.commitment.to_string()),
        ("root", bundle.root.to_string()),
        ("transaction", bundle.transaction.to_string()),
        ("contract", format!("{} on chain {}", bundle.contract, bundle.chain_id)),
    ];
    Ok(Outcome::new(&Report { holds: true, on_chain, bundle: &bundle }, rows))
}

pub(crate) fn read_bundle(path: &Path) -> Result<InclusionBundle, CliError> {
    let text = read_text(path, "an inclusion bundle", MAX_BUNDLE_BYTES)?;
    Ok(InclusionBundle::from_json(&text)?)
}
