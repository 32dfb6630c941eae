//! Fast mode, the whole way: an account with the batcher, a proof, and the contract's word for it seconds later.
//!
//! ```sh
//! collimated devnet &
//! export COLLIMATE_PRIVATE_KEY=0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d   # anvil's second account
//! cargo run --release --example fast -- .collimate/devnet/network.json proofs/fibonacci.proof proofs/fibonacci.vk
//! ```
#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{env, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use collimate_sdk::{
    Client, FastProof, GatewaySettings, NetworkProfile, ProofGroup, Signer,
    fast::{GroupStatus, KeptGroups, KeyFile, ProofFiles, ProofSystemId, UploadProgress},
};

const PATIENCE: Duration = Duration::from_secs(300);
/// What is deposited if the account has less than the proof may cost, in wei.
const DEPOSIT: u128 = 50_000_000_000_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [network, proof, key] = arguments.as_slice() else {
        anyhow::bail!("usage: fast NETWORK.json FILE.proof FILE.vk");
    };
    let client =
        Client::new(NetworkProfile::read(Path::new(network))?, GatewaySettings::default())?;
    let text = env::var("COLLIMATE_PRIVATE_KEY").context("COLLIMATE_PRIVATE_KEY")?;
    let signer = Signer::from_hex(&text).map_err(anyhow::Error::msg)?;
    let folder = env::temp_dir().join("collimate-fast-example");

    // The proof, verified here as the batcher and every operator will.
    let files = ProofFiles {
        system: ProofSystemId::Sp1Compressed,
        proof: proof.into(),
        key: KeyFile::File(key.into()),
        public_inputs: None,
        generator: signer.address(),
    };
    let group = ProofGroup::new(vec![FastProof::verify(files.read()?)?])?;

    // An account that can pay for it.
    let max_fee = client.sufficient_fee().await?;
    let (contracts, batcher) = (client.fast_contracts().await?, client.batcher_address().await?);
    if contracts.account(batcher, signer.address()).await?.balance_wei.0 < max_fee {
        let payer = client.fast_payer(signer.clone(), &folder.join("journal")).await?;
        let deposit = payer.deposit(batcher, signer.address(), DEPOSIT.max(max_fee)).await?;
        println!("deposited {} wei by {}", deposit.amount_wei, deposit.mined.transaction);
    }

    // Signed, kept, sent.
    let kept = KeptGroups::new(&folder.join("groups"));
    let progress: UploadProgress = Arc::new(|_, _| ());
    let sent = client.submit_group(group, max_fee, &signer, Some(&kept), &progress).await?;
    let id = sent.signed.id();
    println!("accepted as group {id}, at most {max_fee} wei");

    // Its course, and what shows its verification: checked against the proof, and confirmed by the contract.
    let mut tell = |event: &collimate_sdk::fast::GroupEvent| println!("{}", event.status);
    client.batcher()?.wait(&id, GroupStatus::Verified, PATIENCE, &mut tell).await?;
    for bundle in client.verification_bundles(&id, sent.signed.group().proofs()).await? {
        let block = contracts.wait_verified(&bundle, 1, PATIENCE).await?;
        println!("verified in block {block}");
        println!("{}", serde_json::to_string_pretty(&bundle)?);
    }
    Ok(())
}
