//! `collimated profile`: the file that users `collimate network add`.

use std::path::PathBuf;

use anyhow::Result;
use collimate_chain::signer::Signer;
use collimate_sdk::{FastModeProfile, NetworkProfile};

use crate::{
    Settings,
    config::{BatcherSettings, Config},
    serve::deployment,
};

/// Write the network profile that users of this service need
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileCommand {
    #[command(flatten)]
    settings: Settings,
    /// What users will call the network
    #[arg(long)]
    name: String,
    /// An Ethereum node that users may ask. They can name their own
    #[arg(long, value_name = "URL")]
    rpc_url: String,
    /// A beacon node for blobs
    #[arg(long, value_name = "URL")]
    beacon_url: Option<String>,
    /// The gateway, as users reach it
    #[arg(long, value_name = "URL")]
    gateway_url: Option<String>,
    /// The batcher, as users reach it
    #[arg(long, value_name = "URL")]
    batcher_url: Option<String>,
    /// A signature aggregator, as users reach it; may be repeated
    #[arg(long = "signature-aggregator", value_name = "URL")]
    signature_aggregators: Vec<String>,
    /// The file. One that exists is replaced
    #[arg(long, value_name = "FILE", default_value = "network.json")]
    out: PathBuf,
}

impl ProfileCommand {
    /// Puts together what the settings and the deployment's file say. Asks no node.
    pub(crate) fn run(&self) -> Result<()> {
        let config = self.settings.load()?;
        let profile = self.profile(&config)?;
        profile.write(&self.out)?;
        eprintln!("users add it with `collimate network add {}`", self.out.display());
        Ok(())
    }

    fn profile(&self, config: &Config) -> Result<NetworkProfile> {
        let of_contracts = NetworkProfile::of_deployment(
            self.name.as_str(),
            self.rpc_url.as_str(),
            &deployment(config)?,
        );
        let receipt_signer = match &config.gateway {
            Some(gateway) => Some(Signer::load(&gateway.key)?.address()),
            None => None,
        };
        let fast_mode = match of_contracts.fast_mode.clone() {
            Some(contracts) => Some(self.fast_mode(contracts, config.batcher.as_ref())?),
            None => None,
        };
        Ok(NetworkProfile {
            gateway_url: self.gateway_url.clone(),
            beacon_url: self.beacon_url.clone(),
            receipt_signer,
            payment_confirmations: Some(config.chain.confirmations),
            fast_mode,
            ..of_contracts
        })
    }

    fn fast_mode(
        &self,
        contracts: FastModeProfile,
        batcher: Option<&BatcherSettings>,
    ) -> Result<FastModeProfile> {
        let account = match batcher {
            Some(batcher) => Some(Signer::load(&batcher.key)?.address()),
            None => None,
        };
        let mirrors = batcher.into_iter().flat_map(|batcher| &batcher.mirrors);
        Ok(FastModeProfile {
            batcher: account,
            batcher_url: self.batcher_url.clone(),
            data_services: mirrors.map(ToString::to_string).collect(),
            signature_aggregators: self.signature_aggregators.clone(),
            ..contracts
        })
    }
}
