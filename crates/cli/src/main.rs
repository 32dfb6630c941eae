//! The `collimate` command: everything that a user of aggregated proofs checks, on their own machine and against any node.
//!
//! Results go to stdout, progress and errors to stderr. Exit codes: 0 it holds, 1 it does not hold, 2 the command is used
//! wrongly, 3 the node, a file or the machine failed, so that there is no answer.

mod args;
mod commands;
mod connection;
mod error;
mod input;
mod outcome;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = commands::run(&cli.command, outcome::Progress::new(cli.quiet));
    outcome::report(result, cli.json)
}
