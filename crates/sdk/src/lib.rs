//! The user's side of aggregation: is my proof covered, by which run, and how do I show it to others.
//!
//! ```text
//!  root | transaction | blocks ──▶ Aggregation ──▶ Run ──┐   contract, event and transaction agree
//!                                                        ├─▶ RunContent ──▶ InclusionPath ──▶ InclusionBundle
//!                         beacon node | anvil ──▶ blobs ─┘   hashes, codec, rebuilt root agree
//! ```
//!
//! Nothing is believed that can be computed: blobs are checked against the hashes on chain, the tree is rebuilt from them,
//! and its root is compared with the registered one. What remains to be trusted is the node's word for the chain, the
//! contract's address, and its verifier.
//!
//! A run's blobs are kept by beacon nodes for about 18 days. Keep an [`InclusionBundle`]: it needs no blob.
//!
//! Not here: deposits and submission of proofs.

mod aggregation;
mod bundle;
mod content;
mod error;
mod run;

pub use aggregation::{Aggregation, InclusionCheck};
pub use bundle::InclusionBundle;
pub use content::{InclusionPath, RunContent, path_from_blob, root_of_path};
pub use error::SdkError;
pub use run::Run;
