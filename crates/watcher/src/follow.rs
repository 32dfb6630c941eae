//! From the chain into the ledger.

use alloy::{primitives::B256, rpc::types::Filter, sol_types::SolEvent};
use async_trait::async_trait;
use collimate_chain::{
    ChainError,
    follower::{ChainEvent, Cursor, EventHandler, Follower},
};
use collimate_contracts::AlignedLayerServiceManager::BatchVerified;
use collimate_evidence::Answer;
use collimate_tasks::{ServiceManager, WatchSettings};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    WatcherError,
    ledger::{Entry, Ledger, SignedBatch},
    limits::{CHECKPOINT_BLOCKS, KEPT_BLOCKS},
};

/// What the worker is told, after the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A batch of the chain has work left.
    Found(B256),
    /// A reorganisation took a batch away.
    Gone(B256),
}

/// Follows verified batches until `stop`. Faults of the node cost time only; after a reorganisation deeper than is remembered it
/// reads again what is not settled.
///
/// # Errors
/// The ledger's.
pub(crate) async fn follow(
    manager: ServiceManager,
    settings: WatchSettings,
    ledger: Ledger,
    changes: mpsc::Sender<Change>,
    stop: CancellationToken,
) -> Result<(), WatcherError> {
    let mut scribe = Scribe { ledger, changes, failed: None };
    for task in scribe.ledger.read(|state| state.unfinished()) {
        scribe.tell(Change::Found(task)).await;
    }
    let mut config = settings.follow;
    // The ledger remembers so many.
    config.safe_depth = config.safe_depth.min(KEPT_BLOCKS);
    while !stop.is_cancelled() {
        let filter =
            Filter::new().address(manager.address()).event_signature(BatchVerified::SIGNATURE_HASH);
        let follower = Follower::new(
            manager.provider().clone(),
            filter,
            scribe.ledger.read(|state| state.beginning()),
            config,
            settings.poll_interval,
        );
        match follower.run(&mut scribe, stop.clone()).await {
            Ok(()) => return Ok(()),
            Err(error @ ChainError::ReorgTooDeep { .. }) => {
                tracing::error!(%error, "batches that are not settled are read again");
                let from = scribe.ledger.read(|state| state.beginning());
                scribe.reverted(from).await?;
            }
            Err(error) => return Err(scribe.failed.take().unwrap_or(error.into())),
        }
    }
    Ok(())
}

/// Writes what the chain did into the ledger.
#[derive(Debug)]
struct Scribe {
    ledger: Ledger,
    changes: mpsc::Sender<Change>,
    /// Why the ledger could not be written: the follower knows only that it could not.
    failed: Option<WatcherError>,
}

/// The ledger's error, which is kept aside.
#[derive(Debug, thiserror::Error)]
#[error("the ledger cannot be written")]
struct Unwritten;

impl Scribe {
    async fn extended(
        &self,
        logs: &[alloy::rpc::types::Log],
        cursor: &Cursor,
    ) -> Result<(), WatcherError> {
        let signed = logs.iter().filter_map(|log| {
            let (answer, event) = Answer::of_log(log)?;
            let (task, root, sender) = (event.taskId, event.batchMerkleRoot, event.senderAddress);
            Some(SignedBatch { task, root, sender, answer })
        });
        let news: Vec<_> =
            self.ledger.read(|state| signed.filter(|batch| state.is_news(batch)).collect());
        let Some(tip) = cursor.tip() else { return Ok(()) };
        let noted = self.ledger.read(|state| state.cursor().map_or(0, |cursor| cursor.next));
        if news.is_empty() && tip.number < noted.saturating_add(CHECKPOINT_BLOCKS) {
            return Ok(());
        }
        let tasks: Vec<_> = news.iter().map(|batch: &SignedBatch| batch.task).collect();
        let mut entries: Vec<_> = news.into_iter().map(Box::new).map(Entry::Verified).collect();
        entries.push(Entry::Followed(tip));
        self.ledger.append(entries).await?;
        for task in tasks {
            self.tell(Change::Found(task)).await;
        }
        Ok(())
    }

    async fn reverted(&self, from: u64) -> Result<(), WatcherError> {
        let (tasks, noted) = self.ledger.read(|state| {
            (state.verified_from(from), state.tip().is_some_and(|tip| tip.number >= from))
        });
        // What the ledger never noted needs no undoing.
        if tasks.is_empty() && !noted {
            return Ok(());
        }
        self.ledger.append(vec![Entry::Reverted { from }]).await?;
        for task in tasks {
            self.tell(Change::Gone(task)).await;
        }
        Ok(())
    }

    async fn tell(&self, change: Change) {
        // A worker that is gone ends the watcher, which sees it by itself.
        let _sent = self.changes.send(change).await;
    }
}

#[async_trait]
impl EventHandler for Scribe {
    type Error = Unwritten;

    async fn load_cursor(&mut self) -> Result<Option<Cursor>, Unwritten> {
        Ok(self.ledger.read(|state| state.cursor()))
    }

    async fn handle(&mut self, event: &ChainEvent, cursor: &Cursor) -> Result<(), Unwritten> {
        let written = match event {
            ChainEvent::New { logs, .. } => self.extended(logs, cursor).await,
            ChainEvent::Reverted { blocks } => self.reverted(*blocks.start()).await,
        };
        written.map_err(|error| {
            self.failed = Some(error);
            Unwritten
        })
    }
}
