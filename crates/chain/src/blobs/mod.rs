//! Reading blobs back, from whoever has them, trusting nobody: a blob is returned only if its KZG commitment hashes to the
//! versioned hash that was asked for.

mod anvil;
mod beacon;

use alloy::primitives::{B256, Bytes};
pub use anvil::AnvilBlobs;
use async_trait::async_trait;
pub use beacon::BeaconBlobs;

use crate::{error::ChainError, kzg::versioned_hash};

/// The block of a blob transaction: where its blobs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobLocation {
    /// Its number.
    pub block_number: u64,
    /// Its timestamp, Unix seconds: gives the slot on a beacon node.
    pub block_timestamp: u64,
}

/// Something that has blobs.
#[async_trait]
pub trait BlobSource: std::fmt::Debug + Send + Sync {
    /// The blobs with these versioned hashes, unchecked, in any order, possibly with others or without some.
    async fn fetch(
        &self,
        location: BlobLocation,
        versioned_hashes: &[B256],
    ) -> Result<Vec<Bytes>, ChainError>;
}

/// Reads blobs from the first of several sources that has them all.
#[derive(Debug)]
pub struct BlobReader {
    sources: Vec<Box<dyn BlobSource>>,
}

impl BlobReader {
    /// A reader that tries `sources` in this order.
    pub fn new(sources: Vec<Box<dyn BlobSource>>) -> Self {
        Self { sources }
    }

    /// The blobs with these versioned hashes, in this order, each checked against its hash.
    ///
    /// # Errors
    /// [`ChainError::BlobNotFound`] that tells what each source said.
    pub async fn read(
        &self,
        location: BlobLocation,
        versioned_hashes: &[B256],
    ) -> Result<Vec<Bytes>, ChainError> {
        let mut said = Vec::new();
        for source in &self.sources {
            let answer = match source.fetch(location, versioned_hashes).await {
                Ok(blobs) => pick(location, versioned_hashes, blobs).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(blobs) => return Ok(blobs),
                Err(error) => said.push(error.to_string()),
            }
        }
        if said.is_empty() {
            said.push("no source is configured".to_owned());
        }
        let versioned_hash = versioned_hashes.first().copied().unwrap_or_default();
        let reason = said.join("; ");
        Err(ChainError::BlobNotFound { versioned_hash, block: location.block_number, reason })
    }
}

/// Recomputes the hashes of what a source returned, and picks what was asked for.
async fn pick(
    location: BlobLocation,
    wanted: &[B256],
    blobs: Vec<Bytes>,
) -> Result<Vec<Bytes>, ChainError> {
    let hashing = tokio::task::spawn_blocking(move || {
        blobs
            .into_iter()
            .map(|blob| Ok((versioned_hash(&blob)?, blob)))
            .collect::<Result<Vec<(B256, Bytes)>, ChainError>>()
    });
    let first = wanted.first().copied().unwrap_or_default();
    let found = hashing.await.map_err(|error| ChainError::Internal(error.to_string()))?.map_err(
        |error| ChainError::WrongBlob { versioned_hash: first, reason: error.to_string() },
    )?;
    wanted
        .iter()
        .map(|hash| {
            let blob = found.iter().find(|(found, _)| found == hash).map(|(_, blob)| blob.clone());
            blob.ok_or_else(|| match found.first() {
                None => ChainError::BlobNotFound {
                    versioned_hash: *hash,
                    block: location.block_number,
                    reason: "the source has no blob".to_owned(),
                },
                Some((other, _)) => ChainError::WrongBlob {
                    versioned_hash: *hash,
                    reason: format!("it returned blob {other}"),
                },
            })
        })
        .collect()
}
