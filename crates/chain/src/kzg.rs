//! Blobs with their KZG commitments and EIP-7594 cell proofs.

use alloy::{
    eips::{
        eip4844::{
            BYTES_PER_BLOB, Blob, Bytes48, c_kzg, env_settings::EnvKzgSettings,
            kzg_to_versioned_hash,
        },
        eip7594::BlobTransactionSidecarEip7594,
    },
    primitives::{B256, Bytes},
};

use crate::error::ChainError;

/// Loads the trusted setup, on a thread of its own, so that the first blob need not wait for it: about a second.
pub fn preload() {
    tokio::task::spawn_blocking(|| {
        EnvKzgSettings::default().get();
    });
}

/// Blobs of one transaction with everything that goes with them: commitments and, for each blob, the 128 cell proofs that the
/// network demands since Fusaka (EIP-7594).
///
/// Computing it takes about half a second a blob and core, so do it once and keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidecar(BlobTransactionSidecarEip7594);

impl Sidecar {
    /// Computes commitments and cell proofs, on threads of their own, all blobs at the same time.
    ///
    /// # Errors
    /// [`ChainError::BadBlob`] if a blob is not 131,072 bytes of canonical field elements.
    pub async fn compute(blobs: &[Bytes]) -> Result<Self, ChainError> {
        let mut tasks = Vec::with_capacity(blobs.len());
        for (index, bytes) in blobs.iter().enumerate() {
            let bytes = bytes.clone();
            tasks.push(tokio::task::spawn_blocking(move || commit_with_cells(index, &bytes)));
        }
        let mut sidecar = BlobTransactionSidecarEip7594::default();
        for task in tasks {
            let (blob, commitment, proofs) =
                task.await.map_err(|error| ChainError::Internal(error.to_string()))??;
            sidecar.blobs.push(blob);
            sidecar.commitments.push(commitment);
            sidecar.cell_proofs.extend(proofs);
        }
        Ok(Self(sidecar))
    }

    /// Versioned hashes of the blobs, in order: what `BLOBHASH` returns in the transaction.
    pub fn versioned_hashes(&self) -> Vec<B256> {
        self.0.versioned_hashes().collect()
    }

    /// Number of blobs.
    pub fn len(&self) -> usize {
        self.0.blobs.len()
    }

    /// True without blobs.
    pub fn is_empty(&self) -> bool {
        self.0.blobs.is_empty()
    }

    /// The form that transactions carry.
    pub const fn as_eip7594(&self) -> &BlobTransactionSidecarEip7594 {
        &self.0
    }

    /// RLP list of the wrapper version 1, blobs, commitments and cell proofs: how it is stored.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.0.rlp_encoded_length());
        self.0.rlp_encode(&mut bytes);
        bytes.into()
    }

    /// Reads [`to_bytes`](Self::to_bytes) back. Counts are checked; commitments and proofs are taken as stored.
    ///
    /// # Errors
    /// A text that says what is wrong with the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        let sidecar = BlobTransactionSidecarEip7594::rlp_decode(&mut rest)
            .map_err(|error| format!("not the RLP form of a sidecar: {error}"))?;
        if !rest.is_empty() {
            return Err(format!("{} bytes too many", rest.len()));
        }
        let blobs = sidecar.blobs.len();
        let proofs = blobs.saturating_mul(c_kzg::CELLS_PER_EXT_BLOB);
        if sidecar.commitments.len() != blobs || sidecar.cell_proofs.len() != proofs {
            return Err(format!(
                "{blobs} blobs with {} commitments and {} cell proofs",
                sidecar.commitments.len(),
                sidecar.cell_proofs.len()
            ));
        }
        Ok(Self(sidecar))
    }
}

/// Versioned hash (EIP-4844) of a blob, by way of its KZG commitment. Takes about 50 ms: call it outside async code.
///
/// # Errors
/// [`ChainError::BadBlob`] if it is not 131,072 bytes of canonical field elements.
pub fn versioned_hash(bytes: &[u8]) -> Result<B256, ChainError> {
    let commitment = commit(0, &blob(0, bytes)?)?;
    Ok(kzg_to_versioned_hash(commitment.as_slice()))
}

type BlobWithProofs = (Blob, Bytes48, Vec<Bytes48>);

fn commit_with_cells(index: usize, bytes: &[u8]) -> Result<BlobWithProofs, ChainError> {
    let blob = blob(index, bytes)?;
    let commitment = commit(index, &blob)?;
    let (_, proofs) = EnvKzgSettings::Default
        .get()
        .compute_cells_and_kzg_proofs(&c_kzg::Blob::new(blob.0))
        .map_err(|error| bad_blob(index, &error))?;
    let proofs = proofs.iter().map(|proof| Bytes48::from(proof.to_bytes().into_inner())).collect();
    Ok((blob, commitment, proofs))
}

fn blob(index: usize, bytes: &[u8]) -> Result<Blob, ChainError> {
    Blob::try_from(bytes).map_err(|_| ChainError::BadBlob {
        index,
        reason: format!("{} bytes instead of {BYTES_PER_BLOB}", bytes.len()),
    })
}

fn commit(index: usize, blob: &Blob) -> Result<Bytes48, ChainError> {
    EnvKzgSettings::Default
        .get()
        .blob_to_kzg_commitment(&c_kzg::Blob::new(blob.0))
        .map(|commitment| Bytes48::from(commitment.to_bytes().into_inner()))
        .map_err(|error| bad_blob(index, &error))
}

fn bad_blob(index: usize, error: &c_kzg::Error) -> ChainError {
    ChainError::BadBlob { index, reason: error.to_string() }
}
