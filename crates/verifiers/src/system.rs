use std::panic::{AssertUnwindSafe, catch_unwind};

use collimate_core::{Commitment, ProgramId};

use crate::VerifyError;

/// A proof system that can be verified natively.
///
/// A verifier is a pure function of its submission: no clock, no input or output, no state. It may panic on hostile
/// input, so call it through [`verify_guarded`] or a [`crate::VerifierPool`].
pub trait ProofSystem: std::fmt::Debug + Send + Sync {
    /// The name in the API, the database and logs.
    fn name(&self) -> &'static str;

    /// The most bytes that a proof may have. Larger ones are refused before they are parsed.
    fn max_proof_bytes(&self) -> usize;

    /// Checks a key and computes the program id that it stands for.
    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError>;

    /// Verifies one submission and says what it proves.
    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError>;
}

/// How a submitter names the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramKey {
    /// The proof system's own encoding of the verifying key; for SP1 bincode of `SP1VerifyingKey`.
    VerifyingKey(Vec<u8>),
    /// The program id, as the contracts take it.
    ProgramId(ProgramId),
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
    /// The same as eight canonical words of the KoalaBear field: what recursion claims in `verify_sp1_proof`.
    pub vk_words: [u32; 8],
    /// The bytes that the program committed.
    pub public_values: Vec<u8>,
    /// SHA-256 of them, the digest in the proof: what recursion claims beside the words.
    pub public_values_digest: [u8; 32],
    /// The leaf's preimage in the aggregation tree, `keccak256(public_values ‖ program_id)`.
    pub commitment: Commitment,
    /// The circuit version of the proof.
    pub sp1_version: String,
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
