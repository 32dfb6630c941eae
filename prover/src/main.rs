//! `collimate-prover`: the proving process of Collimate.
//!
//! It is a process of its own because proving takes most of a machine's memory: when it runs out,
//! no service dies with it. `serve` takes jobs over HTTP from the aggregator; `prove`, `execute` and
//! `program-id` work on one program from the command line, `wrap` on one proof, with what `artifacts` made.

mod allocator;
mod bench;
mod cli;
mod ledger;
mod programs;
mod progress;
mod service;
mod worker;
mod wrap;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
