use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::{
    MAX_CHUNK_SIZE_LOG2,
    input::{RunInput, RunProofs, UserAggregatorInput, UserProof},
};
use crate::{
    Commitment, Error, Hash, MAX_PROOFS_PER_RUN,
    statement::{ChunkStatement, RunStatement},
    tree,
};

/// Recursive verification of SP1 compressed proofs.
pub trait RecursiveVerifier {
    /// Demands a proof of the program with these words (`hash_u32()` of its verifying key) whose public
    /// values have this SHA-256. Where there is none, the guest cannot be proven.
    fn verify(&mut self, vk_words: &[u32; 8], public_values_digest: &[u8; 32]);
}

/// `user_proof_aggregator`: verifies every proof of a chunk and states the root over them.
///
/// # Errors
/// [`Error::NoProofs`], [`Error::TooManyProofs`], [`Error::NotAnSp1ProgramId`].
pub fn aggregate_user_proofs(
    input: &UserAggregatorInput,
    verifier: &mut impl RecursiveVerifier,
) -> Result<ChunkStatement, Error> {
    verify_user_proofs(&input.proofs, verifier)
}

/// `chunk_aggregator`: states the root over a whole run and binds it to its blobs.
///
/// A chunk's statement is computed from its commitments, and its proof demanded for exactly that statement and
/// for `user_aggregator_vk_words`, a constant of the guest: neither another root or count nor another
/// program can stand in.
///
/// # Errors
/// Those of [`aggregate_user_proofs`], and [`Error::ChunkSizeOutOfRange`], [`Error::WrongChunkSize`].
pub fn aggregate_run(
    input: &RunInput,
    user_aggregator_vk_words: &[u32; 8],
    verifier: &mut impl RecursiveVerifier,
) -> Result<RunStatement, Error> {
    let ChunkStatement { root, leaf_count } = match &input.proofs {
        RunProofs::Direct(proofs) => verify_user_proofs(proofs, verifier)?,
        RunProofs::Chunks { chunk_size_log2, chunks } => {
            check_chunk_sizes(*chunk_size_log2, chunks)?;
            verify_chunks(chunks, user_aggregator_vk_words, verifier)?
        }
    };
    Ok(RunStatement { root, leaf_count, blobs_hash: input.blobs_hash })
}

fn verify_user_proofs(
    proofs: &[UserProof],
    verifier: &mut impl RecursiveVerifier,
) -> Result<ChunkStatement, Error> {
    let leaf_count = leaf_count(proofs.len())?;
    let mut leaves = Vec::with_capacity(proofs.len());
    for proof in proofs {
        verifier.verify(&proof.program_id.sp1_words()?, &proof.public_values_digest());
        leaves.push(proof.commitment().leaf());
    }
    Ok(ChunkStatement { root: tree::root(&leaves)?, leaf_count })
}

fn verify_chunks(
    chunks: &[Vec<Commitment>],
    vk_words: &[u32; 8],
    verifier: &mut impl RecursiveVerifier,
) -> Result<ChunkStatement, Error> {
    let leaf_count = leaf_count(chunks.iter().map(Vec::len).sum())?;
    let mut roots: Vec<Hash> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let leaves: Vec<Hash> = chunk.iter().map(Commitment::leaf).collect();
        let statement = ChunkStatement {
            root: tree::root(&leaves)?,
            leaf_count: self::leaf_count(leaves.len())?,
        };
        verifier.verify(vk_words, &Sha256::digest(statement.abi_encode()).into());
        roots.push(statement.root);
    }
    Ok(ChunkStatement { root: tree::root(&roots)?, leaf_count })
}

/// All chunks are of one power-of-two size but the last, which may be smaller: then the tree over their
/// roots is the tree over all leaves.
fn check_chunk_sizes(log2: u32, chunks: &[Vec<Commitment>]) -> Result<(), Error> {
    if log2 > MAX_CHUNK_SIZE_LOG2 {
        return Err(Error::ChunkSizeOutOfRange { log2 });
    }
    let size = 1_usize << log2;
    for (number, chunk) in chunks.iter().enumerate() {
        let found = chunk.len();
        let is_last = number + 1 == chunks.len();
        if found != size && !(is_last && (1..size).contains(&found)) {
            return Err(Error::WrongChunkSize { chunk: number, found, size });
        }
    }
    Ok(())
}

fn leaf_count(count: usize) -> Result<u32, Error> {
    match u32::try_from(count) {
        Ok(0) => Err(Error::NoProofs),
        Ok(fits) if count <= MAX_PROOFS_PER_RUN => Ok(fits),
        _ => Err(Error::TooManyProofs { count }),
    }
}
