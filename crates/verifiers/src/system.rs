use std::panic::{AssertUnwindSafe, catch_unwind};

use collimate_core::{Commitment, ProgramId};

use crate::{VerifyError, limits::MAX_VERIFYING_KEY_BYTES};

/// A proof system that can be verified natively.
///
/// A verifier is a pure function of its submission: no clock, no input or output, no state. It may panic on hostile
/// input, so call it through [`verify_guarded`] or a [`crate::VerifierPool`].
pub trait ProofSystem: std::fmt::Debug + Send + Sync {
    /// The name in the API, the database and logs.
    fn name(&self) -> &'static str;

    /// The most bytes that a proof may have. Larger ones are refused before they are parsed.
    fn max_proof_bytes(&self) -> usize;

    /// The most bytes that a verifying key may have.
    fn max_key_bytes(&self) -> usize {
        MAX_VERIFYING_KEY_BYTES
    }

    /// Checks a key and computes the program id that it stands for.
    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError>;

    /// Verifies one submission and says what it proves.
    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError>;
}

/// How a submitter names the program.
#[derive(Clone, PartialEq, Eq)]
pub enum ProgramKey {
    /// The proof system's own encoding of the verifying key; for SP1 bincode of `SP1VerifyingKey`. A circuit's proof
    /// needs it. RISC Zero has none.
    VerifyingKey(Vec<u8>),
    /// The program id, as the contracts take it. Enough for a zkVM's proof.
    ProgramId(ProgramId),
}

impl std::fmt::Debug for ProgramKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::VerifyingKey(bytes) => write!(f, "VerifyingKey({} bytes)", bytes.len()),
            Self::ProgramId(id) => f.debug_tuple("ProgramId").field(id).finish(),
        }
    }
}

/// What a submitter hands in.
#[derive(Clone)]
pub struct Submission {
    /// The proof, in the proof system's own encoding.
    pub proof: Vec<u8>,
    /// The program that it is claimed to be of.
    pub key: ProgramKey,
    /// The public values that it is claimed to be of. Optional where the proof file carries them, and then compared
    /// with those in the file.
    pub public_values: Option<Vec<u8>>,
}

impl std::fmt::Debug for Submission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submission")
            .field("proof_bytes", &self.proof.len())
            .field("key", &self.key)
            .field("public_values_bytes", &self.public_values.as_ref().map(Vec::len))
            .finish()
    }
}

/// What an accepted proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedProof {
    /// The program.
    pub program_id: ProgramId,
    /// The bytes that the program committed: SP1's public values, RISC Zero's journal, a circuit's public inputs.
    pub public_values: Vec<u8>,
    /// The leaf's preimage in the aggregation tree, `keccak256(public_values ‖ program_id)`.
    pub commitment: Commitment,
    /// What recursion claims of an SP1 proof.
    pub sp1: Option<Sp1Claims>,
}

/// What recursion claims of an SP1 proof in `verify_sp1_proof`, and the version it must be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sp1Claims {
    /// The program id as eight canonical words of the KoalaBear field.
    pub vk_words: [u32; 8],
    /// SHA-256 of the public values, the digest in the proof.
    pub public_values_digest: [u8; 32],
    /// The circuit version of the proof.
    pub version: String,
}

/// Verifies on the calling thread; a panic in the verifier becomes [`VerifyError::Panicked`].
pub fn verify_guarded(
    system: &dyn ProofSystem,
    submission: &Submission,
) -> Result<VerifiedProof, VerifyError> {
    // Verifiers are pure: nothing outside the call is left half changed when one unwinds.
    catch_unwind(AssertUnwindSafe(|| system.verify(submission))).unwrap_or_else(|payload| {
        let reason = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panic without a message".to_owned());
        tracing::warn!(system = system.name(), reason, "verifier panicked, proof rejected");
        Err(VerifyError::Panicked { reason })
    })
}
