//! `collimated`: the services of Collimate.

mod audit;
mod check;
mod config;
mod customer;
mod demo;
mod deployment;
mod devnet;
mod driver;
mod fast_batch;
mod groth16;
mod hard_run;
mod metrics;
mod object_store;
mod operators;
mod progress;
mod prover_process;
mod report;
mod reuse;
mod serve;
mod setup;
mod submission;
mod telemetry;
#[cfg(test)]
mod tests;

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Parser, Subcommand};
use collimate_aggregator::Trigger;
use collimate_contracts::Deployment;
use collimate_sdk::NetworkProfile;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, TelemetrySettings},
    demo::DemoOptions,
    devnet::{Devnet, DevnetOptions},
    driver::stored,
    serve::{Service, Shared},
    setup::{DeployCommand, OperatorCommand, ProfileCommand},
    telemetry::Telemetry,
};

#[derive(Debug, Parser)]
#[command(name = "collimated", version, about = "The services of Collimate", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Aggregate real proofs on a chain of its own and check every claim
    Demo(Box<DemoOptions>),
    /// Run everything on a chain of its own until told to stop
    Devnet(DevnetCommand),
    /// Run services against an Ethereum node until told to stop
    Serve {
        #[command(flatten)]
        settings: Settings,
        /// The services; by default payments, and those that the configuration has a section for
        services: Vec<Service>,
    },
    /// Deploy the contracts of a service
    Deploy(DeployCommand),
    /// Make an operator's key, and register it
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Write the network profile that users of this service need
    Profile(ProfileCommand),
    /// Work with the configuration of the services
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Compare database, object store and chain, and name whatever one says and another denies
    Audit {
        #[command(flatten)]
        settings: Settings,
        /// Look only whether the files of proofs are there, without reading and hashing them
        #[arg(long)]
        quick: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Have the aggregator open a run with what is queued, whatever its settings wait for
    RequestRun {
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show the settings, and try everything that they name: node, contracts, keys, database, object store, prover, folders, ports
    Check {
        #[command(flatten)]
        settings: Settings,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Where the settings come from.
#[derive(Debug, clap::Args)]
struct Settings {
    /// The configuration, as in docs/collimated.example.toml
    #[arg(long, value_name = "FILE", default_value = "collimated.toml", env = "COLLIMATE_CONFIG")]
    config: PathBuf,
    /// A setting that wins over file and environment, such as chain.rpc_url=http://…; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl Settings {
    fn load(&self) -> Result<Config> {
        Config::load(&self.config, &self.set)
    }
}

#[derive(Debug, clap::Args)]
struct DevnetCommand {
    /// A run opens when this many proofs wait
    #[arg(long, default_value_t = 128, env = "COLLIMATE_RUN_COUNT")]
    count: u32,
    /// A run opens when a proof has waited for this many seconds
    #[arg(long, default_value_t = 30, env = "COLLIMATE_RUN_AGE_S")]
    age: u64,
    /// Keep the state folder after a clean stop, to go on with it later
    #[arg(long)]
    keep: bool,
    /// When all is ready, print one JSON object: the node's URL and the deployment
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    devnet: DevnetOptions,
}

/// What a program that starts a devnet needs to talk to it.
#[derive(Debug, Serialize)]
struct Ready<'a> {
    rpc_url: &'a str,
    network: &'a NetworkProfile,
    deployment: &'a Deployment,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Shows the help that was asked for, or what is wrong with a setting.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nobody reads the help when standard output is closed.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    eprintln!("error: [DMN-003] {}", text.trim_start_matches("error: ").trim_end());
    ExitCode::from(2)
}

#[tokio::main]
async fn run(command: Command) -> Result<()> {
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
        token.cancel();
    });
    // A demo shows its own progress, and in the log only what is wrong.
    let level = if matches!(command, Command::Demo(_)) { "error" } else { "info" };
    let log = || Telemetry::start(level, &TelemetrySettings::default());
    match command {
        Command::Demo(options) => {
            log()?;
            demo::run(*options, shutdown).await
        }
        Command::Devnet(options) => {
            log()?;
            devnet(options, shutdown).await
        }
        Command::Serve { settings, services } => {
            let config = settings.load()?;
            let telemetry = Telemetry::start(level, &config.telemetry)?;
            let outcome = serve::run(config, services, telemetry.tracer(), shutdown).await;
            telemetry.stop().await;
            outcome
        }
        Command::Deploy(command) => {
            log()?;
            command.run().await
        }
        Command::Operator(command) => {
            log()?;
            command.run().await
        }
        Command::Profile(command) => {
            log()?;
            command.run()
        }
        Command::Config(ConfigCommand::Check { settings, json }) => {
            log()?;
            check::run(&settings.load()?, json).await
        }
        Command::Audit { settings, quick, json } => {
            log()?;
            audit::run(&settings.load()?, quick, json).await
        }
        Command::RequestRun { settings } => {
            log()?;
            let shared = Shared::connect_beside(&settings.load()?).await?;
            shared.store.request_run(&stored(&shared.deployment)).await?;
            shared.close().await
        }
    }
}

async fn devnet(options: DevnetCommand, shutdown: CancellationToken) -> Result<()> {
    let age = Duration::from_secs(options.age);
    let trigger = Trigger { count: options.count, age, ..Trigger::default() };
    let devnet = Devnet::start(&options.devnet, trigger, &|text| eprintln!("{text}")).await?;
    let file = options.devnet.state.join(devnet::NETWORK_FILE);
    if options.json {
        let ready = Ready {
            rpc_url: &devnet.rpc_url,
            network: &devnet.network,
            deployment: &devnet.deployment,
        };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&ready)?)?;
    }
    eprintln!("ready: `collimate --network {}` talks to it; Ctrl-C stops it", file.display());
    shutdown.cancelled().await;
    devnet.stop().await?;
    if !options.keep {
        std::fs::remove_dir_all(&options.devnet.state)?;
    }
    Ok(())
}
