//! The command line.

use std::{fs, path::Path};

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::commands::{
    blob::BlobArgs,
    deposit::DepositArgs,
    fast::FastArgs,
    inclusion::InclusionArgs,
    network::NetworkArgs,
    program_id::ProgramIdArgs,
    quota::QuotaArgs,
    status::{ListArgs, StatusArgs, WatchArgs},
    submit::SubmitArgs,
    verify::VerifyArgs,
    verify_bundle::VerifyBundleArgs,
    verify_evidence::VerifyEvidenceArgs,
    verify_inclusion::VerifyInclusionArgs,
    wallet::WalletArgs,
};
use crate::error::CliError;

/// Submit proofs for aggregation or to fast mode, and check what Ethereum says about them on your own.
#[derive(Debug, Parser)]
#[command(
    name = "collimate",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Results go to stdout, progress and errors to stderr.\n\
        Exit codes: 0 done, or it holds; 1 it does not hold, or a proof was rejected or failed; 2 wrong usage; 3 no answer \
        (service, node, file or machine failed: the same command can succeed later); 4 refused until you change something \
        (credits, funds, key); 5 not yet (the time to wait is over, or the proof is not on chain).\n\
        With several proofs, the highest of their codes."
)]
pub(crate) struct Cli {
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The network: a profile's name, or its file (a value with a slash, or that ends in .json). Default: the one chosen with
    /// `collimate network use`
    #[arg(
        long,
        global = true,
        value_name = "NAME|FILE",
        env = "COLLIMATE_NETWORK",
        hide_env_values = true
    )]
    pub(crate) network: Option<String>,
    /// Say nothing about progress
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make, import or show the key that pays
    Wallet(WalletArgs),
    /// Keep profiles of networks, and choose one
    Network(NetworkArgs),
    /// Buy credits from the payment contract
    Deposit(Box<DepositArgs>),
    /// Show an account's credits and nonce
    Quota(QuotaArgs),
    /// Submit proofs for aggregation
    Submit(Box<SubmitArgs>),
    /// Show where proofs stand
    Status(StatusArgs),
    /// Follow proofs until they are final
    Watch(WatchArgs),
    /// List proofs
    List(ListArgs),
    /// Fetch a proof's inclusion, verify it here and on chain, and save it
    Inclusion(Box<InclusionArgs>),
    /// Verify a proof file, without any node
    Verify(VerifyArgs),
    /// Print the program id of a verifying key, and its words
    ProgramId(ProgramIdArgs),
    /// Ask the contract whether a run covers a proof, and rebuild the run's root from its blobs
    VerifyInclusion(Box<VerifyInclusionArgs>),
    /// Check an inclusion bundle: alone, or against a contract
    VerifyBundle(VerifyBundleArgs),
    /// Check evidence that operators of fast mode signed for a proof that does not hold
    VerifyEvidence(VerifyEvidenceArgs),
    /// Fetch, check and decode the blobs of a run
    Blob(BlobArgs),
    /// Have proofs verified by operators within seconds: fast mode
    Fast(FastArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  \
        collimate completions bash > /etc/bash_completion.d/collimate")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which run, if it is named.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RunArgs {
    /// The run's root
    #[arg(long, value_name = "0x…", conflicts_with = "tx")]
    pub(crate) root: Option<alloy::primitives::B256>,
    /// The transaction that registered the run
    #[arg(long, value_name = "0x…")]
    pub(crate) tx: Option<alloy::primitives::TxHash>,
}

/// Where a result is written, besides stdout.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    fs::write(path, bytes).map_err(|source| CliError::Write { path: path.to_owned(), source })
}

/// The same as JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), CliError> {
    let mut json = serde_json::to_vec_pretty(value)
        .map_err(|error| CliError::Write { path: path.to_owned(), source: error.into() })?;
    json.push(b'\n');
    write_file(path, &json)
}

/// Makes a folder for what is written, unless it is there.
pub(crate) fn make_folder(path: &Path) -> Result<(), CliError> {
    fs::create_dir_all(path).map_err(|source| CliError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use clap::CommandFactory;

    use super::Cli;

    /// The help texts as a page.
    fn page() -> String {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut page = String::from(
            "# The `collimate` command\n\nThis page is made from the command's own help: `COLLIMATE_WRITE_DOCS=1 cargo test \
             --release -p collimate-cli` writes it.\n",
        );
        let mut add = |name: &str, help: String| {
            let help: Vec<_> = help.lines().map(str::trim_end).collect();
            write!(page, "\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end())
                .unwrap();
        };
        add("collimate", command.clone().render_long_help().to_string());
        for subcommand in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let name = format!("collimate {}", subcommand.get_name());
            add(&name, subcommand.clone().term_width(100).render_long_help().to_string());
            for inner in subcommand.get_subcommands().filter(|inner| inner.get_name() != "help") {
                let name = format!("{name} {}", inner.get_name());
                add(&name, inner.clone().term_width(100).render_long_help().to_string());
            }
        }
        page
    }

    #[test]
    fn arguments_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documentation_is_the_help() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
        if std::env::var_os("COLLIMATE_WRITE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(written, page(), "docs/cli.md is out of date: set COLLIMATE_WRITE_DOCS=1");
    }
}
