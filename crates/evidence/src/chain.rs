//! What only the chain can say about evidence.

use alloy::{
    consensus::Transaction,
    primitives::{Address, B256, aliases::U96},
    providers::{DynProvider, Provider},
};
use collimate_chain::ChainError;
use collimate_tasks::{ServiceManager, TaskError, TaskStatus};

use crate::{Answer, Evidence, EvidenceError, Response};

/// Checks evidence that [`check`](crate::check()) found to hold against the chain: the contract that the reader trusts has the task as
/// verified, and the transaction has the answer as the file says.
///
/// # Errors
/// [`EvidenceError::Elsewhere`], [`EvidenceError::NotOnChain`], [`EvidenceError::NotVerified`]; [`EvidenceError::NoTransaction`],
/// [`EvidenceError::Chain`] if the node cannot say.
pub async fn check_on_chain(
    evidence: &Evidence,
    provider: DynProvider,
    service_manager: Address,
) -> Result<(), EvidenceError> {
    let elsewhere = |what, stated: String, asked: String| {
        if stated == asked {
            return Ok(());
        }
        Err(EvidenceError::Elsewhere { what, stated, asked })
    };
    let stated = evidence.service_manager.to_string();
    elsewhere("contract", stated, service_manager.to_string())?;
    let manager = ServiceManager::open(provider, service_manager).await?;
    elsewhere("chain", evidence.chain_id.to_string(), manager.chain_id().to_string())?;
    check_answer(evidence, &manager).await?;
    match manager.status(evidence.task_id).await? {
        TaskStatus::Verified => Ok(()),
        status => Err(EvidenceError::NotVerified { contract: service_manager, status }),
    }
}

async fn check_answer(evidence: &Evidence, manager: &ServiceManager) -> Result<(), EvidenceError> {
    let stated = &evidence.answer;
    let transaction = stated.transaction;
    let receipt = manager.provider().get_transaction_receipt(transaction).await;
    let receipt = receipt.map_err(node("eth_getTransactionReceipt"))?;
    let receipt = receipt.ok_or(EvidenceError::NoTransaction { transaction })?;
    let same = |field, holds: bool| match holds {
        true => Ok(()),
        false => Err(EvidenceError::NotOnChain { field }),
    };
    let mut logs = receipt.inner.logs().iter();
    let log = logs.find(|log| log.log_index == Some(stated.log_index));
    let log = log.filter(|log| log.address() == manager.address() && !log.removed);
    let Some((found, event)) = log.and_then(Answer::of_log) else {
        return Err(EvidenceError::NotOnChain { field: "event" });
    };
    same("task", event.taskId == evidence.task_id)?;
    same("root", event.batchMerkleRoot == evidence.task.batch_merkle_root)?;
    same("sender", event.senderAddress == evidence.task.sender_address)?;
    same("set of proof systems", found.proving_systems == stated.proving_systems)?;
    same("responder", found.responder == stated.responder)?;
    same("fee", found.fee == stated.fee)?;
    same(
        "block",
        (found.block_number, found.block_hash) == (stated.block_number, stated.block_hash),
    )?;
    let response =
        response_of(manager, transaction, evidence.task_id, found.proving_systems).await?;
    same("signature", response == stated.response)
}

/// The signature that a transaction handed in for a task, unless another contract did.
///
/// # Errors
/// [`EvidenceError::NoTransaction`], or the node's.
pub async fn response_of(
    manager: &ServiceManager,
    transaction: B256,
    task: B256,
    systems: U96,
) -> Result<Option<Response>, EvidenceError> {
    let sent = manager.provider().get_transaction_by_hash(transaction).await;
    let sent = sent.map_err(node("eth_getTransactionByHash"))?;
    let sent = sent.ok_or(EvidenceError::NoTransaction { transaction })?;
    let direct = sent.to() == Some(manager.address());
    Ok(direct.then(|| Response::of_input(sent.input(), task, systems)).flatten())
}

fn node(action: &'static str) -> impl FnOnce(collimate_chain::NodeError) -> EvidenceError {
    move |error| EvidenceError::Chain(TaskError::Chain(ChainError::node(action)(error)))
}
