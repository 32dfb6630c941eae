//! The `collimate` command: everything that a user of aggregated proofs does. One half talks to the service (wallet, deposit,
//! submit, watch, inclusion), the other checks on the user's own machine and against any node, and needs no service. Fast mode is below
//! `collimate fast`.
//!
//! Results go to stdout, progress and errors to stderr. Exit codes are in [`error`].

mod amount;
mod args;
mod commands;
mod connection;
#[cfg(test)]
mod documentation;
mod error;
mod format;
mod home;
mod input;
mod keys;
mod networks;
mod outcome;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => outcome::report(commands::run(&cli), cli.json),
        Err(error) => {
            outcome::not_started(&error, std::env::args_os().any(|word| word == "--json"))
        }
    }
}
