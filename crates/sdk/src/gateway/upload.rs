//! A proof that is to be submitted.

use std::path::Path;

use alloy::primitives::B256;
use bytes::Bytes;
use collimate_core::{Commitment, ProgramId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::GatewayError;

/// Longest file that is read. The gateway's own limit is lower; this one keeps a mistaken name from filling the memory.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// A proof file with the program that it is of. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofUpload {
    pub(super) proof: Bytes,
    pub(super) program_id: ProgramId,
    pub(super) verifying_key: Option<Bytes>,
    pub(super) commitment: Option<Commitment>,
}

impl ProofUpload {
    /// A compressed SP1 proof in the bytes of `SP1ProofWithPublicValues::save`. The program id is the verifying key's
    /// `bytes32()`.
    #[must_use]
    pub fn new(proof: impl Into<Bytes>, program_id: ProgramId) -> Self {
        Self { proof: proof.into(), program_id, verifying_key: None, commitment: None }
    }

    /// The same from a file.
    ///
    /// # Errors
    /// [`GatewayError::BadUpload`] if it cannot be read.
    pub async fn read(path: &Path, program_id: ProgramId) -> Result<Self, GatewayError> {
        let bad = |reason: String| GatewayError::BadUpload {
            reason: format!("{}: {reason}", path.display()),
        };
        let length = tokio::fs::metadata(path).await.map_err(|error| bad(error.to_string()))?.len();
        if length > MAX_FILE_BYTES {
            return Err(bad(format!("{length} bytes are no proof; give the file that SP1 saved")));
        }
        let bytes = tokio::fs::read(path).await.map_err(|error| bad(error.to_string()))?;
        Ok(Self::new(bytes, program_id))
    }

    /// The same from `sp1-sdk`'s own type, `SP1ProofWithPublicValues`, of whatever version.
    ///
    /// It is a generic function rather than one of that type, because depending on `sp1-sdk` would bring the whole prover: all
    /// that is needed is its serialisation, bincode 1 with default options, which is what `save` writes. Something else
    /// than a proof is refused by the gateway, at no cost.
    ///
    /// ```ignore
    /// let proof = client.prove(&pk, stdin).compressed().run()?;
    /// let upload = ProofUpload::from_sp1(&proof, ProgramId(vk.bytes32_raw()))?;
    /// ```
    ///
    /// # Errors
    /// [`GatewayError::BadUpload`] for a type that bincode cannot write.
    pub fn from_sp1<P: Serialize + ?Sized>(
        proof: &P,
        program_id: ProgramId,
    ) -> Result<Self, GatewayError> {
        let bytes = bincode::serialize(proof).map_err(|error| GatewayError::BadUpload {
            reason: format!("it cannot be written ({error}); pass SP1ProofWithPublicValues"),
        })?;
        Ok(Self::new(bytes, program_id))
    }

    /// Sends the verifying key too (bincode of `SP1VerifyingKey`). Proving needs it: without it the service takes only proofs
    /// of programs whose key it was sent before.
    #[must_use]
    pub fn with_verifying_key(self, key: impl Into<Bytes>) -> Self {
        Self { verifying_key: Some(key.into()), ..self }
    }

    /// Has the answer's commitment compared with the one that these public values give.
    #[must_use]
    pub fn with_public_values(self, public_values: &[u8]) -> Self {
        Self { commitment: Some(Commitment::new(public_values, &self.program_id)), ..self }
    }

    /// SHA-256 of the file, by which the service knows it.
    #[must_use]
    pub fn hash(&self) -> B256 {
        B256::new(Sha256::digest(&self.proof).into())
    }

    /// The program.
    #[must_use]
    pub fn program_id(&self) -> &ProgramId {
        &self.program_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serialisable_proof_has_the_bytes_that_saving_gives() {
        #[derive(Serialize)]
        enum Proof {
            #[expect(dead_code, reason = "takes the first number, as in SP1's type")]
            Core(u8),
            Compressed(Box<[u32; 2]>),
        }
        #[derive(Serialize)]
        struct ProofWithPublicValues {
            proof: Proof,
            public_values: Vec<u8>,
            sp1_version: String,
        }
        let proof = ProofWithPublicValues {
            proof: Proof::Compressed(Box::new([1, 2])),
            public_values: vec![7],
            sp1_version: "v6.1.0".to_owned(),
        };
        let upload = ProofUpload::from_sp1(&proof, ProgramId([0; 32])).expect("bincode");
        let expected = [
            &[1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0][..],
            &[1, 0, 0, 0, 0, 0, 0, 0, 7],
            &[6, 0, 0, 0, 0, 0, 0, 0],
            b"v6.1.0",
        ];
        assert_eq!(upload.proof, expected.concat());
    }
}
