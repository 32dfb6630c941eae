use alloy::primitives::{Address, B256, Bytes, TxHash};
use collimate_core::{Commitment, ProgramId, blob};
use serde::{Deserialize, Serialize};

use crate::{InclusionPath, Run, SdkError, compare::same, content::root_of_path};

/// Version of the bundle's form.
const VERSION: u32 = 1;

/// Everything that shows that a run covers one proof: what `verifyProofInclusion` takes, and where the run is found. It
/// is plain JSON; nothing in it is secret.
///
/// A bundle proves nothing by itself: whoever made it chose all its values. [`verify_offline`](Self::verify_offline)
/// says that they belong together; [`crate::Aggregation::verify_bundle`] asks the contract *that the verifier
/// trusts*, never the one that the bundle names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionBundle {
    /// Version of this form, 1.
    pub version: u32,
    /// Chain of the contract.
    pub chain_id: u64,
    /// The `AlignedProofAggregationService`.
    pub contract: Address,
    /// The run's root.
    pub root: B256,
    /// Leaves of the run.
    pub leaf_count: u32,
    /// Block that registered the root.
    pub block_number: u64,
    /// Hash of that block.
    pub block_hash: B256,
    /// Transaction that registered the root.
    pub transaction: TxHash,
    /// Versioned hashes of the run's blobs, in order.
    pub blob_hashes: Vec<B256>,
    /// The program that was proven.
    pub program_id: ProgramId,
    /// What it committed.
    pub public_values: Bytes,
    /// `keccak256(public_values ‖ program_id)`.
    pub commitment: Commitment,
    /// `keccak256(commitment)`.
    pub leaf: B256,
    /// Siblings from the leaf to the root.
    pub path: Vec<B256>,
}

impl InclusionBundle {
    /// Puts a bundle together, and checks it.
    ///
    /// # Errors
    /// [`SdkError::BundleInconsistent`] if the path does not lead from this proof to this run.
    pub fn new(
        run: &Run,
        program_id: ProgramId,
        public_values: Bytes,
        path: &InclusionPath,
    ) -> Result<Self, SdkError> {
        let commitment = Commitment::new(&public_values, &program_id);
        let bundle = Self {
            version: VERSION,
            chain_id: run.chain_id,
            contract: run.contract,
            root: run.root,
            leaf_count: run.leaf_count,
            block_number: run.block_number,
            block_hash: run.block_hash,
            transaction: run.transaction,
            blob_hashes: run.blob_hashes.clone(),
            program_id,
            public_values,
            commitment,
            leaf: commitment.leaf().into(),
            path: path.siblings.clone(),
        };
        bundle.verify_offline()?;
        Ok(bundle)
    }

    /// Reads JSON. Nothing is checked yet.
    ///
    /// # Errors
    /// [`SdkError::MalformedBundle`] for text that is none, or of another version.
    pub fn from_json(text: &str) -> Result<Self, SdkError> {
        let bundle: Self = serde_json::from_str(text)
            .map_err(|error| SdkError::MalformedBundle { reason: error.to_string() })?;
        if bundle.version != VERSION {
            let reason = format!("its version is {}, this program reads {VERSION}", bundle.version);
            return Err(SdkError::MalformedBundle { reason });
        }
        Ok(bundle)
    }

    /// Checks without any node that the values belong together: public values and program id make the commitment, it
    /// makes the leaf, the path leads from there to the root, and lengths fit the number of leaves. Whether the root
    /// is registered anywhere, only the chain knows.
    ///
    /// # Errors
    /// [`SdkError::BundleInconsistent`] names the first field that does not follow from the others.
    pub fn verify_offline(&self) -> Result<(), SdkError> {
        let commitment = Commitment::new(&self.public_values, &self.program_id);
        follows("commitment", &self.commitment, &commitment)?;
        follows("leaf", &self.leaf, &B256::from(commitment.leaf()))?;
        follows("root", &self.root, &root_of_path(&commitment, &self.path))?;
        let most = collimate_core::MAX_PROOFS_PER_RUN as u32;
        follows("leaf_count", &self.leaf_count, &self.leaf_count.clamp(1, most))?;
        let blobs = (self.leaf_count as usize).div_ceil(blob::COMMITMENTS_PER_BLOB);
        follows("number of blob_hashes", &self.blob_hashes.len(), &blobs)?;
        // A node that moves up alone has no sibling, so a path may be shorter than the tree is high.
        let height = self.leaf_count.next_power_of_two().trailing_zeros() as usize;
        follows("length of path", &self.path.len(), &self.path.len().min(height))
    }
}

fn follows<T: PartialEq + std::fmt::Display>(
    field: &'static str,
    stated: &T,
    computed: &T,
) -> Result<(), SdkError> {
    let inconsistent = |stated, computed| SdkError::BundleInconsistent { field, stated, computed };
    same(stated, computed, inconsistent)
}
