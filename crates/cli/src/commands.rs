//! One module a command.

pub(crate) mod blob;
pub(crate) mod program_id;
pub(crate) mod verify;
pub(crate) mod verify_bundle;
pub(crate) mod verify_inclusion;

use clap::CommandFactory;

use crate::{
    args::{Cli, Command},
    error::CliError,
    outcome::{Outcome, Progress},
};

pub(crate) fn run(command: &Command, progress: Progress) -> Result<Outcome, CliError> {
    match command {
        Command::Verify(args) => verify::run(args, progress),
        Command::ProgramId(args) => program_id::run(args),
        Command::VerifyInclusion(args) => on_runtime(verify_inclusion::run(args, progress)),
        Command::VerifyBundle(args) => on_runtime(verify_bundle::run(args, progress)),
        Command::Blob(args) => on_runtime(blob::run(args, progress)),
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
