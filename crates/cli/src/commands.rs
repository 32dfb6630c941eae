//! One module a command.

pub(crate) mod blob;
pub(crate) mod deposit;
pub(crate) mod fast;
pub(crate) mod inclusion;
pub(crate) mod network;
pub(crate) mod program_id;
pub(crate) mod quota;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod verify;
pub(crate) mod verify_bundle;
pub(crate) mod verify_evidence;
pub(crate) mod verify_inclusion;
pub(crate) mod wallet;

use clap::CommandFactory;

use crate::{
    args::{Cli, Command},
    error::CliError,
    networks::Networks,
    outcome::{Outcome, Progress},
};

pub(crate) fn run(cli: &Cli) -> Result<Outcome, CliError> {
    let progress = Progress::new(cli.quiet);
    let networks = &Networks::new(cli.network.clone());
    match &cli.command {
        Command::Wallet(args) => wallet::run(args, progress),
        Command::Network(args) => network::run(args, networks),
        Command::Deposit(args) => on_runtime(deposit::run(args, networks, progress)),
        Command::Quota(args) => on_runtime(quota::run(args, networks)),
        Command::Submit(args) => on_runtime(submit::run(args, networks, progress)),
        Command::Status(args) => on_runtime(status::status(args, networks)),
        Command::Watch(args) => on_runtime(status::watch(args, networks, progress)),
        Command::List(args) => on_runtime(status::list(args, networks)),
        Command::Inclusion(args) => on_runtime(inclusion::run(args, networks, progress)),
        Command::Verify(args) => verify::run(args, progress),
        Command::ProgramId(args) => program_id::run(args),
        Command::VerifyInclusion(args) => {
            on_runtime(verify_inclusion::run(args, networks, progress))
        }
        Command::VerifyBundle(args) => on_runtime(verify_bundle::run(args, networks, progress)),
        Command::VerifyEvidence(args) => on_runtime(verify_evidence::run(args, networks, progress)),
        Command::Blob(args) => on_runtime(blob::run(args, networks, progress)),
        Command::Fast(args) => on_runtime(fast::run(args, networks, progress)),
        Command::Completions { shell } => Ok(completions(*shell)),
    }
}

fn on_runtime(
    command: impl Future<Output = Result<Outcome, CliError>>,
) -> Result<Outcome, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?
        .block_on(command)
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "collimate", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let report = serde_json::json!({"shell": shell.to_string(), "script": &script});
    Outcome::new(&report, vec![("", script)])
}
