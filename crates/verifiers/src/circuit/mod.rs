//! What the proof systems for circuits share. Their program id is keccak256 of the verifying key, so the key itself
//! must be given; their public values are the public inputs in order, a big-endian word of 32 bytes each.

pub(crate) mod encoding;
pub(crate) mod groth16;
pub(crate) mod inputs;
pub(crate) mod reader;

use collimate_core::{Commitment, ProgramId, keccak256};

use crate::{
    ProgramKey, Submission, VerifiedProof, VerifyError,
    limits::{MAX_CIRCUIT_KEY_BYTES, MAX_PUBLIC_VALUES_BYTES, within},
};

/// The parts of a submission, each within its limit and none of them read yet.
#[derive(Debug)]
pub(crate) struct CircuitSubmission<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) proof: &'a [u8],
    /// The public inputs, [`inputs::WORD`] bytes each.
    pub(crate) inputs: &'a [u8],
}

impl<'a> CircuitSubmission<'a> {
    pub(crate) fn of(
        submission: &'a Submission,
        max_proof_bytes: usize,
    ) -> Result<Self, VerifyError> {
        let key = key_bytes(&submission.key)?;
        let proof = submission.proof.as_slice();
        if proof.is_empty() {
            return Err(VerifyError::Empty);
        }
        let remedy = "give the bytes of the proof alone";
        within("the proof", proof.len(), max_proof_bytes, remedy)?;
        let inputs = submission.public_values.as_ref().ok_or(VerifyError::MissingPublicValues)?;
        let remedy = "make a hash of them the only public input";
        within("the public inputs", inputs.len(), MAX_PUBLIC_VALUES_BYTES, remedy)?;
        Ok(Self { key, proof, inputs })
    }

    /// What is proven, once it is.
    pub(crate) fn accepted(&self) -> VerifiedProof {
        let program_id = program_id(self.key);
        VerifiedProof {
            program_id,
            public_values: self.inputs.to_vec(),
            commitment: Commitment::new(self.inputs, &program_id),
            sp1: None,
        }
    }
}

/// The bytes of a circuit's verifying key.
pub(crate) fn key_bytes(key: &ProgramKey) -> Result<&[u8], VerifyError> {
    let ProgramKey::VerifyingKey(bytes) = key else {
        return Err(VerifyError::MalformedKey {
            reason: "a circuit's proof is verified with the verifying key, of which the program id is only a hash"
                .to_owned(),
        });
    };
    let remedy =
        "circuits with that many public inputs are not taken; make a hash of them the only one";
    within("the verifying key", bytes.len(), MAX_CIRCUIT_KEY_BYTES, remedy)?;
    Ok(bytes)
}

/// The program id of a key with one accepted encoding.
pub(crate) fn program_id(key: &[u8]) -> ProgramId {
    ProgramId(keccak256(&[key]))
}
