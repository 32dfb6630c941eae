//! `collimate quota`.

use alloy::primitives::Address;
use clap::Args;
use collimate_sdk::{
    Client,
    api::{AccountAnswer, QuotaAnswer},
};
use serde::Serialize;

use crate::{error::CliError, format::time, keys::KeyArgs, networks::Networks, outcome::Outcome};

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    collimate quota\n  \
    collimate quota 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json")]
pub(crate) struct QuotaArgs {
    /// The account. Default: that of your key
    address: Option<Address>,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    account: AccountAnswer,
    /// Credits bought that are confirmed and not expired.
    total: u64,
    /// Those of them that were spent.
    spent: u64,
}

pub(crate) async fn run(args: &QuotaArgs, networks: &Networks) -> Result<Outcome, CliError> {
    let client: Client = networks.client()?;
    let address = args.key.address_or(args.address)?;
    let gateway = client.gateway()?;
    let account = gateway.account(address).await?;
    let QuotaAnswer { total, spent, .. } = gateway.quota(address).await?;
    let rows = vec![
        ("account", account.address.to_string()),
        ("credits", format!("{} ({spent} of {total} spent)", account.credits)),
        ("first expire", account.next_expiry.map_or_else(|| "none will".to_owned(), time)),
        ("unconfirmed", account.unconfirmed.to_string()),
        ("next nonce", account.nonce.to_string()),
    ];
    Ok(Outcome::new(&Report { account, total, spent }, rows))
}
