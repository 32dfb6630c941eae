//! Which node, which contract, which chain.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use clap::Args;
use collimate_chain::{
    blobs::{AnvilBlobs, BeaconBlobs, BlobReader, BlobSource},
    provider::{Timeouts, connect},
};
use collimate_contracts::Deployment;
use collimate_sdk::{Aggregation, NetworkProfile};

use crate::{
    error::CliError,
    input::read_text,
    networks::{Networks, Selected},
};

const MAX_DEPLOYMENT_BYTES: u64 = 64 << 10;

/// The node and the contract.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Chain")]
pub(crate) struct ChainArgs {
    /// The Ethereum node, http or https
    #[arg(long, value_name = "URL", env = "COLLIMATE_RPC_URL", hide_env_values = true)]
    pub(crate) rpc_url: Option<String>,
    /// The AlignedProofAggregationService that you trust
    #[arg(long, value_name = "ADDRESS", env = "COLLIMATE_CONTRACT", hide_env_values = true)]
    pub(crate) contract: Option<Address>,
    /// A deployment as `collimated devnet` writes it: contract, chain id, first block
    #[arg(long, value_name = "FILE", env = "COLLIMATE_DEPLOYMENT", hide_env_values = true)]
    pub(crate) deployment: Option<PathBuf>,
    /// The beacon node to read blobs from, http or https. Default: ask the Ethereum node, which anvil answers
    #[arg(long, value_name = "URL", env = "COLLIMATE_BEACON_URL", hide_env_values = true)]
    pub(crate) beacon_url: Option<String>,
}

/// A checked connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) aggregation: Aggregation,
    pub(crate) blobs: BlobReader,
    /// First block that can hold a run, where a deployment file says so.
    pub(crate) first_block: Option<u64>,
}

impl ChainArgs {
    /// Whether there is a node to ask.
    pub(crate) fn has_node(&self, networks: &Networks) -> Result<bool, CliError> {
        Ok(self.rpc_url.is_some() || self.network(networks)?.is_some())
    }

    /// Connects, and checks node, chain and contract. `expected_chain` comes from elsewhere than deployment and profile.
    /// An option goes before the profile's value, but two contracts contradict each other.
    pub(crate) async fn connect(
        &self,
        expected_chain: Option<u64>,
        networks: &Networks,
    ) -> Result<Connection, CliError> {
        let network = self.network(networks)?;
        let profile = network.as_ref().map(|selected| &selected.profile);
        let url = self.rpc_url.as_deref().or(profile.map(|profile| profile.rpc_url.as_str()));
        let url = url.ok_or(CliError::Missing {
            what: "the Ethereum node's URL",
            remedy: "give --network or --rpc-url, or set COLLIMATE_RPC_URL",
        })?;
        let deployment = self.deployment.as_deref().map(read_deployment).transpose()?;
        let contract = self.contract_of(deployment.as_ref(), profile)?;
        let chain = deployment
            .as_ref()
            .map(|deployment| deployment.chain_id)
            .or(profile.map(|profile| profile.chain_id))
            .or(expected_chain);
        let first_block = deployment
            .map(|deployment| deployment.block)
            .or(profile.map(|profile| profile.first_block));
        let provider = connect(url, Timeouts::default())?;
        let beacon_url = self.beacon_url.as_ref();
        let source: Box<dyn BlobSource> =
            match beacon_url.or(profile.and_then(|profile| profile.beacon_url.as_ref())) {
                Some(url) => Box::new(BeaconBlobs::new(url)?),
                None => Box::new(AnvilBlobs::new(provider.clone())),
            };
        Ok(Connection {
            aggregation: Aggregation::connect(provider, contract, chain).await?,
            blobs: BlobReader::new(vec![source]),
            first_block,
        })
    }

    /// The network, unless it is only the one in use and a contract is named: then that one may be elsewhere.
    fn network(&self, networks: &Networks) -> Result<Option<Selected>, CliError> {
        let is_elsewhere = self.contract.is_some() || self.deployment.is_some();
        Ok(networks.selected()?.filter(|selected| selected.is_named || !is_elsewhere))
    }

    fn contract_of(
        &self,
        deployment: Option<&Deployment>,
        profile: Option<&NetworkProfile>,
    ) -> Result<Address, CliError> {
        let mut known = [
            self.contract.map(|contract| ("--contract (or COLLIMATE_CONTRACT)", contract)),
            deployment.map(|deployment| ("--deployment's", deployment.service)),
            profile.map(|profile| ("the network profile's", profile.aggregation_service)),
        ]
        .into_iter()
        .flatten();
        let (name, contract) = known.next().ok_or(CliError::Missing {
            what: "the contract's address",
            remedy: "give --network, --contract or --deployment, or set COLLIMATE_CONTRACT; take it from a source that you trust",
        })?;
        match known.find(|(_, other)| *other != contract) {
            None => Ok(contract),
            Some((other_name, other)) => Err(CliError::Conflict {
                one: format!("{name} {contract}"),
                other: format!("{other_name} {other}"),
            }),
        }
    }
}

pub(crate) fn read_deployment(path: &Path) -> Result<Deployment, CliError> {
    let text = read_text(path, "a deployment", MAX_DEPLOYMENT_BYTES)?;
    serde_json::from_str(&text).map_err(|error| CliError::Malformed {
        what: format!("the deployment {}", path.display()),
        reason: error.to_string(),
        remedy: "give the file that `collimated devnet` wrote",
    })
}
