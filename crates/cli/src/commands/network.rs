//! `collimate network`.

use std::path::PathBuf;

use alloy::primitives::Address;
use clap::{Args, Subcommand};
use collimate_sdk::NetworkProfile;
use serde::Serialize;

use crate::{
    error::CliError,
    networks::{self, Networks},
    outcome::{Outcome, Rows},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A profile says where a deployment is: nodes, gateway, contracts. Take it from whom you would take the \
    contracts' addresses from. `collimated devnet` writes one into its folder.\n\nExamples:\n  \
    collimate network add .collimate/devnet/network.json\n  \
    collimate network use devnet\n  \
    collimate network list\n  \
    collimate --network .collimate/devnet/network.json network show"
)]
pub(crate) struct NetworkArgs {
    #[command(subcommand)]
    command: NetworkCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum NetworkCommand {
    /// List the profiles that are kept
    List,
    /// Show a profile: the one named, or else the one that other commands use
    Show {
        /// Its name
        name: Option<String>,
    },
    /// Keep a copy of a profile's file
    Add {
        /// The file
        file: PathBuf,
        /// Keep it under this name instead of its own
        #[arg(long)]
        name: Option<String>,
        /// Replace a profile of this name
        #[arg(long)]
        replace: bool,
    },
    /// Use a profile wherever --network and COLLIMATE_NETWORK name no other
    Use {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Serialize)]
struct List {
    in_use: Option<String>,
    networks: Vec<NetworkProfile>,
}

pub(crate) fn run(args: &NetworkArgs, networks: &Networks) -> Result<Outcome, CliError> {
    match &args.command {
        NetworkCommand::List => list(),
        NetworkCommand::Show { name: Some(name) } => {
            Ok(shown(&Networks::new(Some(name.clone())).required()?))
        }
        NetworkCommand::Show { name: None } => Ok(shown(&networks.required()?)),
        NetworkCommand::Add { file, name, replace } => {
            let (profile, path) = networks::add(file, name.as_deref(), *replace)?;
            let mut rows = rows(&profile);
            rows.push(("kept at", path.display().to_string()));
            Ok(Outcome::new(&profile, rows))
        }
        NetworkCommand::Use { name } => Ok(shown(&networks::use_network(name)?)),
    }
}

fn list() -> Result<Outcome, CliError> {
    let list = List { in_use: networks::in_use()?, networks: networks::all()? };
    let mut lines = vec![];
    for profile in &list.networks {
        let mark = if list.in_use.as_ref() == Some(&profile.name) { "*" } else { " " };
        lines.push(format!("{mark} {}  chain {}", profile.name, profile.chain_id));
    }
    if lines.is_empty() {
        lines.push("none; add one with `collimate network add FILE`".to_owned());
    }
    Ok(Outcome::text(&list, lines.join("\n")))
}

fn shown(profile: &NetworkProfile) -> Outcome {
    Outcome::new(profile, rows(profile))
}

fn rows(profile: &NetworkProfile) -> Rows {
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let address = |address: Option<Address>| or_none(address.map(|address| address.to_string()));
    let mut rows = vec![
        ("name", profile.name.clone()),
        ("chain", profile.chain_id.to_string()),
        ("Ethereum node", profile.rpc_url.clone()),
        ("beacon node", profile.beacon_url.clone().unwrap_or_else(|| "the same".to_owned())),
        ("gateway", or_none(profile.gateway_url.clone())),
        ("aggregation service", profile.aggregation_service.to_string()),
        ("payment service", address(profile.payment_service)),
        ("receipt signer", address(profile.receipt_signer)),
        ("first block", profile.first_block.to_string()),
        (
            "confirmations of payments",
            or_none(profile.payment_confirmations.map(|n| n.to_string())),
        ),
    ];
    let Some(fast) = &profile.fast_mode else {
        rows.push(("fast mode", "none".to_owned()));
        return rows;
    };
    rows.extend([
        ("service manager", fast.service_manager.to_string()),
        ("batcher payments", fast.batcher_payments.to_string()),
        ("batcher", or_none(fast.batcher_url.clone())),
        ("batcher's account", address(fast.batcher)),
    ]);
    rows.extend(fast.data_services.iter().map(|url| ("data service", url.clone())));
    rows.extend(fast.signature_aggregators.iter().map(|url| ("signature aggregator", url.clone())));
    rows
}
