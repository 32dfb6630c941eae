//! Tasks of fast mode, as the chain has them, and the form in which operators' answers to them travel.
//!
//! ```text
//!  NewBatchV3, BatchVerified ─▶ Follower ─ChainEvent─▶ TaskBook (no clock, no I/O) ─TaskChange─▶ operator, signature aggregator
//!        through reorganisations                        what is open, and why not
//! ```
//!
//! # What holds
//! - A task is open from the block that created it until a quorum answered it, its blocks are over, or a reorganisation took it
//!   away; each of them can be undone by a reorganisation, and then the task is opened again.
//! - Nothing is stored: older tasks than the contract's `RESPONSE_BLOCKS` are expired, so a start reads that many blocks and
//!   has every task that is still open.
//! - Memory is bounded by [`MAX_TASKS`].

mod book;
mod error;
mod manager;
mod watch;
pub mod wire;

pub use book::{Announced, MAX_TASKS, TaskBook, TaskChange, TaskEnd};
pub use error::TaskError;
pub use manager::{RegisteredOperator, ServiceManager, TaskStatus};
pub use watch::{WatchSettings, watch};
