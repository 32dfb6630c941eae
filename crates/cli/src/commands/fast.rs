//! `collimate fast`: fast mode.

mod account;
mod batch;
mod fees;
mod groups;
mod proofs;
mod submit;
mod task;
mod verify;

use alloy::primitives::Address;
use clap::{Args, Subcommand};
use collimate_sdk::Client;

use crate::{
    error::CliError,
    networks::Networks,
    outcome::{Outcome, Progress},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "In fast mode operators with stake verify your proofs natively, and seconds later contracts see it (isVerified). A batcher \
    puts them on chain and charges an account that you keep with it; or you make a batch and its task yourself (create-batch).\n\n\
    Examples:\n  \
    collimate fast deposit --amount 0.05eth\n  \
    collimate fast submit proofs/fibonacci.proof --bundles verified\n  \
    collimate fast verify verified/fibonacci.verification.json"
)]
pub(crate) struct FastArgs {
    #[command(subcommand)]
    command: FastCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum FastCommand {
    /// Show the batcher's prices
    Fees(fees::FeesArgs),
    /// Show an account with a batcher: balance, nonce, whether it is locked
    Account(account::AccountArgs),
    /// Pay into an account with a batcher: your own, or somebody else's
    Deposit(Box<account::DepositArgs>),
    /// Announce that your account will be unlocked, so that you can withdraw
    Unlock(account::LockArgs),
    /// Lock your account again, so that it can be charged
    Lock(account::LockArgs),
    /// Withdraw from your unlocked account
    Withdraw(Box<account::WithdrawArgs>),
    /// Send proofs of any proof system to the batcher, as one group
    Submit(Box<submit::SubmitArgs>),
    /// Show where groups stand
    Status(groups::StatusArgs),
    /// Follow groups until they are verified
    Watch(groups::WatchArgs),
    /// Fetch the verification data of a group, check it against your proofs, and save it
    Bundles(Box<groups::BundlesArgs>),
    /// Check verification bundles: alone, and against the contract
    Verify(verify::VerifyArgs),
    /// Make a batch without a batcher: store it, and create its task
    CreateBatch(Box<batch::CreateBatchArgs>),
    /// Show what became of a task, or wait for it
    Task(task::TaskArgs),
    /// Answer a task with what a signature aggregator gives away
    Respond(Box<task::RespondArgs>),
    /// Take back what your task's response did not cost
    Reclaim(Box<task::ReclaimArgs>),
}

/// Which batcher.
#[derive(Debug, Clone, Args)]
struct BatcherArgs {
    /// The batcher's account. Default: that of the network's batcher
    #[arg(long, value_name = "ADDRESS")]
    batcher: Option<Address>,
}

impl BatcherArgs {
    async fn address(&self, client: &Client) -> Result<Address, CliError> {
        match self.batcher {
            Some(batcher) => Ok(batcher),
            None => Ok(client.batcher_address().await?),
        }
    }
}

pub(crate) async fn run(
    args: &FastArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    match &args.command {
        FastCommand::Fees(args) => fees::run(args, networks).await,
        FastCommand::Account(args) => account::show(args, networks).await,
        FastCommand::Deposit(args) => account::deposit(args, networks, progress).await,
        FastCommand::Unlock(args) => account::unlock(args, networks, progress).await,
        FastCommand::Lock(args) => account::lock(args, networks, progress).await,
        FastCommand::Withdraw(args) => account::withdraw(args, networks, progress).await,
        FastCommand::Submit(args) => submit::run(args, networks, progress).await,
        FastCommand::Status(args) => groups::status(args, networks).await,
        FastCommand::Watch(args) => groups::watch(args, networks, progress).await,
        FastCommand::Bundles(args) => groups::bundles(args, networks, progress).await,
        FastCommand::Verify(args) => verify::run(args, networks, progress).await,
        FastCommand::CreateBatch(args) => batch::run(args, networks, progress).await,
        FastCommand::Task(args) => task::show(args, networks, progress).await,
        FastCommand::Respond(args) => task::respond(args, networks, progress).await,
        FastCommand::Reclaim(args) => task::reclaim(args, networks, progress).await,
    }
}
