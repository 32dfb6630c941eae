//! The devnet's contracts: deployed once for each chain, remembered in `deployment.json`.

use std::{fs, path::Path};

use alloy::{
    primitives::{Address, B256},
    providers::{DynProvider, Provider, ProviderBuilder},
};
use anyhow::{Context, Result};
use collimate_chain::{
    anvil::development_signer,
    provider::{Timeouts, connect},
};
use collimate_contracts::{
    DeployConfig, Deployment, FastModeConfig, Groth16Key, HardVerifier, Package, PaymentsConfig,
    QuorumConfig, Sp1Verification, Terms, deploy, deploy_fast_mode, deploy_payments,
    takes_circuit_key,
};
use collimate_prover_client::AggregationPrograms;

/// Account of anvil's that deploys, and owns the registry and the payment service.
const DEPLOYER_ACCOUNT: usize = 9;
/// Blocks of an epoch: five minutes on the devnet.
const EPOCH_BLOCKS: u64 = 300;
const UNBONDING_EPOCHS: u64 = 2;
/// Least stake of an operator: one ether.
pub(crate) const MIN_STAKE_WEI: u128 = 1_000_000_000_000_000_000;

/// What the devnet's payment service sells at: a thousandth of an ether a proof, for thirty days, as many a day as a run takes.
fn payments_config(owner: Address) -> PaymentsConfig {
    PaymentsConfig {
        owner,
        delay_seconds: 60,
        terms: Terms {
            price_wei: 1_000_000_000_000_000,
            validity_seconds: 30 * 86_400,
            daily_cap: 23_808,
            packages: vec![Package { credits: 100, price_wei: 80_000_000_000_000_000 }],
        },
    }
}

/// Fast mode on the devnet: a task expires after a minute, and a user's ether is free a minute after it is asked for.
fn fast_mode_config(owner: Address) -> FastModeConfig {
    FastModeConfig {
        owner,
        response_blocks: 60,
        max_priority_fee_wei: 2_000_000_000,
        unlock_delay_seconds: 60,
    }
}

/// What is said of a Groth16 key that is not the published one.
pub(crate) const DEVELOPMENT_KEY: &str =
    "its Groth16 key is a development key: whoever ran the set-up could forge any proof";

/// A key of the Groth16 verifier from its file.
pub(crate) fn groth16_key(file: &Path) -> Result<Groth16Key> {
    let unusable = || format!("[DMN-085] {} is no key of a Groth16 verifier", file.display());
    serde_json::from_slice(&fs::read(file).with_context(unusable)?).with_context(unusable)
}

/// The deployment that `state` remembers, if its contracts are on this chain and verify proofs themselves under `groth16`, where that is
/// asked for; otherwise a new one.
pub(crate) async fn load_or_deploy(
    state: &Path,
    rpc_url: &str,
    programs: &AggregationPrograms,
    groth16: Option<Groth16Key>,
) -> Result<Deployment> {
    let file = state.join("deployment.json");
    let program_id = B256::from(programs.chunk_aggregator.program_id.0);
    let signer = development_signer(DEPLOYER_ACCOUNT)?;
    let owner = signer.address();
    let provider = ProviderBuilder::new()
        .wallet(signer.inner().clone())
        .connect_http(rpc_url.parse().context("the node's URL")?);
    if let Ok(text) = fs::read(&file)
        && let Ok(mut known) = serde_json::from_slice::<Deployment>(&text)
        && known.program_id == program_id
    {
        let node = connect(rpc_url, Timeouts::default())?;
        if !node.get_code_at(known.service).await?.is_empty()
            && verifies_under(&node, &known, groth16.as_ref()).await?
        {
            if known.payments.is_none() {
                // A devnet from before there were payments.
                known.payments = Some(deploy_payments(&provider, &payments_config(owner)).await?);
                save(&file, &known)?;
            }
            if let (None, Some(registry)) = (known.fast_mode, known.registry) {
                // A devnet from before there was fast mode.
                let config = fast_mode_config(owner);
                known.fast_mode = Some(deploy_fast_mode(&provider, registry, &config).await?);
                save(&file, &known)?;
            }
            return Ok(known);
        }
    }
    let quorum = QuorumConfig {
        owner,
        epoch_blocks: EPOCH_BLOCKS,
        unbonding_epochs: UNBONDING_EPOCHS,
        min_stake_wei: MIN_STAKE_WEI,
    };
    let verification = match groth16 {
        Some(key) => Sp1Verification::Both { quorum, hard: HardVerifier::Groth16(Box::new(key)) },
        None => Sp1Verification::Quorum(quorum),
    };
    let config = DeployConfig {
        program_id,
        verification,
        risc0: None,
        payments: Some(payments_config(owner)),
        fast_mode: Some(fast_mode_config(owner)),
    };
    let deployment = deploy(provider, &config).await?;
    save(&file, &deployment)?;
    Ok(deployment)
}

/// Whether a deployment verifies proofs themselves under this key; where none is asked for, any deployment will do.
async fn verifies_under(
    node: &DynProvider,
    known: &Deployment,
    key: Option<&Groth16Key>,
) -> Result<bool> {
    let Some(key) = key else { return Ok(true) };
    let Some(verifier) = known.hard_verifier else { return Ok(false) };
    Ok(takes_circuit_key(node, verifier, key.verifier_hash).await? == Some(true))
}

/// Whole or absent: a half-written file would hide contracts that exist.
fn save(file: &Path, deployment: &Deployment) -> Result<()> {
    let temporary = file.with_extension("new");
    fs::write(&temporary, serde_json::to_vec_pretty(deployment)?)?;
    fs::rename(&temporary, file)?;
    Ok(())
}
