//! Why a command has no good answer, and its exit status.

use std::{io, path::PathBuf};

use alloy::primitives::{Address, B256, TxHash};
use collimate_chain::ChainError;
use collimate_evidence::EvidenceError;
use collimate_sdk::{
    FastError, GatewayError, ProblemCode, SdkError,
    fast::{BatcherProblemCode, GroupEnd},
};
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
    #[error(
        "[CLI-012] there is no network {name:?}; `collimate network list` shows those that are kept, `collimate network add FILE` adds one"
    )]
    UnknownNetwork { name: String },
    #[error(
        "[CLI-013] there is another network {name:?} already; give --name for another name, or --replace"
    )]
    NetworkExists { name: String },
    #[error("[CLI-014] you did not consent; nothing was sent")]
    Declined,
    #[error(
        "[CLI-015] the deposit {transaction} is in a block, but the service did not count it within {seconds} s; it is not lost: `collimate quota` shows it later"
    )]
    NotCredited { transaction: TxHash, seconds: u64 },
    #[error("[CLI-016] there is no *.proof file in {}; name the files", folder.display())]
    NoProofs { folder: PathBuf },
    #[error(
        "[CLI-017] root {root} rests on the operators' word: the contract at {contract} has not verified the run's proof itself; ask again later, or without --hard"
    )]
    NotHard { contract: Address, root: B256 },
    #[error("[CLI-018] {0}")]
    Usage(String),
    #[error(transparent)]
    Rejected(#[from] VerifyError),
    #[error(transparent)]
    Sdk(#[from] SdkError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl From<FastError> for CliError {
    fn from(error: FastError) -> Self {
        Self::Sdk(error.into())
    }
}

impl From<GatewayError> for CliError {
    fn from(error: GatewayError) -> Self {
        Self::Sdk(error.into())
    }
}

/// It does not hold; or a proof was rejected, or failed.
pub(crate) const DOES_NOT_HOLD: u8 = 1;
/// The command was used wrongly.
pub(crate) const USAGE: u8 = 2;
/// There is no answer: the same command can succeed later.
pub(crate) const ENVIRONMENT: u8 = 3;
/// Refused, until the user changes something: credits, funds, key.
pub(crate) const REFUSED: u8 = 4;
/// Not yet.
pub(crate) const NOT_YET: u8 = 5;

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
            Self::UnknownNetwork { .. } => "CLI-012",
            Self::NetworkExists { .. } => "CLI-013",
            Self::Declined => "CLI-014",
            Self::NotCredited { .. } => "CLI-015",
            Self::NoProofs { .. } => "CLI-016",
            Self::NotHard { .. } => "CLI-017",
            Self::Usage(_) => "CLI-018",
            Self::Rejected(error) => error.code(),
            Self::Sdk(error) => error.code(),
            Self::Chain(error) => error.code(),
            Self::Evidence(error) => error.code(),
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
            | Self::UnknownNetwork { .. }
            | Self::NetworkExists { .. }
            | Self::NoProofs { .. }
            | Self::Usage(_)
            | Self::Rejected(VerifyError::MalformedKey { .. } | VerifyError::MissingPublicValues)
            | Self::Sdk(
                SdkError::SeveralRuns { .. }
                | SdkError::EmptyRange { .. }
                | SdkError::MalformedBundle { .. }
                | SdkError::MalformedProfile { .. }
                | SdkError::ProfileLacks { .. }
                | SdkError::File { action: "read", .. },
            ) => USAGE,
            Self::Evidence(error) if error.denies() => DOES_NOT_HOLD,
            Self::Evidence(EvidenceError::Unreadable { .. }) => USAGE,
            Self::Declined | Self::Sdk(SdkError::CannotOrder { .. }) => REFUSED,
            Self::NotCredited { .. } | Self::NotHard { .. } => NOT_YET,
            Self::Rejected(_) => DOES_NOT_HOLD,
            Self::Sdk(SdkError::Gateway(error)) => of_gateway(error),
            Self::Sdk(SdkError::Fast(error)) => of_fast(error),
            Self::Sdk(SdkError::Chain(error)) | Self::Chain(error) => of_chain(error),
            Self::Sdk(error) if error.denies() => DOES_NOT_HOLD,
            Self::Write { .. } | Self::Runtime(_) | Self::Sdk(_) | Self::Evidence(_) => ENVIRONMENT,
        }
    }

    /// Whether the service is away, so that other requests have no better chance.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Sdk(SdkError::Gateway(error)) => of_gateway(error) == ENVIRONMENT,
            _ => false,
        }
    }
}

fn of_gateway(error: &GatewayError) -> u8 {
    match error {
        GatewayError::Refused(problem) => of_problem(problem.code),
        GatewayError::Ended { .. }
        | GatewayError::OtherDeployment { .. }
        | GatewayError::BadReceipt { .. }
        | GatewayError::OtherProof { .. } => DOES_NOT_HOLD,
        GatewayError::NotYet { .. } | GatewayError::CreditsNotYet { .. } => NOT_YET,
        GatewayError::BadUrl { .. } | GatewayError::BadUpload { .. } => USAGE,
        GatewayError::Signing { .. } => REFUSED,
        _ => ENVIRONMENT,
    }
}

fn of_fast(error: &FastError) -> u8 {
    match error {
        FastError::Refused(problem) => of_batcher(problem.code),
        // Charged or not, its signature is worth nothing any more; what is wrong with the account can be mended.
        FastError::Ended {
            end:
                Some(
                    GroupEnd::BalanceTooLow
                    | GroupEnd::Unlocked
                    | GroupEnd::WrongNonce
                    | GroupEnd::DeadlinePassed
                    | GroupEnd::SignatureWithdrawn,
                ),
            ..
        }
        | FastError::CannotSend { .. }
        | FastError::NonceTaken { .. }
        | FastError::Signing(_) => REFUSED,
        FastError::Rejected { source, .. } => match source {
            VerifyError::MalformedKey { .. } | VerifyError::MissingPublicValues => USAGE,
            _ => DOES_NOT_HOLD,
        },
        FastError::NotVerified { .. }
        | FastError::TaskNotYet { .. }
        | FastError::GroupNotYet { .. }
        | FastError::NoResponse { .. } => NOT_YET,
        FastError::File { .. }
        | FastError::BadProof { .. }
        | FastError::MalformedBundle { .. }
        | FastError::BadUrl { .. }
        | FastError::NoTask { .. } => USAGE,
        FastError::Batch(error) if !error.is_retryable() => USAGE,
        error if error.denies() => DOES_NOT_HOLD,
        _ => ENVIRONMENT,
    }
}

fn of_batcher(code: BatcherProblemCode) -> u8 {
    match code {
        BatcherProblemCode::ProofRejected | BatcherProblemCode::AlreadyEnded => DOES_NOT_HOLD,
        BatcherProblemCode::BadSignature
        | BatcherProblemCode::BadDeadline
        | BatcherProblemCode::WrongNonce
        | BatcherProblemCode::FeeTooLow
        | BatcherProblemCode::BalanceTooLow
        | BatcherProblemCode::Unlocked => REFUSED,
        BatcherProblemCode::Internal => ENVIRONMENT,
        other if other.is_retryable() => ENVIRONMENT,
        _ => USAGE,
    }
}

fn of_problem(code: ProblemCode) -> u8 {
    match code {
        ProblemCode::ProofRejected | ProblemCode::AlreadyFailed => DOES_NOT_HOLD,
        ProblemCode::NotIncluded => NOT_YET,
        ProblemCode::BadSignature
        | ProblemCode::Expired
        | ProblemCode::WrongNonce
        | ProblemCode::NoCredit => REFUSED,
        ProblemCode::Internal => ENVIRONMENT,
        other if other.is_retryable() => ENVIRONMENT,
        _ => USAGE,
    }
}

fn of_chain(error: &ChainError) -> u8 {
    match error {
        ChainError::BadUrl { .. } | ChainError::BadBlob { .. } | ChainError::Signer { .. } => USAGE,
        ChainError::BudgetExceeded { .. }
        | ChainError::InsufficientFunds { .. }
        | ChainError::WouldRevert { .. }
        | ChainError::Reverted { .. }
        | ChainError::Rejected { .. } => REFUSED,
        _ => ENVIRONMENT,
    }
}
