//! Deployment of fast mode's contracts.

use alloy::{primitives::Address, providers::Provider};
use serde::{Deserialize, Serialize};

use crate::{AlignedLayerServiceManager, BatcherPaymentService, ContractsError, deploy::deployed};

/// Constants of fast mode's contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastModeConfig {
    /// May pause new tasks and disable proof systems; has no other power.
    pub owner: Address,
    /// Blocks after a task's own in which it can be answered: at least one, at most an epoch of the registry.
    pub response_blocks: u32,
    /// Most, in wei for each gas, that whoever responds is paid above the block's base fee.
    pub max_priority_fee_wei: u64,
    /// Seconds from a user's announcement of a withdrawal to the end of charges: 1 second to 30 days. Longer than a batcher needs
    /// from its check of an account to the block that charges it.
    pub unlock_delay_seconds: u64,
}

/// Where fast mode's contracts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastModeDeployment {
    /// The `AlignedLayerServiceManager`: tasks, and `isVerified`.
    pub service_manager: Address,
    /// The `BatcherPaymentService`: users' accounts with batchers.
    pub batcher_payments: Address,
}

/// Deploys the contracts of fast mode for the operators of a registry from the provider's default account, and waits until they are
/// mined.
///
/// # Errors
/// [`ContractsError::Deploy`] with contract and reason, such as `InvalidResponseBlocks(responseBlocks: 0)`.
pub async fn deploy_fast_mode<P: Provider>(
    provider: &P,
    registry: Address,
    config: &FastModeConfig,
) -> Result<FastModeDeployment, ContractsError> {
    let service_manager = deployed(
        "AlignedLayerServiceManager",
        AlignedLayerServiceManager::deploy_builder(
            provider,
            registry,
            config.owner,
            config.response_blocks,
            config.max_priority_fee_wei,
        )
        .deploy()
        .await,
    )?;
    let batcher_payments = deployed(
        "BatcherPaymentService",
        BatcherPaymentService::deploy_builder(
            provider,
            service_manager,
            config.unlock_delay_seconds,
        )
        .deploy()
        .await,
    )?;
    Ok(FastModeDeployment { service_manager, batcher_payments })
}
