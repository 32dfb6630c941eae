//! Finding runs by transaction or by scanning events.

use std::collections::HashSet;

use alloy::{
    contract,
    primitives::{B256, TxHash},
    providers::Provider,
    rpc::types::Log,
    sol_types::SolEvent,
};
use collimate_contracts::bindings::aligned_proof_aggregation_service::AlignedProofAggregationService::ProofsAggregated;

use super::Aggregation;
use crate::{Run, SdkError};

/// Blocks of one `eth_getLogs` request at first; halved when the node finds that too much.
const BLOCKS_PER_REQUEST: u64 = 2_000;

impl Aggregation {
    /// The run that a transaction registered.
    ///
    /// # Errors
    /// [`SdkError::NoTransaction`], [`SdkError::NoRunInTransaction`], [`SdkError::SeveralRuns`]; otherwise those of
    /// [`aggregation`](Self::aggregation).
    pub async fn run_of_transaction(&self, transaction: TxHash) -> Result<Run, SdkError> {
        let receipt = self
            .service
            .provider()
            .get_transaction_receipt(transaction)
            .await
            .map_err(SdkError::node("eth_getTransactionReceipt"))?
            .ok_or(SdkError::NoTransaction { transaction })?;
        let contract = self.contract();
        let roots: Vec<_> = receipt
            .logs()
            .iter()
            .filter(|log| log.address() == contract)
            .filter_map(|log| ProofsAggregated::decode_log(&log.inner).ok())
            .map(|event| event.root)
            .collect();
        match roots.as_slice() {
            [] => Err(SdkError::NoRunInTransaction { transaction, contract }),
            [root] => self.aggregation(*root).await,
            _ => Err(SdkError::SeveralRuns { transaction, roots }),
        }
    }

    /// All runs registered in blocks `from` to `to` (the newest if not given), oldest first, each checked as
    /// [`aggregation`](Self::aggregation) does. Asks for a bounded number of blocks at a time.
    ///
    /// # Errors
    /// [`SdkError::EmptyRange`]; otherwise those of [`aggregation`](Self::aggregation).
    pub async fn runs_between(&self, from: u64, to: Option<u64>) -> Result<Vec<Run>, SdkError> {
        let latest = self.latest_block().await?;
        let to = to.map_or(latest, |to| to.min(latest));
        if from > to {
            return Err(SdkError::EmptyRange { from, to, latest });
        }
        let mut runs = Vec::new();
        for root in self.roots_between(from, to).await? {
            let run = self.aggregation(root).await?;
            // A proof takes the place of what operators signed falsely: then the root's run is that of a later block.
            if run.block_number <= to {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// Each root once, where it was registered last.
    async fn roots_between(&self, from: u64, to: u64) -> Result<Vec<B256>, SdkError> {
        let mut roots = Vec::new();
        let (mut next, mut size) = (from, BLOCKS_PER_REQUEST);
        while next <= to {
            let last = next.saturating_add(size - 1).min(to);
            tracing::debug!(from = next, to = last, "scanning for runs");
            match self.events(next, last).await {
                Ok(events) => roots.extend(events.into_iter().map(|(event, _)| event.root)),
                // Nodes limit blocks or results of a request, each in its own words.
                Err(contract::Error::TransportError(error))
                    if error.as_error_resp().is_some() && size > 1 =>
                {
                    size /= 2;
                    continue;
                }
                Err(error) => return Err(SdkError::call("eth_getLogs")(error)),
            }
            next = last.saturating_add(1);
        }
        let mut seen = HashSet::new();
        roots.reverse();
        roots.retain(|root| seen.insert(*root));
        roots.reverse();
        Ok(roots)
    }

    async fn events(
        &self,
        from: u64,
        to: u64,
    ) -> Result<Vec<(ProofsAggregated, Log)>, contract::Error> {
        self.service.ProofsAggregated_filter().from_block(from).to_block(to).query().await
    }
}
