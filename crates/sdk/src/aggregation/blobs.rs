//! Reading a run back from its blobs.

use alloy::primitives::Bytes;
use collimate_chain::{
    ChainError,
    blobs::{BlobLocation, BlobReader},
};
use collimate_core::Commitment;

use super::Aggregation;
use crate::{Run, RunContent, SdkError};

impl Aggregation {
    /// The run's blobs, in order, each checked against its hash on chain.
    ///
    /// # Errors
    /// [`SdkError::Chain`] if no source of the reader has them.
    pub async fn blobs(&self, run: &Run, reader: &BlobReader) -> Result<Vec<Bytes>, SdkError> {
        let location =
            BlobLocation { block_number: run.block_number, block_timestamp: run.block_timestamp };
        Ok(reader.read(location, &run.blob_hashes).await?)
    }

    /// The run's commitments and tree: reads the blobs, and does everything that [`RunContent::from_blobs`] does.
    ///
    /// # Errors
    /// Those of [`blobs`](Self::blobs) and [`RunContent::from_blobs`].
    pub async fn content(&self, run: &Run, reader: &BlobReader) -> Result<RunContent, SdkError> {
        let blobs = self.blobs(run, reader).await?;
        let run = run.clone();
        tokio::task::spawn_blocking(move || RunContent::from_blobs(&run, &blobs))
            .await
            .map_err(|error| ChainError::Internal(error.to_string()))?
    }

    /// Searches the runs of blocks `from` to `to` (the newest if not given), newest first, for one that covers this
    /// commitment. Reads the blobs of each run on the way: name the run where it is known.
    ///
    /// # Errors
    /// [`SdkError::NotFound`]; [`SdkError::NotFoundInReadable`] if some runs could not be read, so that there is no
    /// answer; otherwise those of [`runs_between`](Self::runs_between).
    pub async fn find(
        &self,
        commitment: &Commitment,
        from: u64,
        to: Option<u64>,
        reader: &BlobReader,
    ) -> Result<(Run, RunContent), SdkError> {
        let (mut searched, mut unreadable, mut last) = (0, 0, String::new());
        for run in self.runs_between(from, to).await?.into_iter().rev() {
            tracing::debug!(root = %run.root, "reading a run");
            match self.content(&run, reader).await {
                Ok(content) if content.commitments().contains(commitment) => {
                    return Ok((run, content));
                }
                Ok(_) => searched += 1,
                Err(error) => {
                    unreadable += 1;
                    last = error.to_string();
                }
            }
        }
        let commitment = *commitment;
        Err(match unreadable {
            0 => SdkError::NotFound { commitment, from, searched },
            _ => SdkError::NotFoundInReadable { commitment, searched, unreadable, last },
        })
    }
}
