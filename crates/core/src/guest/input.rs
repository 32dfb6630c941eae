use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::codec::{Reader, put_u32};
use crate::{Commitment, Error, Hash, ProgramId};

/// A user's proof as a guest sees it. The proof itself is no part of the input: the prover hands it to
/// the recursion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserProof {
    /// The program that was proven.
    pub program_id: ProgramId,
    /// The public values that it committed.
    pub public_values: Vec<u8>,
}

impl UserProof {
    /// What goes into the tree.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment::new(&self.public_values, &self.program_id)
    }

    /// SHA-256 of the public values: what SP1's recursion binds.
    #[must_use]
    pub fn public_values_digest(&self) -> [u8; 32] {
        Sha256::digest(&self.public_values).into()
    }
}

/// Input of `user_proof_aggregator`: the proofs of one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAggregatorInput {
    /// The proofs, in the order of their leaves.
    pub proofs: Vec<UserProof>,
}

impl UserAggregatorInput {
    /// The guest's input buffer.
    ///
    /// # Errors
    /// [`Error::TooManyProofs`] if a length does not fit into 32 bits.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        encode_user_proofs(&self.proofs, &mut out)?;
        Ok(out)
    }

    /// Reads what [`Self::encode`] wrote, and nothing else.
    ///
    /// # Errors
    /// [`Error::InputTooShort`], [`Error::TrailingInput`].
    pub fn decode(input: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader(input);
        let proofs = decode_user_proofs(&mut reader)?;
        reader.end()?;
        Ok(Self { proofs })
    }
}

/// Input of `chunk_aggregator`: a whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunInput {
    /// [`crate::statement::blobs_hash`] of the run's blobs. The guest does not look into blobs; it binds the
    /// proof to them.
    pub blobs_hash: Hash,
    /// What the run covers.
    pub proofs: RunProofs,
}

/// What a run covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunProofs {
    /// User proofs, verified by the final guest itself: one layer, for few proofs.
    Direct(Vec<UserProof>),
    /// Chunks, each verified by a proof of `user_proof_aggregator`.
    Chunks {
        /// Base-2 logarithm of the chunk size, at most [`super::MAX_CHUNK_SIZE_LOG2`].
        chunk_size_log2: u32,
        /// The commitments of each chunk, in the order of the chunks' proofs. All chunks are of the full
        /// size but the last, which may be smaller.
        chunks: Vec<Vec<Commitment>>,
    },
}

const FORM_DIRECT: u32 = 0;
const FORM_CHUNKS: u32 = 1;

impl RunInput {
    /// The guest's input buffer.
    ///
    /// # Errors
    /// [`Error::TooManyProofs`] if a length does not fit into 32 bits.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut out = self.blobs_hash.to_vec();
        match &self.proofs {
            RunProofs::Direct(proofs) => {
                out.extend_from_slice(&FORM_DIRECT.to_le_bytes());
                encode_user_proofs(proofs, &mut out)?;
            }
            RunProofs::Chunks { chunk_size_log2, chunks } => {
                out.extend_from_slice(&FORM_CHUNKS.to_le_bytes());
                out.extend_from_slice(&chunk_size_log2.to_le_bytes());
                put_u32(&mut out, chunks.len())?;
                for chunk in chunks {
                    put_u32(&mut out, chunk.len())?;
                    for commitment in chunk {
                        out.extend_from_slice(&commitment.0);
                    }
                }
            }
        }
        Ok(out)
    }

    /// Reads what [`Self::encode`] wrote, and nothing else. Sizes of chunks are checked when the run is
    /// aggregated.
    ///
    /// # Errors
    /// [`Error::InputTooShort`], [`Error::TrailingInput`], [`Error::UnknownRunForm`].
    pub fn decode(input: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader(input);
        let blobs_hash = reader.array()?;
        let proofs = match reader.u32()? {
            FORM_DIRECT => RunProofs::Direct(decode_user_proofs(&mut reader)?),
            FORM_CHUNKS => {
                let chunk_size_log2 = reader.u32()?;
                let count = reader.length(4)?;
                let mut chunks = Vec::with_capacity(count);
                for _ in 0..count {
                    chunks.push(decode_chunk(&mut reader)?);
                }
                RunProofs::Chunks { chunk_size_log2, chunks }
            }
            form => return Err(Error::UnknownRunForm { form }),
        };
        reader.end()?;
        Ok(Self { blobs_hash, proofs })
    }
}

fn decode_chunk(reader: &mut Reader<'_>) -> Result<Vec<Commitment>, Error> {
    let count = reader.length(32)?;
    let (words, _) = reader.bytes(count * 32)?.as_chunks::<32>();
    Ok(words.iter().map(|word| Commitment(*word)).collect())
}

fn encode_user_proofs(proofs: &[UserProof], out: &mut Vec<u8>) -> Result<(), Error> {
    put_u32(out, proofs.len())?;
    for proof in proofs {
        out.extend_from_slice(&proof.program_id.0);
        put_u32(out, proof.public_values.len())?;
        out.extend_from_slice(&proof.public_values);
    }
    Ok(())
}

fn decode_user_proofs(reader: &mut Reader<'_>) -> Result<Vec<UserProof>, Error> {
    let count = reader.length(32 + 4)?;
    let mut proofs = Vec::with_capacity(count);
    for _ in 0..count {
        let program_id = ProgramId(reader.array()?);
        let length = reader.length(1)?;
        proofs.push(UserProof { program_id, public_values: reader.bytes(length)?.to_vec() });
    }
    Ok(proofs)
}
