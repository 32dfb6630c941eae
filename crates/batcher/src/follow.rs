//! What the chain did with this batcher's tasks, stored with the cursor that passes it, through reorganisations.

use std::{collections::HashMap, sync::Arc};

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use async_trait::async_trait;
use collimate_api::fast::GroupEnd;
use collimate_chain::follower::{ChainEvent, Cursor, EventHandler};
use collimate_contracts::{
    AlignedLayerServiceManager::{BatchVerified, NewBatchV3},
    BatcherPaymentService::{TaskPaid, TaskRefunded, TaskSettled},
    fast_mode::{Task, task_id},
};
use collimate_store::{
    BatchStatus, BatcherLedger, FastBatch, GroupEnds, Store, TaskFact, TaskOnChain, age_of,
};
use tokio::sync::Notify;

use crate::{BatcherError, ends, metrics::Metrics};

/// Whose events are followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    pub(crate) manager: Address,
    pub(crate) payments: Address,
    pub(crate) batcher: Address,
    pub(crate) response_blocks: u64,
}

impl Followed {
    pub(crate) fn filter(&self) -> Filter {
        Filter::new().address(vec![self.manager, self.payments]).event_signature(vec![
            NewBatchV3::SIGNATURE_HASH,
            BatchVerified::SIGNATURE_HASH,
            TaskPaid::SIGNATURE_HASH,
            TaskSettled::SIGNATURE_HASH,
            TaskRefunded::SIGNATURE_HASH,
        ])
    }

    /// What these logs say of the batcher's tasks, in their order. The events of one task's creation are in one transaction, and
    /// the payment's comes first.
    fn facts(&self, logs: &[Log]) -> Result<Vec<TaskFact>, BatcherError> {
        let created: HashMap<B256, NewBatchV3> = logs
            .iter()
            .filter(|log| log.address() == self.manager)
            .filter_map(|log| NewBatchV3::decode_log_data(log.data()).ok())
            .filter(|event| event.senderAddress == self.payments)
            .map(|event| (task_id(&Task::from(&event)), event))
            .collect();
        let mut facts = vec![];
        for log in logs {
            facts.extend(self.fact(log, &created)?);
        }
        Ok(facts)
    }

    fn fact(
        &self,
        log: &Log,
        created: &HashMap<B256, NewBatchV3>,
    ) -> Result<Option<TaskFact>, BatcherError> {
        let block = log.block_number.unwrap_or(0);
        if log.address() == self.manager {
            let event = BatchVerified::decode_log_data(log.data()).ok();
            return Ok(event.map(|event| TaskFact::Verified { task_id: event.taskId.0, block }));
        }
        if log.address() != self.payments {
            return Ok(None);
        }
        if let Ok(event) = TaskPaid::decode_log_data(log.data()) {
            return match event.batcher == self.batcher {
                true => self.creation(log, &event, created).map(Some),
                false => Ok(None),
            };
        }
        if let Ok(event) = TaskSettled::decode_log_data(log.data()) {
            return Ok(Some(TaskFact::Settled { task_id: event.taskId.0, block }));
        }
        let event = TaskRefunded::decode_log_data(log.data()).ok();
        Ok(event.map(|event| TaskFact::Refunded { task_id: event.taskId.0, block }))
    }

    fn creation(
        &self,
        log: &Log,
        paid: &TaskPaid,
        created: &HashMap<B256, NewBatchV3>,
    ) -> Result<TaskFact, BatcherError> {
        let id = paid.taskId;
        let strange = |what: &str| BatcherError::Inconsistent(format!("task {id}: {what}"));
        let event = created.get(&id).ok_or_else(|| strange("it was paid for, and not created"))?;
        let hash = log.transaction_hash.ok_or_else(|| strange("its event is in no transaction"))?;
        let wei = |amount: U256| u128::try_from(amount).map_err(|_| strange("an absurd amount"));
        let block = u64::from(event.taskCreatedBlock);
        let charges: Result<Vec<u128>, _> =
            paid.charges.iter().map(|charge| wei(charge.fee)).collect();
        Ok(TaskFact::Created(TaskOnChain {
            root: event.batchMerkleRoot.0,
            pointer: event.batchDataPointer.clone(),
            task_id: id.0,
            block,
            last_block: block.saturating_add(self.response_blocks),
            tx_hash: hash.0,
            total: wei(paid.total)?,
            added: wei(paid.added)?,
            charges: charges?,
        }))
    }
}

/// Stores what the follower delivers.
#[derive(Debug)]
pub(crate) struct Keeper<'a> {
    pub(crate) store: &'a Store,
    pub(crate) ledger: &'a BatcherLedger,
    pub(crate) followed: Followed,
    pub(crate) metrics: &'a Metrics,
    pub(crate) changed: Arc<Notify>,
    /// The cursor that is stored, if nobody else moved it.
    pub(crate) at: Option<Cursor>,
    /// Why the last event could not be stored.
    pub(crate) failed: Option<BatcherError>,
}

/// The reason is [`Keeper::failed`].
#[derive(Debug, thiserror::Error)]
#[error("the chain's events could not be stored")]
pub(crate) struct NotStored;

impl Keeper<'_> {
    async fn keep(&self, event: &ChainEvent, to: &Cursor) -> Result<Vec<FastBatch>, BatcherError> {
        let at = self.at.as_ref();
        match event {
            ChainEvent::New { logs, .. } => {
                let facts = self.followed.facts(logs)?;
                let ends = GroupEnds {
                    refunded: ends::told(GroupEnd::TaskExpired),
                    overtaken: ends::told(GroupEnd::WrongNonce),
                };
                Ok(self.ledger.advance(&facts, &ends, at, to).await?)
            }
            ChainEvent::Reverted { blocks } => {
                let (first, last) = (blocks.start(), blocks.end());
                let changed = self.ledger.revert(*blocks.start(), at, to).await?;
                tracing::warn!(first, last, batches = changed.len(), "a reorganisation");
                Ok(changed)
            }
        }
    }

    fn report(&self, batches: &[FastBatch]) {
        for batch in batches {
            let (id, status) = (batch.id, batch.status);
            let since_closed = age_of(batch.created_at).as_secs_f64();
            tracing::info!(batch = id, %status, seconds_since_closed = since_closed, "batch");
            match status {
                BatchStatus::Open => self.metrics.phase("creation", since_closed),
                BatchStatus::Verified => self.metrics.phase("response", since_closed),
                BatchStatus::Refunded => {
                    let code = GroupEnd::TaskExpired.as_str();
                    let dropped = self.metrics.dropped.with_label_values(&[code]);
                    dropped.inc_by(batch.group_count.into());
                }
                _ => {}
            }
        }
    }
}

#[async_trait]
impl EventHandler for Keeper<'_> {
    type Error = NotStored;

    async fn load_cursor(&mut self) -> Result<Option<Cursor>, NotStored> {
        match self.store.load_cursor(&self.ledger.cursor_name()).await {
            Ok(cursor) => {
                self.at.clone_from(&cursor);
                Ok(cursor)
            }
            Err(error) => {
                self.failed = Some(error.into());
                Err(NotStored)
            }
        }
    }

    async fn handle(&mut self, event: &ChainEvent, cursor: &Cursor) -> Result<(), NotStored> {
        match self.keep(event, cursor).await {
            Ok(batches) => {
                self.at = Some(cursor.clone());
                self.report(&batches);
                // Not only when batches changed: that a block is known may be what was waited for.
                self.changed.notify_one();
                Ok(())
            }
            Err(error) => {
                self.failed = Some(error);
                Err(NotStored)
            }
        }
    }
}
