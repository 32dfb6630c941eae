use collimate_objects::Key;

/// Why a batch cannot be used. `Display` starts with the code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The pointer is not one.
    #[error("[BAT-001] the batch's data pointer cannot be read: {reason}")]
    Pointer {
        /// What is wrong.
        reason: String,
    },
    /// The manifest's bytes are not those of a manifest.
    #[error("[BAT-002] the batch's manifest cannot be read: {reason}")]
    Manifest {
        /// What is wrong.
        reason: String,
    },
    /// The manifest lists something that no batch may have.
    #[error("[BAT-003] the batch is not allowed: {reason}")]
    NotAllowed {
        /// What is wrong.
        reason: String,
    },
    /// The manifest is well-formed and of another batch.
    #[error("[BAT-004] the manifest's root is {manifest}, the task's is {task}")]
    WrongRoot {
        /// Root over the manifest's items.
        manifest: String,
        /// Root of the task.
        task: String,
    },
    /// Bytes of a part do not hash to what the manifest says of them.
    #[error("[BAT-005] a part of the batch has not the {what} that the manifest names")]
    WrongPart {
        /// Which of its properties differs.
        what: &'static str,
    },
    /// No mirror gave an object.
    #[error("[BAT-006] no mirror has object {key}: {reasons}")]
    Unavailable {
        /// The object.
        key: Key,
        /// What each mirror did.
        reasons: String,
    },
    /// The address of a mirror is not one that this downloader may talk to.
    #[error("[BAT-007] {address} is not asked: {reason}")]
    Forbidden {
        /// The mirror.
        address: String,
        /// Why.
        reason: &'static str,
    },
    /// The HTTP client cannot be made.
    #[error("[BAT-008] the HTTP client cannot be set up: {reason}")]
    Client {
        /// What it said.
        reason: String,
    },
}

impl BatchError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pointer { .. } => "BAT-001",
            Self::Manifest { .. } => "BAT-002",
            Self::NotAllowed { .. } => "BAT-003",
            Self::WrongRoot { .. } => "BAT-004",
            Self::WrongPart { .. } => "BAT-005",
            Self::Unavailable { .. } => "BAT-006",
            Self::Forbidden { .. } => "BAT-007",
            Self::Client { .. } => "BAT-008",
        }
    }

    /// Whether another try can end otherwise: what a mirror does today says nothing about tomorrow. All else is a property of
    /// the batch.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
