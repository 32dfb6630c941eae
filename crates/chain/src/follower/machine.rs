//! Following the chain without clock or I/O: the driver asks [`Machine::step`] what is wanted, gets it, and tells.
//!
//! - Blocks deeper than [`FollowConfig::safe_depth`] are read in ranges by number: no reorganisation reaches them.
//! - Newer ones are read one by one. A block must name the newest delivered block as its parent, and its logs are asked for by
//!   its *hash*, so an answer can belong to no other block, whatever the chain does between two requests.
//! - Whenever the parent does not fit, or the chain is shorter than what was delivered, the remembered blocks are compared with
//!   the chain, newest first, until one is found that is still in it; everything above it is reverted.

use alloy::{primitives::B256, rpc::types::Log};

use crate::{
    error::ChainError,
    follower::{BlockId, ChainEvent, Cursor},
};

/// How to follow.
#[derive(Clone, Copy, Debug)]
pub struct FollowConfig {
    /// Blocks on top of a block before it is delivered; 0 delivers the newest.
    pub lag: u64,
    /// Reorganisations deeper than this are not survived: a cursor remembers this many blocks. At least 1.
    pub safe_depth: u64,
    /// Most blocks in a request for logs. At least 1.
    pub max_range: u64,
}

impl Default for FollowConfig {
    fn default() -> Self {
        Self { lag: 0, safe_depth: 64, max_range: 2_000 }
    }
}

/// What a block says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLink {
    /// The block.
    pub id: BlockId,
    /// Hash of the block before it.
    pub parent: B256,
}

/// What the machine wants next.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Number of the newest block, after a pause if `idle`: see [`Machine::on_head`].
    Head {
        /// Nothing is left to do until there are new blocks.
        idle: bool,
    },
    /// The block with this number: see [`Machine::on_block`].
    Block(u64),
    /// The logs of these blocks and then the block `to`: see [`Machine::on_range`].
    Range {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
    },
    /// The logs of exactly this block: see [`Machine::on_block_logs`].
    BlockLogs(BlockId),
    /// The event has to be stored with the cursor: see [`Machine::on_delivered`].
    Deliver(ChainEvent, Cursor),
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    NeedHead {
        idle: bool,
    },
    /// Looking for the newest delivered block that is still in the chain; `recent[index]` is next. `forked` once a block
    /// differed: a block that is merely absent may only be late on this node.
    Matching {
        head: u64,
        index: usize,
        forked: bool,
    },
    Advancing {
        head: u64,
    },
    Reading {
        head: u64,
        block: BlockId,
    },
    Delivering {
        head: u64,
        event: ChainEvent,
        cursor: Cursor,
    },
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct Machine {
    config: FollowConfig,
    cursor: Cursor,
    range: u64,
    state: State,
}

impl Machine {
    /// Goes on from `cursor`.
    pub fn new(cursor: Cursor, config: FollowConfig) -> Self {
        let range = config.max_range.max(1);
        Self { config, cursor, range, state: State::NeedHead { idle: false } }
    }

    /// The cursor as it was delivered last.
    pub const fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// What is wanted now. Asking again changes nothing.
    pub fn step(&self) -> Wanted {
        match &self.state {
            State::NeedHead { idle } => Wanted::Head { idle: *idle },
            State::Matching { index, .. } => {
                Wanted::Block(self.cursor.recent.get(*index).map_or(0, |block| block.number))
            }
            State::Advancing { head } => match self.deep_range(*head) {
                Some((from, to)) => Wanted::Range { from, to },
                None => Wanted::Block(self.cursor.next),
            },
            State::Reading { block, .. } => Wanted::BlockLogs(*block),
            State::Delivering { event, cursor, .. } => {
                Wanted::Deliver(event.clone(), cursor.clone())
            }
        }
    }

    /// The newest block has this number.
    pub fn on_head(&mut self, head: u64) {
        // The newest delivered block is compared always: a reorganisation need not make the chain longer.
        self.state = match self.cursor.recent.len().checked_sub(1) {
            Some(index) => State::Matching { head, index, forked: false },
            None => self.advance(head),
        };
    }

    /// The wanted block, or `None` if the node does not have it.
    ///
    /// # Errors
    /// [`ChainError::ReorgTooDeep`] if none of the remembered blocks is in the chain.
    pub fn on_block(&mut self, block: Option<BlockLink>) -> Result<(), ChainError> {
        match self.state {
            State::Matching { head, index, forked } => {
                self.on_remembered(block, head, index, forked)
            }
            State::Advancing { head } => {
                self.state = match block {
                    Some(block) if self.follows_tip(&block) => {
                        State::Reading { head, block: block.id }
                    }
                    Some(_) => State::NeedHead { idle: false },
                    None => State::NeedHead { idle: true },
                };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The logs of the wanted range and its last block, or `None` if the node does not have that block.
    pub fn on_range(&mut self, last: Option<BlockLink>, logs: Vec<Log>) {
        let State::Advancing { head } = self.state else { return };
        let Some((from, to)) = self.deep_range(head) else { return };
        let in_range = |log: &Log| log.block_number.is_some_and(|n| (from..=to).contains(&n));
        self.state = match last {
            Some(last) if last.id.number == to && logs.iter().all(in_range) => {
                self.range = self.range.saturating_mul(2).min(self.config.max_range.max(1));
                self.deliver_new(head, from, last.id, logs)
            }
            _ => State::NeedHead { idle: true },
        };
    }

    /// The node refused the range: the next one is half as long. `false` if one block was too much already.
    pub fn on_range_refused(&mut self) -> bool {
        let long = self.range > 1;
        self.range = (self.range / 2).max(1);
        long
    }

    /// The logs of the wanted block, or `None` if the node does not have that block any more.
    pub fn on_block_logs(&mut self, logs: Option<Vec<Log>>) {
        let State::Reading { head, block } = self.state else { return };
        self.state = match logs {
            Some(logs) if logs.iter().all(|log| log.block_hash == Some(block.hash)) => {
                self.deliver_new(head, block.number, block, logs)
            }
            _ => State::NeedHead { idle: false },
        };
    }

    /// The event and its cursor are stored.
    pub fn on_delivered(&mut self) {
        if let State::Delivering { head, cursor, .. } = &self.state {
            let head = *head;
            self.cursor = cursor.clone();
            self.state = self.advance(head);
        }
    }

    fn advance(&self, head: u64) -> State {
        match self.cursor.next.checked_add(self.config.lag) {
            Some(needed) if needed <= head => State::Advancing { head },
            _ => State::NeedHead { idle: true },
        }
    }

    /// The next blocks that are too deep for a reorganisation.
    fn deep_range(&self, head: u64) -> Option<(u64, u64)> {
        let from = self.cursor.next;
        let deep = head.checked_sub(self.safe_depth())?.checked_sub(self.config.lag)?;
        let to = from.saturating_add(self.range.saturating_sub(1)).min(deep);
        (from <= deep).then_some((from, to))
    }

    fn safe_depth(&self) -> u64 {
        self.config.safe_depth.max(1)
    }

    fn follows_tip(&self, block: &BlockLink) -> bool {
        block.id.number == self.cursor.next
            && self.cursor.tip().is_none_or(|tip| tip.hash == block.parent)
    }

    fn on_remembered(
        &mut self,
        block: Option<BlockLink>,
        head: u64,
        index: usize,
        forked: bool,
    ) -> Result<(), ChainError> {
        let Some(remembered) = self.cursor.recent.get(index).copied() else { return Ok(()) };
        let forked = match block {
            Some(block) if block.id == remembered => {
                self.state = if forked {
                    self.revert_above(head, remembered.number, index.saturating_add(1))
                } else if Some(remembered) == self.cursor.tip() {
                    self.advance(head)
                } else {
                    State::NeedHead { idle: true }
                };
                return Ok(());
            }
            Some(_) => true,
            None => forked,
        };
        self.state = match index.checked_sub(1) {
            Some(index) => State::Matching { head, index, forked },
            None if !forked => State::NeedHead { idle: true },
            // Nothing older was ever delivered: begin again.
            None if remembered.number == self.cursor.start => {
                let cursor = Cursor::starting_at(self.cursor.start);
                self.reverted(head, cursor)
            }
            None => return Err(ChainError::ReorgTooDeep { oldest: remembered.number }),
        };
        Ok(())
    }

    fn revert_above(&self, head: u64, ancestor: u64, keep: usize) -> State {
        let recent = self.cursor.recent.iter().take(keep).copied().collect();
        let next = ancestor.saturating_add(1);
        self.reverted(head, Cursor { start: self.cursor.start, next, recent })
    }

    fn reverted(&self, head: u64, cursor: Cursor) -> State {
        let last = self.cursor.next.saturating_sub(1);
        State::Delivering {
            head,
            event: ChainEvent::Reverted { blocks: cursor.next..=last },
            cursor,
        }
    }

    fn deliver_new(&self, head: u64, from: u64, last: BlockId, mut logs: Vec<Log>) -> State {
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        let mut recent = self.cursor.recent.clone();
        recent.push(last);
        // One more than the deepest reorganisation: its common ancestor has to be among them.
        let keep = usize::try_from(self.safe_depth().saturating_add(1)).unwrap_or(usize::MAX);
        let surplus = recent.len().saturating_sub(keep);
        recent.drain(..surplus);
        let next = last.number.saturating_add(1);
        let cursor = Cursor { start: self.cursor.start, next, recent };
        State::Delivering {
            head,
            event: ChainEvent::New { blocks: from..=last.number, logs },
            cursor,
        }
    }
}
