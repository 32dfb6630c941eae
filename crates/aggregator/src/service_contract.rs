//! The `AlignedProofAggregationService` as the aggregator uses it.

use alloy::{
    primitives::{Address, B256, Bytes},
    providers::{DynProvider, Provider},
    sol_types::SolCall,
};
use collimate_chain::ChainError;
use collimate_contracts::{
    AlignedProofAggregationService,
    bindings::aligned_proof_aggregation_service::AlignedProofAggregationService::verifySP1Call,
};
use collimate_core::{Hash, ProgramId};

use crate::{AggregatorError, GasPrices, error::call_failed};

/// What the contract keeps of a registered root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The block that registered it.
    pub block: u64,
    /// Leaves of its tree.
    pub leaf_count: u32,
    /// Versioned hashes of its blobs, in order.
    pub blob_hashes: Vec<Hash>,
}

/// The deployed service.
#[derive(Debug, Clone)]
pub struct ServiceContract {
    provider: DynProvider,
    address: Address,
}

impl ServiceContract {
    /// The service at this address, after checking that it is one and takes this program's proofs.
    ///
    /// # Errors
    /// [`AggregatorError::NoContract`], [`AggregatorError::ProgramMismatch`], or the node's.
    pub async fn check(
        provider: DynProvider,
        address: Address,
        program: ProgramId,
    ) -> Result<Self, AggregatorError> {
        let code = provider.get_code_at(address).await.map_err(ChainError::node("eth_getCode"))?;
        if code.is_empty() {
            let chain_id =
                provider.get_chain_id().await.map_err(ChainError::node("eth_chainId"))?;
            return Err(AggregatorError::NoContract { address: address.to_string(), chain_id });
        }
        let service = Self { provider, address };
        let deployed = service
            .instance()
            .SP1_PROGRAM_ID()
            .call()
            .await
            .map_err(call_failed("SP1_PROGRAM_ID"))?;
        if deployed != B256::from(program.0) {
            return Err(AggregatorError::ProgramMismatch {
                deployed: deployed.to_string(),
                ours: program.to_string(),
            });
        }
        Ok(service)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// Where a root was registered, soft or hard: the number of the block, `None` if it is not.
    ///
    /// # Errors
    /// The node's. An error is never taken for an answer.
    pub async fn registered_in(&self, root: &Hash) -> Result<Option<u64>, AggregatorError> {
        Ok(self.registered_as(root).await?.map(|found| found.block))
    }

    /// With what a root was registered, soft or hard; `None` if it is not.
    ///
    /// # Errors
    /// The node's. An error is never taken for an answer.
    pub async fn registered_as(&self, root: &Hash) -> Result<Option<Registered>, AggregatorError> {
        let found = self
            .instance()
            .aggregation(B256::from(*root))
            .call()
            .await
            .map_err(call_failed("aggregation"))?;
        Ok((found.leafCount != 0).then(|| Registered {
            block: found.blockNumber,
            leaf_count: found.leafCount,
            blob_hashes: found.blobHashes.into_iter().map(|hash| hash.0).collect(),
        }))
    }

    /// Since which block a root is hard, its proof itself verified by the contract; `None` if the operators' word is all there is.
    ///
    /// # Errors
    /// The node's. An error is never taken for an answer.
    pub async fn hard_since(&self, root: &Hash) -> Result<Option<u64>, AggregatorError> {
        let block = self
            .instance()
            .hardSince(B256::from(*root))
            .call()
            .await
            .map_err(call_failed("hardSince"))?;
        Ok((block != 0).then_some(block))
    }

    /// The number of the newest block.
    ///
    /// # Errors
    /// The node's.
    pub async fn block_number(&self) -> Result<u64, AggregatorError> {
        Ok(self.provider.get_block_number().await.map_err(ChainError::node("eth_blockNumber"))?)
    }

    /// What gas costs now, for execution and for blobs.
    ///
    /// # Errors
    /// The node's.
    pub async fn gas_prices(&self) -> Result<GasPrices, AggregatorError> {
        let execution =
            self.provider.get_gas_price().await.map_err(ChainError::node("eth_gasPrice"))?;
        let blob =
            self.provider.get_blob_base_fee().await.map_err(ChainError::node("eth_blobBaseFee"))?;
        Ok(GasPrices { execution, blob })
    }

    /// The call data that registers a run, or makes its root hard: the contract knows a quorum's seal from a proof.
    #[must_use]
    pub fn register_call(statement: Vec<u8>, seal: Vec<u8>) -> Bytes {
        let call = verifySP1Call { publicValues: statement.into(), proofBytes: seal.into() };
        call.abi_encode().into()
    }

    fn instance(
        &self,
    ) -> AlignedProofAggregationService::AlignedProofAggregationServiceInstance<&DynProvider> {
        AlignedProofAggregationService::new(self.address, &self.provider)
    }
}
