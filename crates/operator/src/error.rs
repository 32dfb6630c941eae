use std::{io, net::SocketAddr, time::Duration};

use alloy::primitives::{U256, aliases::U96};
use collimate_attestation::AttestationError;
use collimate_batch::BatchError;
use collimate_tasks::{TaskError, TaskStatus};
use collimate_verifiers::VerifyError;

/// Why a batch is not signed, or an operator cannot work. `Display` starts with the code.
///
/// | code | meaning |
/// |---|---|
/// | OPR-001 | this operator does not count in the task's epoch |
/// | OPR-002 | the batch has proof systems that it does not verify |
/// | OPR-003 | the batch has proof systems that governance disabled |
/// | OPR-004 | a proof of the batch is not valid |
/// | OPR-005 | a proof took too long to verify |
/// | OPR-006 | a part of a proof is larger than its verifier takes |
/// | OPR-007 | a proof is of another program or other public inputs than the manifest says |
/// | OPR-008 | the chain says that the task is not open |
/// | OPR-009 | the task pays too little for its response |
/// | OPR-010 | the batch was not done within its turn |
/// | OPR-011 | the service cannot listen |
/// | OPR-012 | the configuration is not usable |
/// | OPR-013 | no such task is known |
/// | OPR-014 | stopped |
/// | BAT-…, ATT-…, TSK-…, CHN-… | the batch's, the journal's, the contract's, the node's |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// Registered later, left, or never registered.
    #[error(
        "[OPR-001] this operator's key does not count in the epoch of the task; register it, and wait for the next epoch"
    )]
    NotInEpoch,
    /// Configured so.
    #[error(
        "[OPR-002] the batch has proofs of systems {systems:#x} (bits by id), which this operator does not verify"
    )]
    Unsupported {
        /// Those that are not verified.
        systems: U96,
    },
    /// A response would be refused.
    #[error(
        "[OPR-003] the batch has proofs of systems {systems:#x} (bits by id), which are disabled on chain"
    )]
    Disabled {
        /// Those that are disabled.
        systems: U96,
    },
    /// The reason why operators exist.
    #[error("[OPR-004] proof {index} of the batch does not hold: {source}")]
    Proof {
        /// Its place in the manifest, from 0.
        index: usize,
        /// What the verifier says.
        source: VerifyError,
    },
    /// Counts as a failed proof.
    #[error("[OPR-005] proof {index} of the batch takes longer than {} s to verify", limit.as_secs())]
    TooSlow {
        /// Its place in the manifest, from 0.
        index: usize,
        /// The limit.
        limit: Duration,
    },
    /// Refused before it is downloaded.
    #[error("[OPR-006] the {part} of proof {index} has {bytes} bytes, its verifier takes {limit}")]
    TooLarge {
        /// Its place in the manifest, from 0.
        index: usize,
        /// Which part.
        part: &'static str,
        /// What the manifest says of its size.
        bytes: u64,
        /// The most that is taken.
        limit: u64,
    },
    /// A valid proof of something else.
    #[error(
        "[OPR-007] proof {index} of the batch is of another program or of other public inputs than the manifest says"
    )]
    OtherStatement {
        /// Its place in the manifest, from 0.
        index: usize,
    },
    /// The event comes before the state, or the state is ahead.
    #[error("[OPR-008] the chain says that the task is {status:?}, not open")]
    NotOpen {
        /// What it says.
        status: TaskStatus,
    },
    /// A setting.
    #[error(
        "[OPR-009] the task pays at most {limit} wei for its response, this operator looks at those that pay {least}"
    )]
    FeeTooLow {
        /// The task's.
        limit: U256,
        /// The setting.
        least: U256,
    },
    /// Another batch has its turn; this one goes on afterwards.
    #[error("[OPR-010] the batch was not done within its turn of {} s; it goes on after the others", turn.as_secs())]
    TurnOver {
        /// The setting.
        turn: Duration,
    },
    /// Usually a port in use.
    #[error(
        "[OPR-011] cannot listen on {address}: {source}; choose another address or stop what uses it"
    )]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Seen at the start.
    #[error("[OPR-012] the operator's settings cannot be used: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// Asked over HTTP.
    #[error(
        "[OPR-013] this operator knows no such task; it may be too old, or not be in a block yet"
    )]
    UnknownTask,
    /// Shut down while working.
    #[error("[OPR-014] stopped before the work was done")]
    Stopped,
    /// The batch's, or the data service's.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The journal's.
    #[error(transparent)]
    Attestation(#[from] AttestationError),
    /// The contract's or the node's.
    #[error(transparent)]
    Chain(#[from] TaskError),
}

impl OperatorError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotInEpoch => "OPR-001",
            Self::Unsupported { .. } => "OPR-002",
            Self::Disabled { .. } => "OPR-003",
            Self::Proof { .. } => "OPR-004",
            Self::TooSlow { .. } => "OPR-005",
            Self::TooLarge { .. } => "OPR-006",
            Self::OtherStatement { .. } => "OPR-007",
            Self::NotOpen { .. } => "OPR-008",
            Self::FeeTooLow { .. } => "OPR-009",
            Self::TurnOver { .. } => "OPR-010",
            Self::Listen { .. } => "OPR-011",
            Self::Config { .. } => "OPR-012",
            Self::UnknownTask => "OPR-013",
            Self::Stopped => "OPR-014",
            Self::Batch(error) => error.code(),
            Self::Attestation(error) => error.code(),
            Self::Chain(error) => error.code(),
        }
    }

    /// Whether another try can end otherwise.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Disabled { .. }
            | Self::NotOpen { .. }
            | Self::TurnOver { .. }
            | Self::Stopped => true,
            Self::Proof { source, .. } => source.is_retryable(),
            Self::Batch(error) => error.is_retryable(),
            Self::Attestation(error) => error.is_retryable(),
            Self::Chain(error) => error.is_retryable(),
            _ => false,
        }
    }
}
