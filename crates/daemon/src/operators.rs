//! The devnet's operators: public keys' secrets that everybody knows, as with anvil's accounts.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use alloy::{
    primitives::{Address, U256},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
};
use anyhow::{Context, Result};
use collimate_attestation::{
    AttestedProgram, OperatorConfig, OperatorService, SecretKey, ServiceConfig, SigningContext,
};
use collimate_chain::{anvil::development_signer, signer::Signer};
use collimate_contracts::{Deployment, OperatorRegistry};
use collimate_core::{ProgramId, keccak256};

use crate::{deployment::MIN_STAKE_WEI, driver::registry, setup};

/// The account of an operator: the chain's development accounts 1 to 4.
fn signer(number: u32) -> Result<Signer> {
    Ok(development_signer(number as usize + 1)?)
}

/// The address of an operator.
pub(crate) fn address(number: u32) -> Result<Address> {
    Ok(signer(number)?.address())
}

/// The BLS key of an operator. Anybody can compute it: it is for development chains alone.
pub(crate) fn key(number: u32) -> Result<SecretKey> {
    let seed = keccak256(&[b"collimate devnet operator", &number.to_be_bytes()]);
    Ok(SecretKey::from_seed(&seed)?)
}

/// Folder of what an operator signed.
pub(crate) fn folder(state: &Path, number: u32) -> PathBuf {
    state.join("operators").join(number.to_string())
}

/// Registers an operator, unless it is.
pub(crate) async fn register(number: u32, deployment: &Deployment, rpc_url: &str) -> Result<()> {
    let signer = signer(number)?;
    let provider = setup::wallet(rpc_url, &signer)?;
    let stake = U256::from(MIN_STAKE_WEI);
    setup::register(deployment, provider, signer.address(), &key(number)?, stake).await?;
    Ok(())
}

/// Registrations count from the next epoch on: lets the development chain skip there.
pub(crate) async fn begin_epoch(deployment: &Deployment, rpc_url: &str) -> Result<()> {
    let provider: DynProvider =
        ProviderBuilder::new().connect_http(rpc_url.parse().context("the node's URL")?).erased();
    let registry = OperatorRegistry::new(registry(deployment)?, &provider);
    let epoch = registry.currentEpoch().call().await?;
    if registry.epochTotals(epoch).call().await?.operators > 0 {
        return Ok(());
    }
    let blocks = registry.EPOCH_BLOCKS().call().await?;
    provider.anvil_mine(Some(blocks), None).await?;
    Ok(())
}

/// Opens an operator's journal and port.
pub(crate) async fn bind(
    number: u32,
    context: SigningContext,
    program: ProgramId,
    folder: &Path,
) -> Result<OperatorService> {
    std::fs::create_dir_all(folder)?;
    let operator = OperatorConfig {
        address: address(number)?,
        context,
        program: AttestedProgram::chunk_aggregator(program),
        journal: folder.join("journal"),
    };
    let listen = (Ipv4Addr::LOCALHOST, 0).into();
    Ok(OperatorService::bind(ServiceConfig::new(listen, operator), key(number)?).await?)
}
