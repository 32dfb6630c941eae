//! The proof file of SP1's SDK: bincode of `(proof, public_values, sp1_version, tee_proof)`, where proofs from the
//! network lack the last part.

use serde::{Deserialize, Serialize};
use sp1_hypercube::{SP1PcsProofInner, SP1RecursionProof};
use sp1_primitives::{SP1GlobalContext, io::SP1PublicValues};

use super::CIRCUIT_VERSION;
use crate::{
    VerifyError,
    canonical::{is_encoding_of, read},
    limits::{
        MAX_COMPRESSED_PROOF_BYTES, MAX_PUBLIC_VALUES_BYTES, MAX_VERSION_LABEL_BYTES, within,
    },
};

/// The recursion proof of a whole execution.
pub(super) type RecursionProof = SP1RecursionProof<SP1GlobalContext, SP1PcsProofInner>;

/// Bincode's number for the variant `SP1Proof::Compressed`.
const COMPRESSED: u32 = 1;

/// A compressed proof file, without the variant number before and the `tee_proof` after it.
#[derive(Serialize, Deserialize)]
pub(super) struct CompressedFile {
    pub(super) proof: Box<RecursionProof>,
    pub(super) public_values: SP1PublicValues,
    pub(super) sp1_version: String,
}

impl CompressedFile {
    /// Parses a file whose every byte is accounted for, of the current circuit version.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, VerifyError> {
        if bytes.is_empty() {
            return Err(VerifyError::Empty);
        }
        within(
            "the proof",
            bytes.len(),
            MAX_COMPRESSED_PROOF_BYTES,
            "a compressed proof has about 1.3 MB; core proofs are not taken",
        )?;
        let body = expect_compressed(bytes)?;
        let (file, tail) =
            read::<Self>(body).map_err(|reason| wrong_version_or_malformed(bytes, reason))?;
        if file.sp1_version.len() > MAX_VERSION_LABEL_BYTES {
            return Err(VerifyError::Malformed { reason: "overlong version label".to_owned() });
        }
        if file.sp1_version != CIRCUIT_VERSION {
            return Err(VerifyError::WrongVersion {
                found: file.sp1_version.escape_default().to_string(),
                expected: CIRCUIT_VERSION,
            });
        }
        let public_values = file.public_values.as_slice().len();
        within(
            "the public values",
            public_values,
            MAX_PUBLIC_VALUES_BYTES,
            "commit a hash of them in the program",
        )?;
        let tee_proof = parse_tail(tail)?;
        let encoded = body.get(..body.len().saturating_sub(tail.len())).unwrap_or_default();
        if !is_encoding_of(encoded, &file)
            || tee_proof.is_some_and(|tee| !is_encoding_of(tail, &tee))
        {
            return Err(VerifyError::Malformed {
                reason: "its encoding is not the canonical one".to_owned(),
            });
        }
        Ok(file)
    }
}

/// Strips the variant number; other forms of proof get an error that says what they are.
fn expect_compressed(bytes: &[u8]) -> Result<&[u8], VerifyError> {
    let (number, body) = bytes
        .split_first_chunk::<4>()
        .ok_or_else(|| VerifyError::Malformed { reason: "less than four bytes".to_owned() })?;
    match u32::from_le_bytes(*number) {
        COMPRESSED => Ok(body),
        0 => Err(VerifyError::CoreProof),
        2 => Err(VerifyError::WrongForm { found: "Plonk", expected: "compressed" }),
        3 => Err(VerifyError::WrongForm { found: "Groth16", expected: "compressed" }),
        other => Err(VerifyError::Malformed { reason: format!("unknown proof form {other}") }),
    }
}

/// What may follow the version label: nothing (network) or an optional `tee_proof` (SDK).
fn parse_tail(tail: &[u8]) -> Result<Option<Option<Vec<u8>>>, VerifyError> {
    if tail.is_empty() {
        return Ok(None);
    }
    let (tee_proof, rest) = read::<Option<Vec<u8>>>(tail).map_err(|reason| {
        VerifyError::Malformed { reason: format!("after the proof: {reason}") }
    })?;
    if !rest.is_empty() {
        return Err(VerifyError::Malformed {
            reason: format!("{} bytes follow the proof", rest.len()),
        });
    }
    Ok(Some(tee_proof))
}

/// The structure of proofs changes between versions, so a proof of another one cannot be parsed; its label, the last
/// string of the file, still tells. It is looked for only to choose the error.
fn wrong_version_or_malformed(bytes: &[u8], reason: String) -> VerifyError {
    let without_tee = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    [bytes, without_tee]
        .into_iter()
        .find_map(trailing_label)
        .filter(|label| label != CIRCUIT_VERSION)
        .map_or(VerifyError::Malformed { reason }, |found| VerifyError::WrongVersion {
            found,
            expected: CIRCUIT_VERSION,
        })
}

/// A string such as `v5.2.1` with its eight-byte length, at the very end.
fn trailing_label(bytes: &[u8]) -> Option<String> {
    (6..=MAX_VERSION_LABEL_BYTES).find_map(|length| {
        let (rest, label) = bytes.split_at_checked(bytes.len().checked_sub(length)?)?;
        let (_, stored) = rest.split_last_chunk::<8>()?;
        let is_label = u64::from_le_bytes(*stored) == u64::try_from(length).ok()?
            && label.first() == Some(&b'v')
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(byte));
        is_label.then(|| String::from_utf8_lossy(label).into_owned())
    })
}
