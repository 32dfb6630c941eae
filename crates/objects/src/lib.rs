//! Content-addressed object store: a folder, or any S3 API.
//!
//! Proof files and job outputs are too large for rows of a database. They live here, and rows name them:
//!
//! | name | what it holds |
//! |---|---|
//! | `objects/<sha256>` | the bytes with that hash |
//! | `outputs/<job id>` | the key of the object that the job produced |
//! | `outputs/<versioned hash>` | the key of the blob that has this hash on chain (EIP-4844) |
//! | `identity` | a name that the store was given once ([`Objects::name`]) |
//!
//! Properties the rest of the system builds on:
//!
//! - **Durable**: when a write returns, the bytes are on disk: a folder syncs the file and its directory, S3 has answered.
//! - **Whole or absent**: a reader never sees half an object. Writes go to a staging file that is renamed; a write
//!   that fails, also because the disk is full, leaves no name behind.
//! - **Checked**: every read hashes what it got and compares it with the name. A flipped bit is an error
//!   ([`ObjectsError::Corrupt`]), never data.
//! - **Bounded**: no write above [`MAX_OBJECT_BYTES`], no read above what the caller allows.
//! - **Once**: the first output of a job stays. A proof of the same job made twice has other bytes (proving is
//!   randomised), and whoever read the first one must keep finding it. Only an output that can no longer be read
//!   is replaced, so that a damaged disk costs a proof and not the run.
//!
//! **Absent is not empty**: a folder whose disk is not mounted looks like a store that lost everything. Whoever is about to
//! conclude something final from a missing object asks [`Objects::check_identity`] first.
//!
//! A process that is killed while it writes can leave a staging file (`<name>#<n>`) in a folder. It is never read.
//!
//! Nothing is deleted: retention belongs to whoever runs the service.

mod backend;
mod error;
mod key;
mod objects;

pub use error::ObjectsError;
pub use key::Key;
pub use objects::{MAX_OBJECT_BYTES, Objects};
