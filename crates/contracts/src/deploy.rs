//! Deployment of everything.

use alloy::{
    contract,
    network::Ethereum,
    primitives::{Address, B256},
    providers::Provider,
};
use serde::{Deserialize, Serialize};

use crate::{
    AlignedProofAggregationService, ContractsError, FastModeConfig, FastModeDeployment,
    HardVerifier, OperatorRegistry, PaymentsConfig, QuorumSP1Verifier, decode_revert,
    deploy_fast_mode, deploy_payments, hard::find_or_deploy,
};

/// What is deployed, and with which constants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployConfig {
    /// Program id of the SP1 aggregation program (`chunk_aggregator`), fixed for good.
    pub program_id: B256,
    /// Who verifies its proofs on chain.
    pub verification: Sp1Verification,
    /// RISC Zero's verifier and the image id of an aggregation program, to take RISC Zero proofs too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risc0: Option<(Address, B256)>,
    /// Terms of the payment service; `None` deploys none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments: Option<PaymentsConfig>,
    /// Constants of fast mode, whose operators are those of the quorum; `None` deploys none of its contracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fast_mode: Option<FastModeConfig>,
}

/// Who verifies the final proof on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sp1Verification {
    /// Operators with stake, whose registry and verifier are deployed too: soft, worth the stake.
    Quorum(QuorumConfig),
    /// A verifier of the proof itself: hard.
    Hard(HardVerifier),
    /// Both on the same roots: soft as soon as the operators signed, hard once the proof is there.
    Both {
        /// The operators.
        quorum: QuorumConfig,
        /// The verifier of the proof itself.
        hard: HardVerifier,
    },
}

/// Constants of the operators' registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumConfig {
    /// Names the slasher, once; has no other power.
    pub owner: Address,
    /// Blocks in an epoch. Registrations count from the next epoch on.
    pub epoch_blocks: u64,
    /// Epochs for which leaving stake stays locked, at least 2.
    pub unbonding_epochs: u64,
    /// Least stake of an operator, in wei.
    pub min_stake_wei: u128,
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Chain that the addresses belong to.
    pub chain_id: u64,
    /// A block before the first deployment: whoever follows events starts after it.
    pub block: u64,
    /// The `AlignedProofAggregationService`.
    pub service: Address,
    /// The `ISP1Verifier` that the service asks first: the quorum's where there are operators, otherwise that of the proof itself.
    pub sp1_verifier: Address,
    /// The `ISP1Verifier` of the proof itself; absent where the operators' word is all there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_verifier: Option<Address>,
    /// The `OperatorRegistry` behind a quorum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<Address>,
    /// The `AggregationModePaymentService`, where credits are sold; absent from deployments older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payments: Option<Address>,
    /// The contracts of fast mode; absent from deployments older than it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fast_mode: Option<FastModeDeployment>,
    /// Program id of the aggregation program.
    pub program_id: B256,
}

/// Deploys everything from the provider's default account, and waits until it is mined.
///
/// # Errors
/// Before anything is deployed: [`ContractsError::NoVerifier`] if an existing verifier is named where no contract is,
/// [`ContractsError::SoftVerifier`] if it is a quorum's, [`ContractsError::NoGateway`] where SP1 has none,
/// [`ContractsError::DevelopmentKey`] for such a key on a chain that is not local, and [`ContractsError::NoRegistry`] if fast mode is
/// to be deployed without a quorum's registry;
/// [`ContractsError::Deploy`] names the contract that failed; [`ContractsError::Transport`] if the node does not answer.
pub async fn deploy<P: Provider>(
    provider: P,
    config: &DeployConfig,
) -> Result<Deployment, ContractsError> {
    let chain_id = provider.get_chain_id().await?;
    let block = provider.get_block_number().await?;
    let (registry, sp1_verifier, hard_verifier) = match &config.verification {
        Sp1Verification::Hard(_) if config.fast_mode.is_some() => {
            return Err(ContractsError::NoRegistry);
        }
        Sp1Verification::Hard(hard) => {
            let hard = find_or_deploy(&provider, chain_id, hard).await?;
            (None, hard, Some(hard))
        }
        Sp1Verification::Quorum(quorum) => {
            let (registry, verifier) = deploy_quorum(&provider, quorum).await?;
            (Some(registry), verifier, None)
        }
        Sp1Verification::Both { quorum, hard } => {
            // The one that may be refused comes first.
            let hard = find_or_deploy(&provider, chain_id, hard).await?;
            let (registry, verifier) = deploy_quorum(&provider, quorum).await?;
            (Some(registry), verifier, Some(hard))
        }
    };
    let quorum_verifier = registry.map(|_| sp1_verifier);
    let (risc0_verifier, risc0_image_id) = config.risc0.unwrap_or_default();
    let service = deployed(
        "AlignedProofAggregationService",
        AlignedProofAggregationService::deploy_builder(
            &provider,
            hard_verifier.unwrap_or_default(),
            config.program_id,
            risc0_verifier,
            risc0_image_id,
            quorum_verifier.unwrap_or_default(),
        )
        .deploy()
        .await,
    )?;
    let payments = match &config.payments {
        Some(payments) => Some(deploy_payments(&provider, payments).await?),
        None => None,
    };
    let fast_mode = match &config.fast_mode {
        Some(fast_mode) => {
            let registry = registry.ok_or(ContractsError::NoRegistry)?;
            Some(deploy_fast_mode(&provider, registry, fast_mode).await?)
        }
        None => None,
    };
    Ok(Deployment {
        chain_id,
        block,
        service,
        sp1_verifier,
        hard_verifier,
        registry,
        payments,
        fast_mode,
        program_id: config.program_id,
    })
}

/// The registry, and the verifier of its operators' quorum.
async fn deploy_quorum<P: Provider<Ethereum>>(
    provider: &P,
    quorum: &QuorumConfig,
) -> Result<(Address, Address), ContractsError> {
    let builder = OperatorRegistry::deploy_builder(
        provider,
        quorum.owner,
        quorum.epoch_blocks,
        quorum.unbonding_epochs,
        quorum.min_stake_wei,
    );
    let registry = deployed("OperatorRegistry", builder.deploy().await)?;
    let verifier = QuorumSP1Verifier::deploy_builder(provider, registry).deploy().await;
    Ok((registry, deployed("QuorumSP1Verifier", verifier)?))
}

pub(crate) fn deployed(
    contract: &'static str,
    result: Result<Address, contract::Error>,
) -> Result<Address, ContractsError> {
    result.map_err(|source| {
        let reason = source.as_revert_data().and_then(|data| decode_revert(&data));
        let reason = reason.unwrap_or_else(|| source.to_string());
        ContractsError::Deploy { contract, reason, source: Box::new(source) }
    })
}
