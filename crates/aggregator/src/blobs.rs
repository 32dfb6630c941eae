//! The blobs of a run: commitments in, sidecar and their hash out.

use alloy::primitives::Bytes;
use collimate_chain::kzg::Sidecar;
use collimate_core::{Commitment, Hash, blob, statement};

use crate::AggregatorError;

/// Blobs with everything that goes with them.
#[derive(Debug, Clone)]
pub struct RunBlobs {
    /// What the transaction carries.
    pub sidecar: Sidecar,
    /// EIP-4844 versioned hashes, in order.
    pub versioned_hashes: Vec<Hash>,
    /// What the run's statement binds: keccak256 of the versioned hashes.
    pub blobs_hash: Hash,
}

impl RunBlobs {
    /// Encodes the commitments and computes the cell proofs, which takes about half a second a blob.
    ///
    /// # Errors
    /// No commitments, or more than fit into a transaction.
    pub async fn new(commitments: &[Commitment]) -> Result<Self, AggregatorError> {
        let blobs: Vec<Bytes> = blob::encode(commitments)?.into_iter().map(Bytes::from).collect();
        let sidecar = Sidecar::compute(&blobs).await?;
        let versioned_hashes: Vec<Hash> =
            sidecar.versioned_hashes().into_iter().map(|hash| hash.0).collect();
        let blobs_hash = statement::blobs_hash(&versioned_hashes);
        Ok(Self { sidecar, versioned_hashes, blobs_hash })
    }
}
