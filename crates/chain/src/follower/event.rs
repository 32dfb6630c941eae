//! What a follower tells its handler, and the cursor that makes it resumable.

use std::ops::RangeInclusive;

use alloy::{primitives::B256, rpc::types::Log};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Number and hash of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockId {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
}

/// How far a follower has come. It is plain data (serde): store it as JSON beside the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Block at which following began.
    pub start: u64,
    /// First block whose events were not delivered yet.
    pub next: u64,
    /// The newest blocks that were delivered, ascending: what a reorganisation is recognised by, also one that happened
    /// while nobody watched.
    pub recent: Vec<BlockId>,
}

impl Cursor {
    /// A cursor that begins at block `start`.
    pub const fn starting_at(start: u64) -> Self {
        Self { start, next: start, recent: Vec::new() }
    }

    /// The newest delivered block, if known.
    pub fn tip(&self) -> Option<BlockId> {
        self.recent.last().copied()
    }
}

/// A change of the chain. Events come in order and without gaps.
#[derive(Clone, Debug, PartialEq)]
pub enum ChainEvent {
    /// Blocks that follow those delivered before, with the logs that passed the filter in them.
    New {
        /// Numbers of the blocks.
        blocks: RangeInclusive<u64>,
        /// Their logs, ascending.
        logs: Vec<Log>,
    },
    /// These blocks, delivered earlier, are no longer part of the chain: undo everything that came from them. Replacements
    /// follow as `New`.
    Reverted {
        /// Numbers of the blocks.
        blocks: RangeInclusive<u64>,
    },
}

/// Receives events and keeps the cursor.
///
/// The cursor belongs to the handler, so that both are stored **in one database transaction**: `handle` stores what follows
/// from the event *and* the cursor that comes with it, or neither. A cursor then never passes an event that was not stored.
#[async_trait]
pub trait EventHandler: Send {
    /// Why the handler could not store.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The cursor that was stored last; `None` at the very first start.
    async fn load_cursor(&mut self) -> Result<Option<Cursor>, Self::Error>;

    /// Stores the event's effects and `cursor` atomically. After an error the same event comes again.
    async fn handle(&mut self, event: &ChainEvent, cursor: &Cursor) -> Result<(), Self::Error>;
}
