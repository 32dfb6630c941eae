//! The blobs of a run: commitments in, versioned hashes and, for the transaction, the sidecar out.

use alloy::primitives::Bytes;
use collimate_chain::{
    ChainError,
    kzg::{Sidecar, versioned_hash},
};
use collimate_core::{Commitment, Hash, blob, statement};
use collimate_objects::Objects;
use futures::future::try_join_all;
use tokio::task::spawn_blocking;

use crate::AggregatorError;

/// What names a run's blobs: all that its proof needs to know of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobHashes {
    /// EIP-4844 versioned hashes, in order.
    pub versioned_hashes: Vec<Hash>,
    /// What the run's statement binds: keccak256 of the versioned hashes.
    pub blobs_hash: Hash,
}

impl BlobHashes {
    /// Encodes the commitments and commits to each blob, which takes about 50 ms a blob and core.
    ///
    /// # Errors
    /// More commitments than fit into a transaction.
    pub async fn of(commitments: &[Commitment]) -> Result<Self, AggregatorError> {
        let hashes = encode(commitments)?.into_iter().map(|blob| async move {
            let hashed = spawn_blocking(move || versioned_hash(&blob)).await;
            hashed.map_err(|error| ChainError::Internal(error.to_string()))?
        });
        Ok(Self::new(try_join_all(hashes).await?.into_iter().map(|hash| hash.0).collect()))
    }

    fn new(versioned_hashes: Vec<Hash>) -> Self {
        let blobs_hash = statement::blobs_hash(&versioned_hashes);
        Self { versioned_hashes, blobs_hash }
    }
}

/// The blobs as a transaction carries them, with cell proofs, which take about 0.3 s a blob and core.
///
/// # Errors
/// More commitments than fit into a transaction.
pub(crate) async fn sidecar(
    commitments: &[Commitment],
) -> Result<(Sidecar, BlobHashes), AggregatorError> {
    let sidecar = Sidecar::compute(&encode(commitments)?).await?;
    let hashes = sidecar.versioned_hashes().into_iter().map(|hash| hash.0).collect();
    Ok((sidecar, BlobHashes::new(hashes)))
}

/// Keeps the blobs in the object store, as the outputs that their versioned hashes name: beacon nodes drop them after 18 days
/// (`MIN_EPOCHS_FOR_BLOB_SIDECARS_REQUESTS` of EIP-4844).
///
/// # Errors
/// More commitments than fit into a transaction, or the store's.
pub(crate) async fn archive(
    objects: &Objects,
    commitments: &[Commitment],
    hashes: &BlobHashes,
) -> Result<(), AggregatorError> {
    for (blob, hash) in encode(commitments)?.into_iter().zip(&hashes.versioned_hashes) {
        objects.put_output(hash, blob).await?;
    }
    Ok(())
}

fn encode(commitments: &[Commitment]) -> Result<Vec<Bytes>, AggregatorError> {
    Ok(blob::encode(commitments)?.into_iter().map(Bytes::from).collect())
}

#[cfg(test)]
mod tests {
    use collimate_core::MAX_PROOFS_PER_RUN;

    use super::*;

    #[tokio::test]
    async fn archived_blobs_are_found_by_their_hashes_and_give_the_commitments_back() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::folder(folder.path()).unwrap();
        let commitments: Vec<_> = (0..5_000_u32).map(|n| Commitment([n as u8; 32])).collect();
        let hashes = BlobHashes::of(&commitments).await.unwrap();
        archive(&objects, &commitments, &hashes).await.unwrap();
        let mut blobs = vec![];
        for hash in &hashes.versioned_hashes {
            blobs.push(
                objects.get_output(hash, blob::BYTES_PER_BLOB as u64).await.unwrap().unwrap(),
            );
        }
        assert_eq!(blob::decode(&blobs, commitments.len()).unwrap(), commitments);
    }

    #[tokio::test]
    async fn the_proof_is_bound_to_the_blobs_that_the_transaction_carries() {
        let commitments = vec![Commitment([7; 32]); 4_000];
        let hashes = BlobHashes::of(&commitments).await.unwrap();
        assert_eq!(hashes.versioned_hashes.len(), 2);
        assert_eq!(sidecar(&commitments).await.unwrap().1, hashes);
        let too_many = vec![Commitment([7; 32]); MAX_PROOFS_PER_RUN + 1];
        assert!(BlobHashes::of(&too_many).await.is_err());
    }
}
