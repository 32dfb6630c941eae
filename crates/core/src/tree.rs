//! The Merkle tree over the leaves of a run.
//!
//! A node is `keccak256(min(l, r) ‖ max(l, r))`; level by level, an odd last node moves up unchanged. Pairs
//! are sorted, so a path needs no sides, and OpenZeppelin's `MerkleProof.verify` checks it.
//!
//! The tree over the roots of chunks of 2^k leaves equals the tree over all leaves: such a chunk's subtree
//! is complete, and the last, smaller one moves up just as its nodes would.

use alloc::vec::Vec;

use crate::{Error, Hash, keccak256};

/// The parent of two nodes, whatever their order.
#[must_use]
pub fn node(a: &Hash, b: &Hash) -> Hash {
    if a <= b { keccak256(&[a, b]) } else { keccak256(&[b, a]) }
}

/// The root over these leaves (or over the roots of chunks).
///
/// # Errors
/// [`Error::EmptyTree`] without leaves.
pub fn root(leaves: &[Hash]) -> Result<Hash, Error> {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied().ok_or(Error::EmptyTree)
}

fn parents(level: &[Hash]) -> Vec<Hash> {
    level
        .chunks(2)
        .filter_map(|pair| match pair {
            [left, right] => Some(node(left, right)),
            [odd] => Some(*odd),
            _ => None,
        })
        .collect()
}

/// A tree with all its levels, to take paths from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerkleTree {
    /// Leaves first; the last level is `root` alone.
    levels: Vec<Vec<Hash>>,
    root: Hash,
}

impl MerkleTree {
    /// Hashes the whole tree.
    ///
    /// # Errors
    /// [`Error::EmptyTree`] without leaves.
    pub fn new(leaves: Vec<Hash>) -> Result<Self, Error> {
        let mut levels = Vec::new();
        let mut level = leaves;
        while level.len() > 1 {
            let next = parents(&level);
            levels.push(level);
            level = next;
        }
        let root = level.first().copied().ok_or(Error::EmptyTree)?;
        levels.push(level);
        Ok(Self { levels, root })
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root
    }

    /// The leaves, in order.
    #[must_use]
    pub fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// The siblings from the leaf up to the root; levels at which the node moves up alone have none.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`] if `index` is not below the number of leaves.
    pub fn path(&self, index: usize) -> Result<Vec<Hash>, Error> {
        let count = self.leaves().len();
        if index >= count {
            return Err(Error::NoSuchLeaf { index, count });
        }
        let siblings = self
            .levels
            .iter()
            .enumerate()
            .filter_map(|(height, level)| level.get(index >> height ^ 1))
            .copied();
        Ok(siblings.collect())
    }
}

/// Whether `path` leads from `leaf` to `root`. The leaf must have been computed from a commitment
/// ([`crate::Commitment::leaf`]), never taken from whoever gave the path.
#[must_use]
pub fn verify_path(root: &Hash, leaf: &Hash, path: &[Hash]) -> bool {
    path.iter().fold(*leaf, |child, sibling| node(&child, sibling)) == *root
}
