use thiserror::Error;

/// Why a proof was not accepted. The codes are stable: they go to logs, the database and the API.
///
/// | code | meaning |
/// |---|---|
/// | VER-001 | the proof is empty |
/// | VER-002 | a part is larger than its limit |
/// | VER-003 | the proof cannot be parsed: truncated, altered or something else |
/// | VER-004 | a core proof where a compressed one is needed |
/// | VER-005 | a Groth16 or Plonk proof where a compressed one is needed, or the other way round |
/// | VER-006 | made by another version of the proof system |
/// | VER-007 | a proof of another program |
/// | VER-008 | a proof of other public values |
/// | VER-009 | the public values are committed to with BLAKE3 |
/// | VER-010 | the verifying key or program id cannot be a key |
/// | VER-011 | the program ended with a failure |
/// | VER-012 | the proof does not verify |
/// | VER-013 | the verifier panicked on this proof |
/// | VER-014 | the verifiers are busy |
/// | VER-015 | the verifiers are stopped |
/// | VER-016 | this kind of proof carries no public values and none were given |
/// | VER-017 | the public inputs are not reduced words, or not as many as the circuit has |
/// | VER-018 | the circuit uses an extension that is not verified |
/// | VER-019 | no proof system has this number or name (`UnknownProofSystem`) |
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// No bytes at all.
    #[error("[VER-001] the proof is empty; give the whole proof file")]
    Empty,
    /// Refused by size alone, before anything was parsed.
    #[error("[VER-002] {part} has {bytes} bytes, the limit is {limit}; {remedy}")]
    TooLarge {
        /// What is too large.
        part: &'static str,
        /// Its size.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
        /// What the sender can do.
        remedy: &'static str,
    },
    /// Not a proof file, or a damaged one.
    #[error(
        "[VER-003] the proof cannot be read ({reason}); it is truncated, altered, or not a proof \
         of this system"
    )]
    Malformed {
        /// What the parser met.
        reason: String,
    },
    /// SP1's core form, which grows with the program.
    #[error("[VER-004] this is a core proof; make a compressed one (`.compressed()` in SP1's SDK)")]
    CoreProof,
    /// Another form of proof than the verifier's.
    #[error("[VER-005] this is a {found} proof, but a {expected} one is needed")]
    WrongForm {
        /// The form that was given.
        found: &'static str,
        /// The form that is needed.
        expected: &'static str,
    },
    /// The circuits differ between versions, so proofs do not verify across them.
    #[error(
        "[VER-006] the proof was made by version {found}, this verifier takes {expected}; prove again with it"
    )]
    WrongVersion {
        /// What the proof says, or shows, about its version.
        found: String,
        /// The version that is taken.
        expected: &'static str,
    },
    /// The proof is of another program than the given key's.
    #[error(
        "[VER-007] the proof is of program {found}, not of {expected}; give the key of the program that was proven"
    )]
    WrongKey {
        /// Program id in the proof, where the proof shows it.
        found: String,
        /// Program id of the key.
        expected: String,
    },
    /// The proof commits to other public values.
    #[error("[VER-008] the proof commits to other public values than those given")]
    WrongPublicValues,
    /// The aggregation programs claim SHA-256 digests.
    #[error(
        "[VER-009] the public values are committed to with BLAKE3; build the program with SHA-256, SP1's default"
    )]
    Blake3Digest,
    /// The key is damaged, or words of the program id are outside the field.
    #[error("[VER-010] not a verifying key or program id: {reason}")]
    MalformedKey {
        /// What is wrong with it.
        reason: String,
    },
    /// A proof that the program failed is no proof of its statement.
    #[error(
        "[VER-011] the program ended with exit code {exit_code}; only successful executions are taken"
    )]
    ProgramFailed {
        /// The exit code in the proof.
        exit_code: String,
    },
    /// Well formed, but false.
    #[error("[VER-012] the proof does not verify: {reason}")]
    Rejected {
        /// The failed check.
        reason: String,
    },
    /// The verifier panicked: the proof is rejected, the service goes on.
    #[error("[VER-013] the verifier could not cope with this proof: {reason}")]
    Panicked {
        /// The panic's message.
        reason: String,
    },
    /// Says nothing about the proof.
    #[error("[VER-014] the verifiers are busy and their queue is full; try again in a moment")]
    Busy,
    /// Says nothing about the proof.
    #[error("[VER-015] the verifiers are stopped")]
    Stopped,
    /// On-chain forms of a proof do not carry their public values.
    #[error("[VER-016] this kind of proof does not carry its public values; give them beside it")]
    MissingPublicValues,
    /// Circuits take words of 32 bytes, each smaller than the order of the scalar field.
    #[error(
        "[VER-017] not the circuit's public inputs ({reason}); give one big-endian word of 32 bytes each, in order"
    )]
    MalformedPublicInputs {
        /// What is wrong with them.
        reason: String,
    },
    /// A key or proof of a kind that is well formed and not taken.
    #[error("[VER-018] {what} not verified here; {remedy}")]
    Unsupported {
        /// What is not taken, with its verb.
        what: &'static str,
        /// What the sender can do.
        remedy: &'static str,
    },
}

impl VerifyError {
    /// The stable code, as in the table above.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "VER-001",
            Self::TooLarge { .. } => "VER-002",
            Self::Malformed { .. } => "VER-003",
            Self::CoreProof => "VER-004",
            Self::WrongForm { .. } => "VER-005",
            Self::WrongVersion { .. } => "VER-006",
            Self::WrongKey { .. } => "VER-007",
            Self::WrongPublicValues => "VER-008",
            Self::Blake3Digest => "VER-009",
            Self::MalformedKey { .. } => "VER-010",
            Self::ProgramFailed { .. } => "VER-011",
            Self::Rejected { .. } => "VER-012",
            Self::Panicked { .. } => "VER-013",
            Self::Busy => "VER-014",
            Self::Stopped => "VER-015",
            Self::MissingPublicValues => "VER-016",
            Self::MalformedPublicInputs { .. } => "VER-017",
            Self::Unsupported { .. } => "VER-018",
        }
    }

    /// Whether the same proof may be accepted later: the fault is the service's, not the proof's.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy | Self::Stopped)
    }
}
