//! The demo's user: pays on chain, submits through the gateway, and believes only what it has checked. What it does is what
//! `collimate deposit`, `submit`, `watch` and `inclusion` do, on the same library.

use std::{path::Path, time::Duration};

use alloy::primitives::utils::format_ether;
use anyhow::{Context, Result};
use collimate_chain::{anvil::development_signer, signer::Signer};
use collimate_sdk::{
    Amount, Client, GatewaySettings, NetworkProfile, ProofEvent, ProofStatus, ProofUpload,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    progress::Progress,
    submission::{Accepted, Checked},
};

/// Account of anvil's that is the user's.
const ACCOUNT: usize = 7;
/// How long a payment's credits may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a proof is watched.
const LONGEST_RUN: Duration = Duration::from_secs(24 * 60 * 60);

/// A user of the service.
#[derive(Debug)]
pub(crate) struct Customer {
    client: Client,
    signer: Signer,
}

impl Customer {
    pub(crate) fn new(network: NetworkProfile) -> Result<Self> {
        let client = Client::new(network, GatewaySettings::default())?;
        Ok(Self { client, signer: development_signer(ACCOUNT)? })
    }

    /// Buys what is missing so that `proofs` proofs can be paid for, those that were submitted before counted. `journal` is where
    /// transactions on their way are remembered: a deposit that was interrupted is finished, not repeated.
    pub(crate) async fn pay(
        &self,
        proofs: usize,
        journal: &Path,
        progress: &Progress,
    ) -> Result<()> {
        let (gateway, account) = (self.client.gateway()?, self.signer.address());
        let has = gateway.account(account).await?;
        let wanted = u64::try_from(proofs).context("too many proofs")?;
        let missing = wanted
            .saturating_sub(has.nonce)
            .saturating_sub(has.credits)
            .saturating_sub(has.unconfirmed);
        if missing > 0 {
            let offer = self.client.payments().await?.offer().await?;
            let order = offer.order(account, Amount::Credits(missing))?;
            let payer = self.client.payer(self.signer.clone(), journal).await?;
            let purchase = payer.buy(&order).await?;
            payer.stop().await;
            progress.say(&format!(
                "{account} paid {} ether for {missing} credits in block {}",
                format_ether(order.price_wei),
                purchase.block_number
            ));
        }
        let needed = wanted.saturating_sub(has.nonce);
        progress.now("waiting for the payment's confirmations");
        gateway.wait_for_credits(account, needed, PATIENCE).await?;
        Ok(())
    }

    /// Submits a proof. The same proof again is the same submission, and costs nothing.
    pub(crate) async fn submit(&self, checked: Checked) -> Result<Accepted> {
        let Checked { name, file, verifying_key, proof } = checked;
        let upload = ProofUpload::new(file, proof.program_id)
            .with_verifying_key(verifying_key)
            .with_public_values(&proof.public_values);
        let accepted = self.client.gateway()?.submit(&upload, &self.signer, None).await;
        let answer = accepted.with_context(|| format!("{name} was not accepted"))?.answer;
        let receipt = answer.receipt.map(|receipt| receipt.position);
        Ok(Accepted { name, id: answer.id, proof, receipt })
    }

    /// Follows a proof's statuses as the gateway pushes them, until it is final or `heard` is dropped.
    pub(crate) fn watch(&self, item: &Accepted) -> Result<UnboundedReceiver<String>> {
        let (said, heard) = unbounded_channel();
        let (gateway, id, name) = (self.client.gateway()?.clone(), item.id, item.name.clone());
        tokio::spawn(async move {
            let mut seen = |event: &ProofEvent| {
                // Nobody listens any more once the run is final.
                let _ = said.send(format!("{name} is {}", event.status));
            };
            let waited = gateway.wait(&id, ProofStatus::Final, LONGEST_RUN, &mut seen);
            let stopped = tokio::select! {
                waited = waited => waited.err(),
                () = said.closed() => None,
            };
            if let Some(error) = stopped {
                let _ = said.send(format!("the gateway tells no more of it: {error}"));
            }
        });
        Ok(heard)
    }

    /// Fetches the proof's inclusion from the gateway, and checks it offline and with the contract, which must also deny forgeries.
    pub(crate) async fn check_inclusion(&self, item: &Accepted) -> Result<()> {
        self.client.inclusion(&item.id, Some(&item.proof.commitment)).await?;
        Ok(())
    }
}
