use std::{io, net::SocketAddr, path::PathBuf};

use collimate_chain::ChainError;
use collimate_evidence::EvidenceError;
use collimate_tasks::TaskError;

/// Why a watcher cannot work, or does not say more of a proof. `Display` starts with the code.
///
/// | code | meaning |
/// |---|---|
/// | WAT-001 | the configuration is not usable |
/// | WAT-002 | the service cannot listen |
/// | WAT-003 | the ledger cannot be read or written |
/// | WAT-004 | another watcher uses the ledger |
/// | WAT-005 | the ledger is damaged |
/// | WAT-006 | the ledger is of another chain, contract or seed |
/// | WAT-007 | evidence cannot be written |
/// | WAT-008 | a proof took too long to verify |
/// | WAT-009 | a proof of a system that is not verified here |
/// | WAT-010 | the operators signed other proof systems than the batch has |
/// | WAT-011 | no such batch is known |
/// | WAT-012 | stopped |
/// | EVD-…, TSK-…, CHN-… | the evidence's, the contract's, the node's |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatcherError {
    /// Seen at the start.
    #[error("[WAT-001] the watcher's settings cannot be used: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// Usually a port in use.
    #[error(
        "[WAT-002] cannot listen on {address}: {source}; choose another address or stop what uses it"
    )]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The disk's.
    #[error("[WAT-003] the ledger {} cannot be used: {source}; check the disk's space and rights", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It has a lock.
    #[error("[WAT-004] another watcher uses the ledger {}; give each its own", path.display())]
    LedgerInUse {
        /// The file.
        path: PathBuf,
    },
    /// A whole line that does not read.
    #[error(
        "[WAT-005] line {line} of the ledger {} is damaged: {reason}; restore it from a backup, or move it away to begin again", path.display()
    )]
    LedgerDamaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// Its findings would be taken for those of this one.
    #[error(
        "[WAT-006] the ledger {} has another {what} than the settings; give another file, or correct them", path.display()
    )]
    OtherLedger {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The disk's.
    #[error("[WAT-007] evidence cannot be written to {}: {source}; check the disk's space and rights", path.display())]
    Evidence {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Says nothing about the proof.
    #[error("[WAT-008] the proof takes longer to verify than is waited for")]
    TooSlow,
    /// Configured so, or newer than this watcher.
    #[error("[WAT-009] proof system {system} is not verified here")]
    UnknownSystem {
        /// Its id.
        system: u16,
    },
    /// No honest operator did.
    #[error("[WAT-010] the operators signed other proof systems than the batch has")]
    OtherSystems,
    /// Asked over HTTP.
    #[error("[WAT-011] this watcher knows no such batch, or has forgotten it")]
    UnknownBatch,
    /// Shut down while working.
    #[error("[WAT-012] stopped before the work was done")]
    Stopped,
    /// The evidence's.
    #[error(transparent)]
    Unproven(#[from] EvidenceError),
    /// The contract's or the node's.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The node's.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl WatcherError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "WAT-001",
            Self::Listen { .. } => "WAT-002",
            Self::Ledger { .. } => "WAT-003",
            Self::LedgerInUse { .. } => "WAT-004",
            Self::LedgerDamaged { .. } => "WAT-005",
            Self::OtherLedger { .. } => "WAT-006",
            Self::Evidence { .. } => "WAT-007",
            Self::TooSlow => "WAT-008",
            Self::UnknownSystem { .. } => "WAT-009",
            Self::OtherSystems => "WAT-010",
            Self::UnknownBatch => "WAT-011",
            Self::Stopped => "WAT-012",
            Self::Unproven(error) => error.code(),
            Self::Task(error) => error.code(),
            Self::Chain(error) => error.code(),
        }
    }
}
