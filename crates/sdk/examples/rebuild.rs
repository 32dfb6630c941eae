//! Shows a proof's inclusion without the service: from the chain and the blobs of its runs alone.
//!
//! ```sh
//! cargo run --release --example rebuild -- .collimate/devnet/network.json PROGRAM_ID PUBLIC_VALUES
//! ```
//!
//! Both are hexadecimal; `collimate verify FILE.proof` prints them.
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{env, path::Path};

use anyhow::{Context, Result};
use collimate_sdk::{Client, GatewaySettings, NetworkProfile, RunHint};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [network, program_id, public_values] = arguments.as_slice() else {
        anyhow::bail!("usage: rebuild NETWORK.json PROGRAM_ID PUBLIC_VALUES");
    };
    let client =
        Client::new(NetworkProfile::read(Path::new(network))?, GatewaySettings::default())?;
    let program_id = program_id.parse().context("the program id")?;
    let public_values = public_values.parse().context("the public values")?;
    let (bundle, run) =
        client.rebuild_inclusion(program_id, public_values, RunHint::Unknown).await?;
    println!("covered by root {} in transaction {}", run.root, run.transaction);
    println!("{}", serde_json::to_string_pretty(&bundle)?);
    Ok(())
}
