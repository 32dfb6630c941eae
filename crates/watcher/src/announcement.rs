//! The task behind a verified batch, which the event of its verification only names.

use alloy::{providers::Provider, rpc::types::Filter, sol_types::SolEvent};
use collimate_chain::ChainError;
use collimate_contracts::AlignedLayerServiceManager::NewBatchV3;
use collimate_tasks::{Announced, ServiceManager, TaskError};

use crate::ledger::SignedBatch;

/// The task that a batch was verified for. It was announced at most `RESPONSE_BLOCKS` before; `None` if the node does not know that block
/// (yet).
pub(crate) async fn announcement(
    manager: &ServiceManager,
    batch: &SignedBatch,
) -> Result<Option<Announced>, TaskError> {
    let verified = batch.answer.block_number;
    let filter = Filter::new()
        .address(manager.address())
        .event_signature(NewBatchV3::SIGNATURE_HASH)
        .topic1(batch.root)
        .from_block(verified.saturating_sub(manager.response_blocks()))
        .to_block(verified);
    let logs = manager.provider().get_logs(&filter).await;
    let logs = logs.map_err(ChainError::node("eth_getLogs"))?;
    let mut announced = logs
        .iter()
        .filter_map(|log| NewBatchV3::decode_log_data(log.data()).ok())
        .map(|event| Announced::from(&event));
    Ok(announced.find(|announced| announced.id == batch.task))
}
