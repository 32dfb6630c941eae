//! The thin async part of following: carries requests and answers between machine, node and handler.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Header},
    transports::RpcError,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    error::{ChainError, NodeError},
    follower::{BlockId, BlockLink, Cursor, EventHandler, FollowConfig, Machine, Wanted},
};

/// Follows the logs that pass a filter.
#[derive(Debug)]
pub struct Follower {
    provider: DynProvider,
    filter: Filter,
    start: u64,
    config: FollowConfig,
    poll_interval: Duration,
}

impl Follower {
    /// A follower of the logs that pass `filter` (addresses and topics; its blocks are ignored), from block `start` if the
    /// handler has no cursor yet.
    pub const fn new(
        provider: DynProvider,
        filter: Filter,
        start: u64,
        config: FollowConfig,
        poll_interval: Duration,
    ) -> Self {
        Self { provider, filter, start, config, poll_interval }
    }

    /// Delivers events to `handler` until `stop`. Faults of the node cost time only.
    ///
    /// # Errors
    /// [`ChainError::Handler`] if the handler cannot store (run it again: nothing is lost), [`ChainError::ReorgTooDeep`].
    pub async fn run<H: EventHandler>(
        self,
        handler: &mut H,
        stop: CancellationToken,
    ) -> Result<(), ChainError> {
        let cursor = handler.load_cursor().await.map_err(handler_failed)?;
        let cursor = cursor.unwrap_or_else(|| Cursor::starting_at(self.start));
        let mut machine = Machine::new(cursor, self.config);
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));
        loop {
            let turn = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                turn = self.turn(&mut machine) => turn,
            };
            match turn {
                Ok(None) => backoff.reset(),
                // Not inside the select: what was begun with the handler is waited for.
                Ok(Some((event, cursor))) => {
                    handler.handle(&event, &cursor).await.map_err(handler_failed)?;
                    machine.on_delivered();
                }
                Err(error @ ChainError::Node { .. }) => {
                    tracing::warn!(%error, next = machine.cursor().next, "the node is not well, following pauses");
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        () = sleep(backoff.next_delay()) => {}
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gets what the machine wants; what the handler has to store is returned.
    async fn turn(
        &self,
        machine: &mut Machine,
    ) -> Result<Option<(crate::follower::ChainEvent, Cursor)>, ChainError> {
        match machine.step() {
            Wanted::Head { idle } => {
                if idle {
                    sleep(self.poll_interval).await;
                }
                let head = self.provider.get_block_number().await;
                machine.on_head(head.map_err(ChainError::node("eth_blockNumber"))?);
            }
            Wanted::Block(number) => {
                let block = self.block(number).await?;
                machine.on_block(block)?;
            }
            Wanted::Range { from, to } => {
                let filter = self.filter.clone().from_block(from).to_block(to);
                match self.provider.get_logs(&filter).await {
                    Ok(logs) => {
                        let last = self.block(to).await?;
                        machine.on_range(last, logs);
                    }
                    Err(error) => {
                        // Too many results, too long a range, too slow: clients say it in many ways, so any failure counts.
                        let shorter = machine.on_range_refused();
                        let error = ChainError::node("eth_getLogs")(error);
                        tracing::debug!(%error, from, to, shorter, "a range of logs was refused");
                        if !shorter {
                            return Err(error);
                        }
                    }
                }
            }
            Wanted::BlockLogs(block) => {
                let filter = self.filter.clone().at_block_hash(block.hash);
                match self.provider.get_logs(&filter).await {
                    Ok(logs) => machine.on_block_logs(Some(logs)),
                    Err(error) if is_unknown_block(&error) => machine.on_block_logs(None),
                    Err(error) => return Err(ChainError::node("eth_getLogs")(error)),
                }
            }
            Wanted::Deliver(event, cursor) => return Ok(Some((event, cursor))),
        }
        Ok(None)
    }

    async fn block(&self, number: u64) -> Result<Option<BlockLink>, ChainError> {
        let header = self
            .provider
            .get_header_by_number(BlockNumberOrTag::Number(number))
            .await
            .map_err(ChainError::node("eth_getBlockByNumber"))?;
        Ok(header.map(|header: Header| BlockLink {
            id: BlockId { number: header.number, hash: header.hash },
            parent: header.parent_hash,
        }))
    }
}

/// A node that was reorganised away from a block says that it does not know it.
fn is_unknown_block(error: &NodeError) -> bool {
    match error {
        RpcError::ErrorResp(payload) => {
            let words = payload.message.to_lowercase();
            words.contains("unknown block") || words.contains("not found")
        }
        _ => false,
    }
}

fn handler_failed<E: std::error::Error + Send + Sync + 'static>(error: E) -> ChainError {
    ChainError::Handler(Arc::new(error))
}
