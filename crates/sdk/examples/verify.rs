//! Checks an inclusion bundle that somebody else handed over, against a network that *you* trust.
//!
//! ```sh
//! cargo run --release --example verify -- .collimate/devnet/network.json bundle.json
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{env, fs, path::Path};

use anyhow::Result;
use collimate_sdk::{Client, GatewaySettings, InclusionBundle, NetworkProfile};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [network, bundle] = arguments.as_slice() else {
        anyhow::bail!("usage: verify NETWORK.json BUNDLE.json");
    };
    let bundle = InclusionBundle::from_json(&fs::read_to_string(bundle)?)?;
    // Whoever made the bundle chose all that it says: alone it can only be consistent.
    bundle.verify_offline()?;
    let client =
        Client::new(NetworkProfile::read(Path::new(network))?, GatewaySettings::default())?;
    let run = client.verify(&bundle, None).await?;
    println!("program {} committed {}", bundle.program_id, bundle.public_values);
    println!("verified in block {} by {}", run.block_number, run.transaction);
    Ok(())
}
