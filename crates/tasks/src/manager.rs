use alloy::{
    primitives::{Address, B256, Bytes, U256, aliases::U96},
    providers::{DynProvider, Provider},
    sol_types::SolCall,
};
use collimate_chain::ChainError;
use collimate_contracts::{
    AlignedLayerServiceManager, G1Point, G2Point, OperatorRegistry,
    bindings::aligned_layer_service_manager::AlignedLayerServiceManager::respondToTaskV2Call,
    fast_mode::{Task, response_message},
};

use crate::{TaskError, error::failed};

/// Gas of a response that nobody is missing from, and a tenth more: `contracts/snapshots/gas.json`.
const RESPONSE_GAS: u64 = 240_000;
/// Gas of each operator that is missing, and a tenth more: its key is added up on chain.
const ABSENT_GAS: u64 = 24_000;

/// What became of a task, by the contract's word for the newest block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// There is no such task, or this node has not seen its block.
    Unknown,
    /// Waits for its answer.
    Open,
    /// A quorum answered.
    Verified,
    /// Nobody answered in time.
    Expired,
}

/// An operator as it counts in the epoch of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisteredOperator {
    /// Its id in the registry.
    pub id: u32,
    /// Its account.
    pub account: Address,
    /// Its stake in that epoch, in wei.
    pub stake: U256,
    /// Its BLS key.
    pub public_key: G2Point,
}

/// The `AlignedLayerServiceManager` and its registry.
#[derive(Debug, Clone)]
pub struct ServiceManager {
    provider: DynProvider,
    address: Address,
    registry: Address,
    chain_id: u64,
    response_blocks: u64,
}

impl ServiceManager {
    /// The contract at this address, after reading its constants.
    ///
    /// # Errors
    /// [`TaskError::NoContract`], [`TaskError::Call`], or the node's.
    pub async fn open(provider: DynProvider, address: Address) -> Result<Self, TaskError> {
        let code = provider.get_code_at(address).await.map_err(ChainError::node("eth_getCode"))?;
        if code.is_empty() {
            return Err(TaskError::NoContract { address });
        }
        let chain_id = provider.get_chain_id().await.map_err(ChainError::node("eth_chainId"))?;
        let contract = AlignedLayerServiceManager::new(address, &provider);
        let registry = contract.REGISTRY().call().await.map_err(failed("REGISTRY"))?;
        let blocks = contract.RESPONSE_BLOCKS().call().await.map_err(failed("RESPONSE_BLOCKS"))?;
        Ok(Self { provider, address, registry, chain_id, response_blocks: blocks.into() })
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Its chain.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Blocks after a task's own in which it can be answered.
    #[must_use]
    pub const fn response_blocks(&self) -> u64 {
        self.response_blocks
    }

    /// The connection to its chain.
    #[must_use]
    pub const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// What operators sign once they verified every proof of a task's batch, which has proofs of these systems (bits by id).
    #[must_use]
    pub fn message(&self, task: B256, systems: U96) -> B256 {
        response_message(self.chain_id, self.address, task, systems)
    }

    /// What became of a task.
    ///
    /// # Errors
    /// The node's. An error is never taken for an answer.
    pub async fn status(&self, task: B256) -> Result<TaskStatus, TaskError> {
        let found =
            self.contract().taskStatus(task).call().await.map_err(failed("taskStatus"))?.status;
        match found {
            0 => Ok(TaskStatus::Unknown),
            1 => Ok(TaskStatus::Open),
            2 => Ok(TaskStatus::Verified),
            3 => Ok(TaskStatus::Expired),
            other => {
                Err(TaskError::Call { action: "taskStatus", reason: format!("status {other}") })
            }
        }
    }

    /// Proof systems that governance disabled, as bits by id.
    ///
    /// # Errors
    /// The node's.
    pub async fn disabled_systems(&self) -> Result<U96, TaskError> {
        self.contract().disabledSystems().call().await.map_err(failed("disabledSystems"))
    }

    /// The operators whose signatures count for tasks of this block, by id.
    ///
    /// # Errors
    /// The node's, or a registry that has keys that are none.
    pub async fn operators(
        &self,
        created_block: u32,
    ) -> Result<Vec<RegisteredOperator>, TaskError> {
        let registry = OperatorRegistry::new(self.registry, &self.provider);
        let epoch =
            registry.epochOf(created_block.into()).call().await.map_err(failed("epochOf"))?;
        let operators = registry.operatorsOf(epoch).call().await.map_err(failed("operatorsOf"))?;
        let unreadable = |error: collimate_contracts::ContractsError| TaskError::Call {
            action: "operatorsOf",
            reason: error.to_string(),
        };
        operators
            .into_iter()
            .map(|operator| {
                Ok(RegisteredOperator {
                    id: operator.id,
                    account: operator.account,
                    stake: operator.stake,
                    public_key: G2Point::try_from(operator.publicKey).map_err(unreadable)?,
                })
            })
            .collect()
    }

    /// Gas limit for a response without so many operators. To be stated: a node estimates at the gas price zero, at which the
    /// response pays its sender nothing, and so leaves out the gas of that payment.
    #[must_use]
    pub fn response_gas(absent: usize) -> u64 {
        let absent = u64::try_from(absent).unwrap_or(u64::MAX);
        RESPONSE_GAS.saturating_add(ABSENT_GAS.saturating_mul(absent))
    }

    /// The call data that answers a task, for whoever sends it.
    #[must_use]
    pub fn response(task: &Task, systems: U96, signature: G1Point, absent: Vec<u32>) -> Bytes {
        let call = respondToTaskV2Call {
            task: task.clone(),
            provingSystems: systems,
            signature: signature.into(),
            absent,
        };
        call.abi_encode().into()
    }

    fn contract(
        &self,
    ) -> AlignedLayerServiceManager::AlignedLayerServiceManagerInstance<&DynProvider> {
        AlignedLayerServiceManager::new(self.address, &self.provider)
    }
}
