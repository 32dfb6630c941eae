use std::{io, path::PathBuf};

use alloy::primitives::{Address, B256};
use collimate_verifiers::VerifyError;
use thiserror::Error;

use crate::CollectionReport;

/// Why something was not signed, or no quorum came together. The codes are stable; a refused proof keeps the
/// verifier's own code (`VER-…`).
///
/// | code | meaning |
/// |---|---|
/// | ATT-001 | proof of a program that this operator does not attest |
/// | ATT-002 | request for another chain or verifier contract |
/// | ATT-003 | the public values are not a statement of the program |
/// | ATT-004 | another answer to the same task is already signed |
/// | ATT-005 | the journal cannot be read or written |
/// | ATT-006 | the journal is damaged |
/// | ATT-007 | the journal is in use by another operator |
/// | ATT-008 | not a key |
/// | ATT-009 | the keystore cannot be opened |
/// | ATT-010 | not a point of BLS12-381's group |
/// | ATT-011 | the service cannot listen |
/// | ATT-012 | malformed request |
/// | ATT-013 | the operator is busy |
/// | ATT-014 | the list of operators is not usable |
/// | ATT-015 | no quorum before the deadline |
/// | ATT-016 | so much stake refused that no quorum can come together |
/// | ATT-017 | stopped |
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AttestationError {
    /// Operators attest one program.
    #[error(
        "[ATT-001] the proof is of program {found}, this operator attests {expected}; check the program ids of both"
    )]
    WrongProgram {
        /// Program id of the request.
        found: B256,
        /// Program id of the operator's configuration.
        expected: B256,
    },
    /// A signature counts for one contract on one chain.
    #[error(
        "[ATT-002] this operator signs for verifier {verifier} on chain {chain_id} only; check the addresses of both"
    )]
    WrongContext {
        /// Chain of the operator's configuration.
        chain_id: u64,
        /// Verifier contract of the operator's configuration.
        verifier: Address,
    },
    /// Nothing to name the task by.
    #[error("[ATT-003] the public values are not a statement of this program: {reason}")]
    MalformedStatement {
        /// What does not fit.
        reason: String,
    },
    /// An operator never signs two different answers to one task.
    #[error(
        "[ATT-004] task {task} was answered with message {signed}; this operator never signs another answer to it"
    )]
    Conflict {
        /// The task.
        task: B256,
        /// The message that is already signed.
        signed: B256,
    },
    /// Without the journal nothing is signed.
    #[error("[ATT-005] journal {path}: {source}; nothing is signed without it: free the disk or fix its permissions, then restart", path = path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A complete record that cannot be read: not the trace of a crash.
    #[error("[ATT-006] journal {path}, record {record}: damaged; restore it from a copy: signing without it could answer a task twice", path = path.display())]
    JournalDamaged {
        /// The journal.
        path: PathBuf,
        /// Number of the record, from 1.
        record: usize,
    },
    /// Two operators with one journal would be two operators with one key.
    #[error("[ATT-007] journal {path} is in use by another process; stop it, or give this operator a journal of its own", path = path.display())]
    JournalInUse {
        /// The journal.
        path: PathBuf,
    },
    /// The text of the error never contains the key.
    #[error("[ATT-008] {place}: {reason}")]
    Key {
        /// Where the key was looked for.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// A keystore file that cannot be opened.
    #[error("[ATT-009] keystore {path}: {reason}", path = path.display())]
    Keystore {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Bytes that are no point, not in the group, or the point at infinity.
    #[error("[ATT-010] not a {what} of BLS12-381: {reason}")]
    Point {
        /// Public key or signature.
        what: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// Usually a port in use.
    #[error(
        "[ATT-011] cannot listen on {address}: {source}; choose another address or stop what uses it"
    )]
    Listen {
        /// The configured address.
        address: std::net::SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The request itself cannot be read.
    #[error("[ATT-012] malformed request: {reason}")]
    Request {
        /// What is wrong.
        reason: String,
    },
    /// Says nothing about the proof.
    #[error("[ATT-013] the operator is busy; try again in a moment")]
    Busy,
    /// The registry's list contradicts itself.
    #[error("[ATT-014] the list of operators is not usable: {reason}")]
    Operators {
        /// What is wrong.
        reason: String,
    },
    /// Too few answered in time.
    #[error("[ATT-015] no quorum before the deadline: {0}")]
    Deadline(Box<CollectionReport>),
    /// Waiting is no use.
    #[error("[ATT-016] no quorum is possible, too much stake refused: {0}")]
    Refused(Box<CollectionReport>),
    /// Shut down while working.
    #[error("[ATT-017] stopped before the work was done")]
    Stopped,
    /// The proof is not accepted, with the verifier's code.
    #[error(transparent)]
    Proof(#[from] VerifyError),
}

impl AttestationError {
    /// The stable code, as in the table above, or the verifier's.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongProgram { .. } => "ATT-001",
            Self::WrongContext { .. } => "ATT-002",
            Self::MalformedStatement { .. } => "ATT-003",
            Self::Conflict { .. } => "ATT-004",
            Self::Journal { .. } => "ATT-005",
            Self::JournalDamaged { .. } => "ATT-006",
            Self::JournalInUse { .. } => "ATT-007",
            Self::Key { .. } => "ATT-008",
            Self::Keystore { .. } => "ATT-009",
            Self::Point { .. } => "ATT-010",
            Self::Listen { .. } => "ATT-011",
            Self::Request { .. } => "ATT-012",
            Self::Busy => "ATT-013",
            Self::Operators { .. } => "ATT-014",
            Self::Deadline(_) => "ATT-015",
            Self::Refused(_) => "ATT-016",
            Self::Stopped => "ATT-017",
            Self::Proof(error) => error.code(),
        }
    }

    /// Whether asking again can help: the fault is the operator's, not the request's.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Proof(error) => error.is_retryable(),
            Self::Busy | Self::Stopped | Self::Journal { .. } | Self::JournalDamaged { .. } => true,
            _ => false,
        }
    }
}
