mod blobs;
mod find;

use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, Bytes},
    providers::{DynProvider, Provider},
    rpc::types::Log,
};
use collimate_contracts::{
    AlignedProofAggregationService,
    bindings::aligned_proof_aggregation_service::AlignedProofAggregationService::{
        AlignedProofAggregationServiceInstance, ProofsAggregated,
    },
};
use collimate_core::ProgramId;

use crate::{
    InclusionBundle, Run, SdkError,
    connect::{check_contracts, no_answer},
};

/// Asks one `AlignedProofAggregationService`. Reads only; it holds no key.
#[derive(Clone, Debug)]
pub struct Aggregation {
    pub(crate) service: AlignedProofAggregationServiceInstance<DynProvider>,
    chain_id: u64,
}

/// Answers of `verifyProofInclusion` to one proof and to two forgeries of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct InclusionCheck {
    /// The proof itself: must be true.
    pub included: bool,
    /// The same path with one bit of the public values changed: must be false.
    pub altered_public_values: bool,
    /// The same path with another program id: must be false.
    pub other_program: bool,
}

impl InclusionCheck {
    /// Whether the contract told the proof from its forgeries.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.included && !self.altered_public_values && !self.other_program
    }
}

impl Aggregation {
    /// A client of the contract at `contract`, after checking that the node serves `expected_chain` (if given) and that
    /// the contract is what it is taken for.
    ///
    /// # Errors
    /// [`SdkError::Chain`] for another chain or a node that is away, [`SdkError::NoContract`],
    /// [`SdkError::NotTheService`].
    pub async fn connect(
        provider: DynProvider,
        contract: Address,
        expected_chain: Option<u64>,
    ) -> Result<Self, SdkError> {
        let chain_id = check_contracts(&provider, expected_chain, &[contract]).await?;
        let service = AlignedProofAggregationService::new(contract, provider);
        // No run has the root zero: a service says so, another contract reverts or answers otherwise.
        let silent = |_| not_the_service(contract, "it does not answer `aggregation(bytes32)`");
        let stored = service.aggregation(B256::ZERO).call().await;
        match stored.map_err(|error| no_answer("eth_call", error, silent))?.leafCount {
            0 => Ok(Self { service, chain_id }),
            _ => Err(not_the_service(contract, "it knows the root zero")),
        }
    }

    /// The contract's address.
    #[must_use]
    pub fn contract(&self) -> Address {
        *self.service.address()
    }

    /// The chain that the node serves.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Number of the newest block.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn latest_block(&self) -> Result<u64, SdkError> {
        let provider = self.service.provider();
        provider.get_block_number().await.map_err(SdkError::node("eth_blockNumber"))
    }

    /// Whether the contract says that a registered run, soft or hard, covers this proof: `verifyProofInclusion` at the newest block.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn verify_inclusion(
        &self,
        path: &[B256],
        program_id: &ProgramId,
        public_values: &[u8],
    ) -> Result<bool, SdkError> {
        self.service
            .verifyProofInclusion(
                path.to_vec(),
                program_id.0.into(),
                Bytes::copy_from_slice(public_values),
            )
            .call()
            .await
            .map_err(SdkError::call("verifyProofInclusion"))
    }

    /// The same of hard runs alone, whose proof the contract verified itself: `verifyProofInclusionHard` at the newest block. Of other
    /// runs it has the word of operators that hold a quorum of the stake.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn verify_inclusion_hard(
        &self,
        path: &[B256],
        program_id: &ProgramId,
        public_values: &[u8],
    ) -> Result<bool, SdkError> {
        self.service
            .verifyProofInclusionHard(
                path.to_vec(),
                program_id.0.into(),
                Bytes::copy_from_slice(public_values),
            )
            .call()
            .await
            .map_err(SdkError::call("verifyProofInclusionHard"))
    }

    /// The block since which a root is hard; `None` if it rests on the operators' word, or is not registered.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn hard_since(&self, root: B256) -> Result<Option<u64>, SdkError> {
        let block = self.service.hardSince(root).call().await;
        let block = block.map_err(SdkError::call("hardSince"))?;
        Ok((block != 0).then_some(block))
    }

    /// Asks for the proof itself and for two forgeries: an altered public value and another program id.
    ///
    /// # Errors
    /// [`SdkError::Node`].
    pub async fn check_inclusion(
        &self,
        path: &[B256],
        program_id: &ProgramId,
        public_values: &[u8],
    ) -> Result<InclusionCheck, SdkError> {
        let mut altered = public_values.to_vec();
        match altered.last_mut() {
            Some(last) => *last ^= 1,
            None => altered.push(0),
        }
        let mut other = *program_id;
        let [.., last] = &mut other.0;
        *last ^= 1;
        Ok(InclusionCheck {
            included: self.verify_inclusion(path, program_id, public_values).await?,
            altered_public_values: self.verify_inclusion(path, program_id, &altered).await?,
            other_program: self.verify_inclusion(path, &other, public_values).await?,
        })
    }

    /// The run with this root, after checking that the contract's storage, its event and the event's transaction agree.
    ///
    /// # Errors
    /// [`SdkError::NotRegistered`]; [`SdkError::EventMissing`] and [`SdkError::Contradiction`] if the node cannot be
    /// relied on; [`SdkError::Node`].
    pub async fn aggregation(&self, root: B256) -> Result<Run, SdkError> {
        let stored = self.service.aggregation(root).call().await;
        let stored = stored.map_err(SdkError::call("aggregation"))?;
        if stored.leafCount == 0 {
            return Err(SdkError::NotRegistered { root, contract: self.contract() });
        }
        let block = stored.blockNumber;
        let filter = self.service.ProofsAggregated_filter().topic1(root);
        let events = filter.from_block(block).to_block(block).query().await;
        let events = events.map_err(SdkError::call("eth_getLogs"))?;
        // If there are two in one block, the second is that of the proof, which took the place of what operators signed falsely.
        let (event, log) =
            events.into_iter().next_back().ok_or(SdkError::EventMissing { root, block })?;
        let run = self.run_of_event(&event, &log).await?;
        agree(root, "leaf count", &stored.leafCount, &run.leaf_count)?;
        agree(root, "blob hashes", &stored.blobHashes, &run.blob_hashes)?;
        Ok(run)
    }

    /// The run that an event announces, after checking it against its transaction.
    async fn run_of_event(&self, event: &ProofsAggregated, log: &Log) -> Result<Run, SdkError> {
        let root = event.root;
        let incomplete = || contradiction(root, "its event is not in a mined block");
        let transaction = log.transaction_hash.ok_or_else(incomplete)?;
        let block_hash = log.block_hash.ok_or_else(incomplete)?;
        let provider = self.service.provider();
        let block = provider
            .get_block_by_hash(block_hash)
            .await
            .map_err(SdkError::node("eth_getBlockByHash"))?
            .ok_or_else(|| contradiction(root, "the block of its event is not known"))?;
        let run = Run {
            chain_id: self.chain_id,
            contract: self.contract(),
            root,
            leaf_count: u32::try_from(event.leafCount)
                .map_err(|_| contradiction(root, "its event has an impossible leaf count"))?,
            block_number: log.block_number.ok_or_else(incomplete)?,
            block_hash,
            block_timestamp: block.header.timestamp,
            transaction,
            blob_hashes: event.blobHashes.clone(),
        };
        let sent = provider
            .get_transaction_by_hash(transaction)
            .await
            .map_err(SdkError::node("eth_getTransactionByHash"))?
            .ok_or(SdkError::NoTransaction { transaction })?;
        let carried = sent.blob_versioned_hashes().unwrap_or_default();
        agree(root, "blobs", &run.blob_hashes.as_slice(), &carried)?;
        agree(root, "block", &sent.block_hash, &Some(run.block_hash))?;
        Ok(run)
    }

    /// Checks a bundle against this contract: its values belong together, its run is registered here just as it says,
    /// and the contract confirms the inclusion. Returns the run.
    ///
    /// # Errors
    /// [`SdkError::BundleInconsistent`], [`SdkError::BundleNotOnChain`], [`SdkError::NotRegistered`],
    /// [`SdkError::InclusionDenied`] if the bundle does not hold; otherwise those of
    /// [`aggregation`](Self::aggregation).
    pub async fn verify_bundle(&self, bundle: &InclusionBundle) -> Result<Run, SdkError> {
        bundle.verify_offline()?;
        on_chain("chain_id", &bundle.chain_id, &self.chain_id)?;
        on_chain("contract", &bundle.contract, &self.contract())?;
        let run = self.aggregation(bundle.root).await?;
        on_chain("leaf_count", &bundle.leaf_count, &run.leaf_count)?;
        on_chain("block_number", &bundle.block_number, &run.block_number)?;
        on_chain("block_hash", &bundle.block_hash, &run.block_hash)?;
        on_chain("transaction", &bundle.transaction, &run.transaction)?;
        on_chain("blob_hashes", &bundle.blob_hashes, &run.blob_hashes)?;
        let path = &bundle.path;
        if self.verify_inclusion(path, &bundle.program_id, &bundle.public_values).await? {
            Ok(run)
        } else {
            Err(SdkError::InclusionDenied { contract: self.contract(), root: bundle.root })
        }
    }
}

fn not_the_service(contract: Address, reason: &str) -> SdkError {
    SdkError::NotTheService { contract, reason: reason.to_owned() }
}

fn contradiction(root: B256, what: &str) -> SdkError {
    SdkError::Contradiction { root, what: what.to_owned() }
}

fn agree<T: PartialEq + std::fmt::Debug>(
    root: B256,
    what: &str,
    one: &T,
    other: &T,
) -> Result<(), SdkError> {
    if one == other {
        return Ok(());
    }
    Err(SdkError::Contradiction { root, what: format!("{what}: {one:?} and {other:?}") })
}

fn on_chain<T: PartialEq + std::fmt::Debug>(
    field: &'static str,
    stated: &T,
    found: &T,
) -> Result<(), SdkError> {
    if stated == found {
        return Ok(());
    }
    Err(SdkError::BundleNotOnChain {
        field,
        stated: format!("{stated:?}"),
        on_chain: format!("{found:?}"),
    })
}
