//! Everything that talks to Ethereum.
//!
//! | module | what it is |
//! |---|---|
//! | [`tx`] | the transaction manager: one owner of an account's nonces, whose transactions land |
//! | [`follower`] | events through reorganisations, with a cursor that the handler stores |
//! | [`kzg`] | blobs with commitments and EIP-7594 cell proofs |
//! | [`blobs`] | reading blobs back, checked against their hashes |
//! | [`signer`] | keys from keystore files and the environment |
//! | [`keystore`] | writing keystore files |
//! | [`provider`] | connections to a node |
//! | [`anvil`] | a local node for development and tests |
//!
//! A node that is away costs time, never a result: whatever waits for it tries again with growing pauses. Errors carry stable
//! codes, see [`ChainError`].

pub mod anvil;
mod backoff;
pub mod blobs;
mod error;
pub mod follower;
pub mod keystore;
pub mod kzg;
pub mod provider;
pub mod signer;
pub mod tx;

pub use error::{ChainError, NodeError, NodeFault};
