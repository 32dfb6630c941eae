//! Blobs from an anvil node, by its own JSON-RPC method.

use alloy::{
    primitives::{B256, Bytes},
    providers::{DynProvider, Provider},
};
use async_trait::async_trait;

use crate::{
    blobs::{BlobLocation, BlobSource},
    error::ChainError,
};

/// An anvil node.
#[derive(Debug)]
pub struct AnvilBlobs(DynProvider);

impl AnvilBlobs {
    /// Reads from this node.
    pub const fn new(provider: DynProvider) -> Self {
        Self(provider)
    }
}

#[async_trait]
impl BlobSource for AnvilBlobs {
    async fn fetch(
        &self,
        _location: BlobLocation,
        versioned_hashes: &[B256],
    ) -> Result<Vec<Bytes>, ChainError> {
        let mut blobs = Vec::with_capacity(versioned_hashes.len());
        for hash in versioned_hashes {
            let blob: Option<Bytes> = self
                .0
                .client()
                .request("anvil_getBlobByHash", (hash,))
                .await
                .map_err(ChainError::node("anvil_getBlobByHash"))?;
            blobs.extend(blob);
        }
        Ok(blobs)
    }
}
