use collimate_core::ProgramId;
use slop_algebra::AbstractField;
use sp1_hypercube::{HashableKey, SP1VerifyingKey};
use sp1_primitives::SP1Field;

use crate::{
    ProgramKey, VerifyError, canonical,
    limits::{MAX_VERIFYING_KEY_BYTES, within},
};

/// A program as recursion names it: eight canonical field elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyWords(pub(super) [u32; 8]);

impl KeyWords {
    /// Reads a verifying key, or unpacks a program id; refuses whatever cannot be one.
    pub(super) fn from_key(key: &ProgramKey) -> Result<Self, VerifyError> {
        match key {
            ProgramKey::VerifyingKey(bytes) => Self::from_verifying_key(bytes),
            ProgramKey::ProgramId(id) => Self::from_program_id(*id),
        }
    }

    fn from_verifying_key(bytes: &[u8]) -> Result<Self, VerifyError> {
        within(
            "the verifying key",
            bytes.len(),
            MAX_VERIFYING_KEY_BYTES,
            "give bincode of SP1VerifyingKey, 104 bytes",
        )?;
        let (key, rest) = canonical::read::<SP1VerifyingKey>(bytes)
            .map_err(|reason| VerifyError::MalformedKey { reason })?;
        if !rest.is_empty() || !canonical::is_encoding_of(bytes, &key) {
            return Err(VerifyError::MalformedKey {
                reason: "its encoding is not the canonical one".to_owned(),
            });
        }
        Ok(Self(key.hash_u32()))
    }

    fn from_program_id(id: ProgramId) -> Result<Self, VerifyError> {
        id.sp1_words()
            .map(Self)
            .map_err(|error| VerifyError::MalformedKey { reason: format!("{id}: {error}") })
    }

    /// The program id that these words pack to.
    pub(super) fn program_id(&self) -> ProgramId {
        ProgramId::from_sp1_words(self.0)
    }

    pub(super) fn to_field(self) -> [SP1Field; 8] {
        self.0.map(SP1Field::from_canonical_u32)
    }
}
