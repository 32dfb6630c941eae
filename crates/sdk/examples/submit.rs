//! The whole way: credits, a proof, its receipt, its course, and its inclusion, checked on chain.
//!
//! ```sh
//! collimated devnet &
//! export COLLIMATE_PRIVATE_KEY=0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d   # anvil's second account
//! cargo run --release --example submit -- .collimate/devnet/network.json proofs/fibonacci.proof proofs/fibonacci.vk \
//!     0x00e3f2f3dd11e3c2b28234e713a91d6b248fd3ca81619d8bcc6f4ecd7b57a292
//! ```
//!
//! The last argument is the program id, which `collimate program-id proofs/fibonacci.vk` and SP1's tools print.
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{env, path::Path, time::Duration};

use anyhow::{Context, Result};
use collimate_sdk::{
    Amount, Client, GatewaySettings, NetworkProfile, ProgramId, ProofStatus, ProofUpload, Signer,
};

const PATIENCE: Duration = Duration::from_secs(3600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [network, proof, key, program_id] = arguments.as_slice() else {
        anyhow::bail!("usage: submit NETWORK.json FILE.proof FILE.vk PROGRAM_ID");
    };
    let program_id: ProgramId = program_id.parse().context("the program id")?;
    let client =
        Client::new(NetworkProfile::read(Path::new(network))?, GatewaySettings::default())?;
    let text = env::var("COLLIMATE_PRIVATE_KEY").context("COLLIMATE_PRIVATE_KEY")?;
    let signer = Signer::from_hex(&text).map_err(anyhow::Error::msg)?;
    let (account, gateway) = (signer.address(), client.gateway()?);

    // Credits, unless there are some.
    if gateway.account(account).await?.credits == 0 {
        let offer = client.payments().await?.offer().await?;
        let order = offer.order(account, Amount::Credits(1))?;
        println!("buying a credit for {} wei", order.price_wei);
        let journal = env::temp_dir().join("collimate-example-journal");
        let purchase = client.payer(signer.clone(), &journal).await?.buy(&order).await?;
        println!("bought by {}", purchase.transaction);
        gateway.wait_for_credits(account, 1, PATIENCE).await?;
    }

    // The proof. With sp1-sdk in the same program: `ProofUpload::from_sp1(&proof, program_id)`.
    let upload = ProofUpload::read(Path::new(proof), program_id).await?;
    let upload = upload.with_verifying_key(std::fs::read(key)?);
    let accepted = gateway.submit(&upload, &signer, None).await?;
    let id = accepted.answer.id;
    println!("accepted as {id}, commitment {}", accepted.answer.commitment);
    if let Some(receipt) = &accepted.answer.receipt {
        println!("receipt number {}, on chain until {}", receipt.position, receipt.deadline);
    }

    // Its course.
    let mut tell = |event: &collimate_sdk::ProofEvent| println!("{}", event.status);
    gateway.wait(&id, ProofStatus::Final, PATIENCE, &mut tell).await?;

    // Its inclusion, which the contract confirms.
    let (inclusion, run) = client.inclusion(&id, None).await?;
    println!("covered by root {} in transaction {}", inclusion.root, run.transaction);
    println!("{}", serde_json::to_string_pretty(&inclusion.bundle)?);
    Ok(())
}
