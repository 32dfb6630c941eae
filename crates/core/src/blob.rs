//! The blobs of a run: its commitments, for whoever wants to rebuild the tree.
//!
//! Commitments lie back to back, 31 bytes in each field element behind a zero byte, which keeps every
//! element below the modulus. A blob holds whole commitments only (3,968 · 32 = 4,096 · 31). What is behind
//! the last commitment is zero. How many there are is in the run's statement.

use alloc::{vec, vec::Vec};

use crate::{Commitment, Error, MAX_PROOFS_PER_RUN};

/// Field elements of a blob (EIP-4844, `FIELD_ELEMENTS_PER_BLOB`).
pub const FIELD_ELEMENTS_PER_BLOB: usize = 4096;
/// Bytes of a field element (EIP-4844, `BYTES_PER_FIELD_ELEMENT`).
pub const BYTES_PER_FIELD_ELEMENT: usize = 32;
/// Bytes of a blob.
pub const BYTES_PER_BLOB: usize = FIELD_ELEMENTS_PER_BLOB * BYTES_PER_FIELD_ELEMENT;
/// Blobs of one transaction that a run uses at most (EIP-7594, `MAX_BLOBS_PER_TX`).
pub const MAX_BLOBS: usize = 6;
/// Commitments of one blob.
pub const COMMITMENTS_PER_BLOB: usize = FIELD_ELEMENTS_PER_BLOB * PAYLOAD_PER_ELEMENT / 32;

const PAYLOAD_PER_ELEMENT: usize = BYTES_PER_FIELD_ELEMENT - 1;

/// The blobs, of [`BYTES_PER_BLOB`] bytes each, that carry these commitments. None for none.
///
/// # Errors
/// [`Error::TooManyProofs`] for more than [`MAX_PROOFS_PER_RUN`].
pub fn encode(commitments: &[Commitment]) -> Result<Vec<Vec<u8>>, Error> {
    if commitments.len() > MAX_PROOFS_PER_RUN {
        return Err(Error::TooManyProofs { count: commitments.len() });
    }
    Ok(commitments.chunks(COMMITMENTS_PER_BLOB).map(encode_one).collect())
}

fn encode_one(commitments: &[Commitment]) -> Vec<u8> {
    let payload: Vec<u8> = commitments.iter().flat_map(|commitment| commitment.0).collect();
    let mut blob = vec![0; BYTES_PER_BLOB];
    for (element, part) in
        blob.chunks_exact_mut(BYTES_PER_FIELD_ELEMENT).zip(payload.chunks(PAYLOAD_PER_ELEMENT))
    {
        for (to, from) in element.iter_mut().skip(1).zip(part) {
            *to = *from;
        }
    }
    blob
}

/// The `count` commitments that these blobs carry. Exactly what [`encode`] makes is accepted, so one list
/// of commitments has one form.
///
/// # Errors
/// [`Error::TooManyProofs`], [`Error::WrongBlobCount`], [`Error::WrongBlobSize`],
/// [`Error::NonZeroFirstByte`], [`Error::NonZeroPadding`]: each names what differs from that form.
pub fn decode<B: AsRef<[u8]>>(blobs: &[B], count: usize) -> Result<Vec<Commitment>, Error> {
    if count > MAX_PROOFS_PER_RUN {
        return Err(Error::TooManyProofs { count });
    }
    let expected = count.div_ceil(COMMITMENTS_PER_BLOB);
    if blobs.len() != expected {
        return Err(Error::WrongBlobCount { count, expected, found: blobs.len() });
    }
    let mut commitments = Vec::with_capacity(count);
    for (number, blob) in blobs.iter().enumerate() {
        let here = count.saturating_sub(commitments.len()).min(COMMITMENTS_PER_BLOB);
        decode_one(number, blob.as_ref(), here, &mut commitments)?;
    }
    Ok(commitments)
}

fn decode_one(
    number: usize,
    blob: &[u8],
    count: usize,
    commitments: &mut Vec<Commitment>,
) -> Result<(), Error> {
    if blob.len() != BYTES_PER_BLOB {
        return Err(Error::WrongBlobSize { blob: number, found: blob.len() });
    }
    let mut payload = Vec::with_capacity(FIELD_ELEMENTS_PER_BLOB * PAYLOAD_PER_ELEMENT);
    for (element, bytes) in blob.chunks_exact(BYTES_PER_FIELD_ELEMENT).enumerate() {
        let [0, rest @ ..] = bytes else {
            return Err(Error::NonZeroFirstByte { blob: number, element });
        };
        payload.extend_from_slice(rest);
    }
    let (words, _) = payload.as_chunks::<32>();
    let (used, padding) = words.split_at_checked(count).ok_or(Error::TooManyProofs { count })?;
    if padding.iter().flatten().any(|byte| *byte != 0) {
        return Err(Error::NonZeroPadding { blob: number });
    }
    commitments.extend(used.iter().map(|word| Commitment(*word)));
    Ok(())
}
