//! What makes the contract accept a final proof.

use async_trait::async_trait;
use collimate_core::ProgramId;
use collimate_store::RunId;

use crate::AggregatorError;

/// A final proof that needs a seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealRequest {
    /// The run that it proves.
    pub run: RunId,
    /// The program that was proven.
    pub program: ProgramId,
    /// What it committed: the run statement.
    pub public_values: Vec<u8>,
    /// The compressed proof file.
    pub proof: Vec<u8>,
}

/// Makes the `proofBytes` that the contract's `ISP1Verifier` accepts.
#[async_trait]
pub trait Seal: std::fmt::Debug + Send + Sync {
    /// Makes a seal. `detail` hears who is still missing.
    async fn seal(
        &self,
        request: &SealRequest,
        detail: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Vec<u8>, AggregatorError>;

    /// Whether a seal made earlier is no longer accepted, though nothing is wrong with the proof.
    async fn is_stale(&self, seal: &[u8]) -> Result<bool, AggregatorError>;
}
