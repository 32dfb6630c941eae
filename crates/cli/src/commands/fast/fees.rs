//! `collimate fast fees`.

use alloy::primitives::U256;
use clap::Args;
use collimate_sdk::fast::sufficient_fee;
use serde::Serialize;

use crate::{error::CliError, format::ether, networks::Networks, outcome::Outcome};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Everybody in a batch pays the same price for a proof, at most what they signed. A fee that pays for a batch alone need not \
    wait for others.\n\nExample:\n  collimate fast fees --json | jq -r .sufficient_fee_wei"
)]
pub(super) struct FeesArgs {}

#[derive(Debug, Serialize)]
struct Report {
    min_fee_per_proof_wei: String,
    /// What `collimate fast submit` signs for, unless it is told otherwise.
    sufficient_fee_wei: String,
    /// What a proof cost in the last batches, newest first.
    last_fees_per_proof_wei: Vec<String>,
}

pub(super) async fn run(_: &FeesArgs, networks: &Networks) -> Result<Outcome, CliError> {
    let fees = networks.client()?.batcher()?.fees().await?;
    let sufficient = sufficient_fee(&fees);
    let last: Vec<_> = fees.last.iter().map(|price| price.fee_per_proof.0).collect();
    let rows = vec![
        ("a proof that waits for others", ether(U256::from(fees.min_fee_per_proof.0))),
        ("a group that need not wait", format!("at most {}", ether(U256::from(sufficient)))),
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
        sufficient_fee_wei: sufficient.to_string(),
        last_fees_per_proof_wei: last.iter().map(u128::to_string).collect(),
    };
    Ok(Outcome::new(&report, rows))
}
