use alloy::primitives::B256;
use collimate_chain::kzg;
use collimate_core::{Commitment, Hash, ProgramId, blob, tree::MerkleTree};

use crate::{Run, SdkError};

/// What a run published: its commitments and their tree. It can only be made from the run's own blobs, and only if
/// they rebuild the root that the chain has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunContent {
    root: B256,
    commitments: Vec<Commitment>,
    tree: MerkleTree,
}

/// A proof's place in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionPath {
    /// Position of the commitment in the blobs. A commitment that occurs more than once has several; this is the first.
    pub index: usize,
    /// Siblings from the leaf to the root, as `verifyProofInclusion` takes them.
    pub siblings: Vec<B256>,
}

impl RunContent {
    /// Checks the blobs against the hashes on chain, decodes them, rebuilds the tree and compares its root.
    ///
    /// Takes about 50 ms a blob: call it outside async code, or use [`crate::Aggregation::content`].
    ///
    /// # Errors
    /// [`SdkError::WrongBlobCount`] and [`SdkError::WrongBlob`] if these are not the run's blobs;
    /// [`SdkError::BlobContent`] and [`SdkError::WrongRoot`] if they are and the run published something else than its
    /// leaves.
    pub fn from_blobs<B: AsRef<[u8]>>(run: &Run, blobs: &[B]) -> Result<Self, SdkError> {
        if blobs.len() != run.blob_hashes.len() {
            let (expected, found) = (run.blob_hashes.len(), blobs.len());
            return Err(SdkError::WrongBlobCount { expected, found });
        }
        for (index, (blob, expected)) in blobs.iter().zip(&run.blob_hashes).enumerate() {
            let found = kzg::versioned_hash(blob.as_ref())?;
            if found != *expected {
                return Err(SdkError::WrongBlob { index, expected: *expected, found });
            }
        }
        Self::rebuild(run, blobs)
    }

    fn rebuild<B: AsRef<[u8]>>(run: &Run, blobs: &[B]) -> Result<Self, SdkError> {
        let content_error =
            |source| SdkError::BlobContent { root: run.root, leaf_count: run.leaf_count, source };
        let commitments = blob::decode(blobs, run.leaf_count as usize).map_err(content_error)?;
        let leaves = commitments.iter().map(Commitment::leaf).collect();
        let tree = MerkleTree::new(leaves).map_err(content_error)?;
        let found = B256::from(tree.root());
        if found != run.root {
            return Err(SdkError::WrongRoot { expected: run.root, found });
        }
        Ok(Self { root: run.root, commitments, tree })
    }

    /// The root, rebuilt from the blobs and equal to the chain's.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.root
    }

    /// All commitments, in the order of the leaves.
    #[must_use]
    pub fn commitments(&self) -> &[Commitment] {
        &self.commitments
    }

    /// The path of a commitment.
    ///
    /// # Errors
    /// [`SdkError::NotInRun`].
    pub fn path(&self, commitment: &Commitment) -> Result<InclusionPath, SdkError> {
        let not_in_run = || SdkError::NotInRun {
            commitment: *commitment,
            root: self.root,
            leaf_count: u32::try_from(self.commitments.len()).unwrap_or(u32::MAX),
        };
        let index = self
            .commitments
            .iter()
            .position(|published| published == commitment)
            .ok_or_else(not_in_run)?;
        let siblings = self.tree.path(index).map_err(|_| not_in_run())?;
        Ok(InclusionPath { index, siblings: siblings.into_iter().map(B256::from).collect() })
    }
}

/// Derives the path of one proof from a run's blobs alone, after all checks of [`RunContent::from_blobs`].
///
/// # Errors
/// Those of [`RunContent::from_blobs`]; [`SdkError::NotInRun`] if the run does not cover the proof.
pub fn path_from_blob<B: AsRef<[u8]>>(
    run: &Run,
    blobs: &[B],
    program_id: &ProgramId,
    public_values: &[u8],
) -> Result<InclusionPath, SdkError> {
    RunContent::from_blobs(run, blobs)?.path(&Commitment::new(public_values, program_id))
}

/// The root that a path leads to from the leaf of this commitment: the one that the contract will look up.
#[must_use]
pub fn root_of_path(commitment: &Commitment, path: &[B256]) -> B256 {
    let leaf: Hash = commitment.leaf();
    path.iter().fold(leaf, |child, sibling| collimate_core::tree::node(&child, sibling)).into()
}
