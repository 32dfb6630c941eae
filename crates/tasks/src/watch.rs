use std::{convert::Infallible, time::Duration};

use alloy::{providers::Provider, rpc::types::Filter, sol_types::SolEvent};
use async_trait::async_trait;
use collimate_chain::{
    ChainError,
    follower::{ChainEvent, Cursor, EventHandler, FollowConfig, Follower},
};
use collimate_contracts::AlignedLayerServiceManager::{BatchVerified, NewBatchV3};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{ServiceManager, TaskBook, TaskChange, TaskError};

/// Pause before the chain is asked again where to begin.
const PAUSE: Duration = Duration::from_secs(1);

/// How tasks are followed.
#[derive(Debug, Clone, Copy)]
pub struct WatchSettings {
    /// Pause between two looks at the chain when there is nothing to do.
    pub poll_interval: Duration,
    /// How the chain is read. A `lag` of 0 shows tasks with their block.
    pub follow: FollowConfig,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { poll_interval: Duration::from_secs(1), follow: FollowConfig::default() }
    }
}

/// Sends every change of the contract's tasks to `changes` until `stop`, or until nobody listens any more. It begins with all
/// tasks that may still be open. Faults of the node cost time only; after a reorganisation deeper than is remembered it begins
/// again.
pub async fn watch(
    manager: ServiceManager,
    settings: WatchSettings,
    changes: mpsc::Sender<TaskChange>,
    stop: CancellationToken,
) {
    let gone = changes.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = gone.closed() => {}
        () = follow(&manager, settings, changes, &stop) => {}
    }
}

async fn follow(
    manager: &ServiceManager,
    settings: WatchSettings,
    changes: mpsc::Sender<TaskChange>,
    stop: &CancellationToken,
) {
    let mut teller = Teller { book: TaskBook::new(manager.response_blocks()), changes };
    while !stop.is_cancelled() {
        let error = match first_block(manager).await {
            Err(error) => error,
            Ok(start) => {
                let filter = Filter::new().address(manager.address()).event_signature(vec![
                    NewBatchV3::SIGNATURE_HASH,
                    BatchVerified::SIGNATURE_HASH,
                ]);
                let follower = Follower::new(
                    manager.provider().clone(),
                    filter,
                    start,
                    settings.follow,
                    settings.poll_interval,
                );
                match follower.run(&mut teller, stop.clone()).await {
                    Ok(()) => return,
                    Err(error) => error.into(),
                }
            }
        };
        tracing::warn!(%error, "following tasks begins again");
        let forgotten = teller.book.clear();
        teller.tell(forgotten).await;
        sleep(PAUSE).await;
    }
}

/// Tasks of older blocks are expired.
async fn first_block(manager: &ServiceManager) -> Result<u64, TaskError> {
    let head = manager.provider().get_block_number().await;
    let head = head.map_err(ChainError::node("eth_blockNumber"))?;
    Ok(head.saturating_sub(manager.response_blocks()))
}

#[derive(Debug)]
struct Teller {
    book: TaskBook,
    changes: mpsc::Sender<TaskChange>,
}

impl Teller {
    async fn tell(&self, changes: Vec<TaskChange>) {
        for change in changes {
            // Whoever does not listen any more ends the watch, which sees it by itself.
            if self.changes.send(change).await.is_err() {
                return;
            }
        }
    }
}

#[async_trait]
impl EventHandler for Teller {
    type Error = Infallible;

    async fn load_cursor(&mut self) -> Result<Option<Cursor>, Infallible> {
        Ok(None)
    }

    async fn handle(&mut self, event: &ChainEvent, _: &Cursor) -> Result<(), Infallible> {
        let changes = self.book.apply(event);
        self.tell(changes).await;
        Ok(())
    }
}
