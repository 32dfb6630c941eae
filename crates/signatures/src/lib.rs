//! The signature aggregator of fast mode: collects operators' signatures, and answers tasks on chain.
//!
//! ```text
//!  operators ─POST─▶ intake: task open? ▸ operator of its epoch? ▸ signature of its key? ─▶ Collection (by stake)
//!                                                                                      │ 67 % of the stake signed the same
//!  anyone ──GET──▶ signatures, ready call data                                         ▼
//!                                    Responder: still open? ▸ call data ▸ transaction manager, within the task's fee limit
//! ```
//!
//! # What holds
//! - A signature counts only after it was verified against the key that the registry has for its sender in the task's epoch, over
//!   the message of this very task: signatures of others, of other tasks, chains or contracts count for nothing, and one wrong
//!   signature spoils no sum.
//! - An operator has one answer a task here too: the first that is verified. Whoever signs two answers harms itself alone.
//! - Nothing is trusted to the aggregator: any one of several suffices, each gives away what it has, and the contract checks
//!   the quorum again. An answer that somebody else gave first is as good as its own.
//! - There is no memory but the transaction manager's: operators send their signatures again while a task is open, so a restart
//!   has them within their `repeat_after`.
//! - Signatures are verified in the order in which they come, so no flood of wrong ones, from fewer addresses than it takes to fill all
//!   connections, keeps an operator's out.
//! - Memory is bounded: tasks by [`collimate_tasks::MAX_TASKS`], signatures by the registry's operators.

mod collection;
mod config;
mod error;
mod http;
pub mod limits;
mod metrics;
mod respond;
mod service;
mod task;
mod view;

pub use collection::{Collection, Quorum};
pub use config::{SignaturesConfig, SignaturesParts};
pub use error::SignaturesError;
pub use service::{SignaturesService, run};
pub use view::{GroupView, Problem, TaskView};
