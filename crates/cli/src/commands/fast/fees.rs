//! `collimate fast fees`.

use alloy::primitives::U256;
use clap::Args;
use collimate_sdk::fast::sufficient_fee;
use serde::Serialize;

use crate::{error::CliError, format::ether, networks::Networks, outcome::Outcome};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Everybody in a batch pays the same price for a proof, at most what they signed. A fee that pays for a batch alone need not \
    wait for others.\n\nExamples:\n  collimate fast fees\n  collimate fast fees --proofs 100 --json"
)]
pub(super) struct FeesArgs {
    /// For a group of so many proofs
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    proofs: u32,
}

#[derive(Debug, Serialize)]
struct Report {
    min_fee_per_proof_wei: String,
    instant_fee_wei: String,
    proofs: u32,
    /// What `collimate fast submit` signs for, unless it is told otherwise.
    sufficient_fee_wei: String,
    /// What a proof cost in the last batches, newest first.
    last_fees_per_proof_wei: Vec<String>,
}

pub(super) async fn run(args: &FeesArgs, networks: &Networks) -> Result<Outcome, CliError> {
    let fees = networks.client()?.batcher()?.fees().await?;
    let sufficient = sufficient_fee(&fees, args.proofs);
    let last: Vec<_> = fees.last.iter().map(|price| price.fee_per_proof.0).collect();
    let rows = vec![
        ("least for a proof", ether(U256::from(fees.min_fee_per_proof.0))),
        ("for a batch alone", ether(U256::from(fees.instant_fee.0))),
        ("signed for your group", format!("at most {}", ether(U256::from(sufficient)))),
        (
            "paid last",
            match last.first() {
                Some(price) => format!("{} a proof", ether(U256::from(*price))),
                None => "nothing yet".to_owned(),
            },
        ),
    ];
    let report = Report {
        min_fee_per_proof_wei: fees.min_fee_per_proof.to_string(),
        instant_fee_wei: fees.instant_fee.to_string(),
        proofs: args.proofs,
        sufficient_fee_wei: sufficient.to_string(),
        last_fees_per_proof_wei: last.iter().map(u128::to_string).collect(),
    };
    Ok(Outcome::new(&report, rows))
}
