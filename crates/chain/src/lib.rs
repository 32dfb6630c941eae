//! Everything that talks to Ethereum.

mod backoff;
mod error;
pub mod follower;
pub mod kzg;
pub mod provider;
pub mod signer;
pub mod tx;

pub use error::{ChainError, NodeError, NodeFault};
