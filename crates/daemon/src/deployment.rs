//! The devnet's contracts: deployed once for each chain, remembered in `deployment.json`.

use std::{fs, path::Path};

use alloy::{
    primitives::B256,
    providers::{Provider, ProviderBuilder},
};
use anyhow::{Context, Result};
use collimate_chain::{
    anvil::development_signer,
    provider::{Timeouts, connect},
};
use collimate_contracts::{DeployConfig, Deployment, QuorumConfig, Sp1Verification, deploy};
use collimate_prover_client::AggregationPrograms;

/// Account of anvil's that deploys and owns the registry.
const DEPLOYER_ACCOUNT: usize = 9;
/// Blocks of an epoch: five minutes on the devnet.
const EPOCH_BLOCKS: u64 = 300;
const UNBONDING_EPOCHS: u64 = 2;
/// Least stake of an operator: one ether.
pub(crate) const MIN_STAKE_WEI: u128 = 1_000_000_000_000_000_000;

/// The deployment that `state` remembers, if its contracts are on this chain; otherwise a new one.
pub(crate) async fn load_or_deploy(
    state: &Path,
    rpc_url: &str,
    programs: &AggregationPrograms,
) -> Result<Deployment> {
    let file = state.join("deployment.json");
    let program_id = B256::from(programs.chunk_aggregator.program_id.0);
    if let Ok(text) = fs::read(&file)
        && let Ok(known) = serde_json::from_slice::<Deployment>(&text)
        && known.program_id == program_id
    {
        let provider = connect(rpc_url, Timeouts::default())?;
        if !provider.get_code_at(known.service).await?.is_empty() {
            return Ok(known);
        }
    }
    let signer = development_signer(DEPLOYER_ACCOUNT)?;
    let owner = signer.address();
    let provider = ProviderBuilder::new()
        .wallet(signer.inner().clone())
        .connect_http(rpc_url.parse().context("the node's URL")?);
    let verification = Sp1Verification::Quorum(QuorumConfig {
        owner,
        epoch_blocks: EPOCH_BLOCKS,
        unbonding_epochs: UNBONDING_EPOCHS,
        min_stake_wei: MIN_STAKE_WEI,
    });
    let config = DeployConfig { program_id, verification, risc0: None };
    let deployment = deploy(provider, &config).await?;
    // Whole or absent: a half-written file would hide contracts that exist.
    let temporary = file.with_extension("new");
    fs::write(&temporary, serde_json::to_vec_pretty(&deployment)?)?;
    fs::rename(&temporary, &file)?;
    Ok(deployment)
}
