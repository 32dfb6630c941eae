//! Public values of the two aggregating guests, as ABI words that a contract decodes, and the hashes that
//! bind a run to its blobs. Both statements start with a version, and decoding accepts exactly what encoding
//! makes.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Hash, MAX_PROOFS_PER_RUN, hash::hash_serde, keccak256};

/// Version of both statements.
pub const VERSION: u32 = 1;

/// What a proof of `user_proof_aggregator` says: the tree over `leaf_count` verified proofs has this root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkStatement {
    /// Root of the chunk's tree.
    #[serde(with = "hash_serde")]
    pub root: Hash,
    /// Number of its leaves, at least one.
    pub leaf_count: u32,
}

impl ChunkStatement {
    /// Size of the encoded statement in bytes.
    pub const ENCODED_BYTES: usize = 96;

    /// ABI words `(uint256 version, bytes32 root, uint256 leafCount)`.
    #[must_use]
    pub fn abi_encode(&self) -> Vec<u8> {
        [uint256(VERSION), self.root, uint256(self.leaf_count)].concat()
    }

    /// The statement in these public values.
    ///
    /// # Errors
    /// [`Error::WrongStatementSize`], [`Error::UnknownVersion`], [`Error::LeafCountOutOfRange`].
    pub fn abi_decode(public_values: &[u8]) -> Result<Self, Error> {
        let [version, root, leaf_count] = words(public_values)?;
        check_version(version)?;
        Ok(Self { root: *root, leaf_count: decode_leaf_count(leaf_count)? })
    }
}

/// What the final proof of a run says, and the contract reads: every leaf of the tree with this root is
/// a verified proof, and the run belongs to these blobs. Whoever sees the proof before it is included cannot
/// register its root beside other blobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatement {
    /// Root of the run's tree.
    #[serde(with = "hash_serde")]
    pub root: Hash,
    /// Number of its leaves, at least one.
    pub leaf_count: u32,
    /// [`blobs_hash`] of the run's blobs.
    #[serde(with = "hash_serde")]
    pub blobs_hash: Hash,
}

impl RunStatement {
    /// Size of the encoded statement in bytes.
    pub const ENCODED_BYTES: usize = 128;

    /// ABI words `(uint256 version, bytes32 root, uint256 leafCount, bytes32 blobsHash)`.
    #[must_use]
    pub fn abi_encode(&self) -> Vec<u8> {
        [uint256(VERSION), self.root, uint256(self.leaf_count), self.blobs_hash].concat()
    }

    /// The statement in these public values.
    ///
    /// # Errors
    /// [`Error::WrongStatementSize`], [`Error::UnknownVersion`], [`Error::LeafCountOutOfRange`].
    pub fn abi_decode(public_values: &[u8]) -> Result<Self, Error> {
        let [version, root, leaf_count, blobs_hash] = words(public_values)?;
        check_version(version)?;
        Ok(Self {
            root: *root,
            leaf_count: decode_leaf_count(leaf_count)?,
            blobs_hash: *blobs_hash,
        })
    }
}

/// `keccak256(versionedHash_0 ‖ … ‖ versionedHash_n-1)`, which the contract computes from `BLOBHASH`.
#[must_use]
pub fn blobs_hash(versioned_hashes: &[Hash]) -> Hash {
    keccak256(&[versioned_hashes.as_flattened()])
}

/// The versioned hash of a blob with this KZG commitment (EIP-4844, `kzg_to_versioned_hash`).
#[must_use]
pub fn versioned_hash(kzg_commitment: &[u8; 48]) -> Hash {
    let mut hash: Hash = Sha256::digest(kzg_commitment).into();
    hash[0] = 0x01;
    hash
}

fn uint256(value: u32) -> Hash {
    let mut word = [0; 32];
    word[28..].copy_from_slice(&value.to_be_bytes());
    word
}

fn words<const N: usize>(public_values: &[u8]) -> Result<&[Hash; N], Error> {
    let wrong_size = Error::WrongStatementSize { expected: N * 32, found: public_values.len() };
    let (words, rest) = public_values.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(wrong_size);
    }
    words.try_into().map_err(|_| wrong_size)
}

fn check_version(word: &Hash) -> Result<(), Error> {
    if *word == uint256(VERSION) { Ok(()) } else { Err(Error::UnknownVersion) }
}

fn decode_leaf_count(word: &Hash) -> Result<u32, Error> {
    let [.., a, b, c, d] = *word;
    let count = u32::from_be_bytes([a, b, c, d]);
    let in_range = (1..=MAX_PROOFS_PER_RUN).contains(&(count as usize));
    if in_range && *word == uint256(count) { Ok(count) } else { Err(Error::LeafCountOutOfRange) }
}
