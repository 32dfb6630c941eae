//! The tree of a batch: a tree over each group's leaves, and one over the groups' roots.

use collimate_core::{Commitment, Hash, tree::MerkleTree};

use crate::BatchError;

/// The root that a user signs for a group of proofs.
///
/// # Errors
/// [`BatchError::NotAllowed`] without proofs.
pub fn group_root(commitments: &[Hash]) -> Result<Hash, BatchError> {
    Ok(tree_of(commitments.iter().copied().map(leaf).collect())?.root())
}

/// The tree of a batch, to take paths from.
///
/// The payment service computes the root from the groups' roots, which users signed, so a group is a tree of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchTree {
    groups: Vec<MerkleTree>,
    top: MerkleTree,
}

impl BatchTree {
    /// The tree over groups of [commitments](crate::batch_commitment).
    ///
    /// # Errors
    /// [`BatchError::NotAllowed`] without groups, or with an empty one.
    pub fn new(groups: Vec<Vec<Hash>>) -> Result<Self, BatchError> {
        let groups = groups
            .into_iter()
            .map(|commitments| tree_of(commitments.into_iter().map(leaf).collect()))
            .collect::<Result<Vec<_>, _>>()?;
        let top = tree_of(groups.iter().map(MerkleTree::root).collect())?;
        Ok(Self { groups, top })
    }

    /// The batch's root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.top.root()
    }

    /// Roots of the groups, in order.
    #[must_use]
    pub fn group_roots(&self) -> &[Hash] {
        self.top.leaves()
    }

    /// Siblings from a proof's leaf up to the batch's root, as `isVerified` takes them. `None` if there is no such proof.
    #[must_use]
    pub fn path(&self, group: usize, index: usize) -> Option<Vec<Hash>> {
        let mut path = self.groups.get(group)?.path(index).ok()?;
        path.extend(self.top.path(group).ok()?);
        Some(path)
    }
}

fn leaf(commitment: Hash) -> Hash {
    Commitment(commitment).leaf()
}

fn tree_of(nodes: Vec<Hash>) -> Result<MerkleTree, BatchError> {
    MerkleTree::new(nodes).map_err(|error| BatchError::NotAllowed { reason: error.to_string() })
}
