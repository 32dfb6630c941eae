use std::{io, path::PathBuf};

use alloy::primitives::{Address, B256};
use collimate_chain::ChainError;
use collimate_sdk::SdkError;
use collimate_verifiers::VerifyError;
use thiserror::Error;

/// Why a command has no good answer. The codes are stable.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error("[CLI-001] cannot read {}: {source}; check the path", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("[CLI-002] {} has {bytes} bytes, {what} has at most {limit}; give the right file", path.display())]
    TooLarge { path: PathBuf, what: &'static str, bytes: u64, limit: u64 },
    #[error("[CLI-003] {what} is malformed: {reason}; {remedy}")]
    Malformed { what: String, reason: String, remedy: &'static str },
    #[error("[CLI-004] {what} is missing: {remedy}")]
    Missing { what: &'static str, remedy: &'static str },
    #[error("[CLI-005] {one} and {other} contradict each other; give one of them, or correct it")]
    Conflict { one: String, other: String },
    #[error("[CLI-006] no verifying key for {}: neither {} nor program_vk.bin is beside it; name it with --vk or --program-id", proof.display(), expected.display())]
    NoKey { proof: PathBuf, expected: PathBuf },
    #[error("[CLI-007] cannot write {}: {source}; check that the folder exists and has room", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("[CLI-008] the machine refused to start the command: {0}; free some memory")]
    Runtime(io::Error),
    #[error(
        "[CLI-009] the contract at {contract} did not tell the proof from a forgery (altered public values: {altered}, other program: {other}); it is not what it is taken for"
    )]
    AcceptsForgery { contract: Address, altered: bool, other: bool },
    #[error(
        "[CLI-010] the contract at {contract} denies inclusion, though the path leads to root {root}; it is not what it is taken for"
    )]
    NotIncluded { contract: Address, root: B256 },
    #[error(
        "[CLI-011] the path leads to root {found}, not to {expected}; leave --path out, so that it is derived from the blob"
    )]
    PathLeadsElsewhere { found: B256, expected: B256 },
    #[error(transparent)]
    Rejected(#[from] VerifyError),
    #[error(transparent)]
    Sdk(#[from] SdkError),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// It does not hold.
pub(crate) const DOES_NOT_HOLD: u8 = 1;
/// The command was used wrongly.
pub(crate) const USAGE: u8 = 2;
/// There is no answer.
pub(crate) const ENVIRONMENT: u8 = 3;

impl CliError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "CLI-001",
            Self::TooLarge { .. } => "CLI-002",
            Self::Malformed { .. } => "CLI-003",
            Self::Missing { .. } => "CLI-004",
            Self::Conflict { .. } => "CLI-005",
            Self::NoKey { .. } => "CLI-006",
            Self::Write { .. } => "CLI-007",
            Self::Runtime(_) => "CLI-008",
            Self::AcceptsForgery { .. } => "CLI-009",
            Self::NotIncluded { .. } => "CLI-010",
            Self::PathLeadsElsewhere { .. } => "CLI-011",
            Self::Rejected(error) => error.code(),
            Self::Sdk(error) => error.code(),
            Self::Chain(error) => error.code(),
        }
    }

    /// The exit status, as the help text documents it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::AcceptsForgery { .. }
            | Self::NotIncluded { .. }
            | Self::PathLeadsElsewhere { .. } => DOES_NOT_HOLD,
            Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::Malformed { .. }
            | Self::Missing { .. }
            | Self::Conflict { .. }
            | Self::NoKey { .. }
            | Self::Rejected(VerifyError::MalformedKey { .. } | VerifyError::MissingPublicValues)
            | Self::Sdk(
                SdkError::SeveralRuns { .. }
                | SdkError::EmptyRange { .. }
                | SdkError::MalformedBundle { .. },
            )
            | Self::Sdk(SdkError::Chain(ChainError::BadUrl { .. } | ChainError::BadBlob { .. }))
            | Self::Chain(ChainError::BadUrl { .. } | ChainError::BadBlob { .. }) => USAGE,
            Self::Rejected(_) => DOES_NOT_HOLD,
            Self::Sdk(error) if error.denies() => DOES_NOT_HOLD,
            Self::Write { .. } | Self::Runtime(_) | Self::Sdk(_) | Self::Chain(_) => ENVIRONMENT,
        }
    }
}
