//! Which node, which contract, which chain.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use clap::Args;
use collimate_chain::{
    blobs::{AnvilBlobs, BeaconBlobs, BlobReader, BlobSource},
    provider::{Timeouts, connect},
};
use collimate_contracts::Deployment;
use collimate_sdk::Aggregation;

use crate::{error::CliError, input::read_text};

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
    /// Connects, and checks node, chain and contract. `expected_chain` comes from elsewhere than the deployment.
    pub(crate) async fn connect(
        &self,
        expected_chain: Option<u64>,
    ) -> Result<Connection, CliError> {
        let url = self.rpc_url.as_deref().ok_or(CliError::Missing {
            what: "the Ethereum node's URL",
            remedy: "give --rpc-url or set COLLIMATE_RPC_URL",
        })?;
        let deployment = self.deployment.as_deref().map(read_deployment).transpose()?;
        let contract = self.contract_of(deployment.as_ref())?;
        let chain = deployment.as_ref().map(|deployment| deployment.chain_id).or(expected_chain);
        let provider = connect(url, Timeouts::default())?;
        let source: Box<dyn BlobSource> = match &self.beacon_url {
            Some(url) => Box::new(BeaconBlobs::new(url)?),
            None => Box::new(AnvilBlobs::new(provider.clone())),
        };
        Ok(Connection {
            aggregation: Aggregation::connect(provider, contract, chain).await?,
            blobs: BlobReader::new(vec![source]),
            first_block: deployment.map(|deployment| deployment.block),
        })
    }

    fn contract_of(&self, deployment: Option<&Deployment>) -> Result<Address, CliError> {
        match (self.contract, deployment.map(|deployment| deployment.service)) {
            (Some(named), Some(deployed)) if named != deployed => Err(CliError::Conflict {
                one: format!("--contract (or COLLIMATE_CONTRACT) {named}"),
                other: format!("--deployment's {deployed}"),
            }),
            (Some(contract), _) | (None, Some(contract)) => Ok(contract),
            (None, None) => Err(CliError::Missing {
                what: "the contract's address",
                remedy: "give --contract or --deployment, or set COLLIMATE_CONTRACT; take it from a source that you trust",
            }),
        }
    }
}

fn read_deployment(path: &Path) -> Result<Deployment, CliError> {
    let text = read_text(path, "a deployment", MAX_DEPLOYMENT_BYTES)?;
    serde_json::from_str(&text).map_err(|error| CliError::Malformed {
        what: format!("the deployment {}", path.display()),
        reason: error.to_string(),
        remedy: "give the file that `collimated devnet` wrote",
    })
}
