use std::{io, net::SocketAddr};

use axum::http::StatusCode;
use collimate_attestation::AttestationError;
use collimate_chain::ChainError;
use collimate_tasks::{TaskEnd, TaskError, TaskStatus};

/// Why a signature was not taken, or a task not answered. `Display` starts with the code.
///
/// | code | meaning |
/// |---|---|
/// | SIG-001 | no such task is known |
/// | SIG-002 | the task is not open any more |
/// | SIG-003 | the operator does not count in the task's epoch |
/// | SIG-004 | not a signature |
/// | SIG-005 | not the operator's signature over this task and these proof systems |
/// | SIG-006 | the operator signed another answer to this task |
/// | SIG-007 | too many signatures at once |
/// | SIG-008 | the request cannot be read |
/// | SIG-009 | the chain says that the task is not open |
/// | SIG-010 | transactions for the task were mined and did not answer it |
/// | SIG-011 | the service cannot listen |
/// | SIG-012 | the settings cannot be used |
/// | SIG-013 | stopped |
/// | TSK-…, CHN-… | the contract's, the node's, the transaction manager's |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignaturesError {
    /// Its block may not be read yet.
    #[error("[SIG-001] no such task is known; its block may not be read yet, or it is too old")]
    UnknownTask,
    /// By the chain's events.
    #[error("[SIG-002] the task is {}; it takes no signatures any more", end.as_str())]
    Closed {
        /// Why.
        end: TaskEnd,
    },
    /// Unknown id, or without stake in the epoch.
    #[error(
        "[SIG-003] operator {operator} does not count in the epoch of the task; check the id, or wait for the next epoch"
    )]
    NotInEpoch {
        /// The id.
        operator: u32,
    },
    /// No point of the group.
    #[error("[SIG-004] not a signature: {0}")]
    Malformed(AttestationError),
    /// Garbage, another's key, or another task's.
    #[error(
        "[SIG-005] not the signature of operator {operator} over this task with these proof systems"
    )]
    WrongSignature {
        /// Whose it should be.
        operator: u32,
    },
    /// An honest operator has one answer.
    #[error(
        "[SIG-006] operator {operator} signed another answer to this task before; its first one counts"
    )]
    Conflict {
        /// Who.
        operator: u32,
    },
    /// Says nothing about the signature.
    #[error("[SIG-007] too many signatures at once; send it again in a moment")]
    Busy,
    /// Not the JSON that it should be.
    #[error("[SIG-008] the request cannot be read: {reason}")]
    Request {
        /// What is wrong.
        reason: String,
    },
    /// Somebody else was faster, or this node is behind.
    #[error("[SIG-009] the chain says that the task is {status:?}, nothing was sent")]
    NotOpen {
        /// What it says.
        status: TaskStatus,
    },
    /// A person has to look.
    #[error(
        "[SIG-010] {failed} transactions for the task were mined and did not answer it, the last: {last}; no more are sent"
    )]
    Unanswered {
        /// How many.
        failed: u32,
        /// Why the last did not.
        last: String,
    },
    /// Usually a port in use.
    #[error(
        "[SIG-011] cannot listen on {address}: {source}; choose another address or stop what uses it"
    )]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Seen at the start.
    #[error("[SIG-012] the settings cannot be used: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// Shut down while working.
    #[error("[SIG-013] stopped before the work was done")]
    Stopped,
    /// The contract's or the node's.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The transaction manager's.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl SignaturesError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTask => "SIG-001",
            Self::Closed { .. } => "SIG-002",
            Self::NotInEpoch { .. } => "SIG-003",
            Self::Malformed(_) => "SIG-004",
            Self::WrongSignature { .. } => "SIG-005",
            Self::Conflict { .. } => "SIG-006",
            Self::Busy => "SIG-007",
            Self::Request { .. } => "SIG-008",
            Self::NotOpen { .. } => "SIG-009",
            Self::Unanswered { .. } => "SIG-010",
            Self::Listen { .. } => "SIG-011",
            Self::Config { .. } => "SIG-012",
            Self::Stopped => "SIG-013",
            Self::Task(error) => error.code(),
            Self::Chain(error) => error.code(),
        }
    }

    /// Whether the same request can succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::UnknownTask | Self::Busy | Self::Stopped | Self::NotOpen { .. } => true,
            Self::Task(error) => error.is_retryable(),
            Self::Chain(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// Faults of the request are 4xx, those of this side 5xx.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::UnknownTask => StatusCode::NOT_FOUND,
            Self::Closed { .. } => StatusCode::GONE,
            Self::NotInEpoch { .. } => StatusCode::FORBIDDEN,
            Self::Malformed(_) | Self::WrongSignature { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Request { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
