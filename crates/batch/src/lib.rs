//! A batch of fast mode: what its tree covers, the manifest that lists it, and how it gets from the data service to whoever
//! checks it.
//!
//! ```text
//!  proofs ─▶ Item ─▶ Group (one user's, as signed) ─▶ Manifest ─▶ BatchTree ─▶ root, paths
//!              │                                         │
//!              └────────▶ Objects, named by SHA-256 ◀────┘ ─▶ Pointer (in the event NewBatchV3)
//!                               │
//!                mirrors ◀──────┘ ─▶ Downloader ─▶ Manifest whose root is the task's, proofs whose hashes are the manifest's
//! ```
//!
//! # What holds
//! - The manifest alone gives the root: who samples downloads nothing else.
//! - A manifest has one encoding: it is parsed, encoded again and compared.
//! - Whatever a mirror sends, the caller gets the bytes with the promised hash or an error, within a limit of bytes and time.
//! - A pointer is written by whoever creates a task, and anyone may: it cannot make a downloader talk to hosts of its own network,
//!   unless its owner allows that.

mod address;
mod commitment;
mod download;
mod error;
pub mod limits;
mod manifest;
mod pointer;
mod tree;

pub use commitment::{auxiliary_commitment, batch_commitment};
pub use download::{DownloadSettings, Downloader};
pub use error::BatchError;
pub use manifest::{Group, Item, Manifest, Part};
pub use pointer::Pointer;
pub use tree::{BatchTree, group_root};
