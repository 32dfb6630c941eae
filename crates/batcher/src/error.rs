//! Errors of starting and running a batcher. What a request gets is in [`crate::fault`], why groups end in
//! [`collimate_api::fast::GroupEnd`].

use std::{io, net::SocketAddr};

use alloy::primitives::Address;
use collimate_batch::BatchError;
use collimate_chain::ChainError;
use collimate_objects::ObjectsError;
use collimate_store::StoreError;
use collimate_tasks::TaskError;

/// A batcher cannot start, or a step of its work failed. `Display` starts with the code.
///
/// | code | meaning |
/// |---|---|
/// | BTC-100 to 105 | it cannot start |
/// | BTC-110 to 113 | a batch cannot go on now |
/// | BAT-, CHN-, OBJ-, STO-, TSK-… | what it works with failed |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatcherError {
    /// The port is taken, or the address is not this machine's.
    #[error(
        "[BTC-100] cannot listen on {address}: {source}; stop what listens there, or choose another address"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A setting that cannot be.
    #[error("[BTC-101] the batcher's configuration cannot be used: {reason}")]
    Config {
        /// Which, and why.
        reason: String,
    },
    /// There is no payment service at the address.
    #[error(
        "[BTC-102] no payment service at {address}: {reason}; give the address of the BatcherPaymentService, and a node of its chain"
    )]
    NoPaymentService {
        /// The address.
        address: Address,
        /// What the call gave.
        reason: String,
    },
    /// Uploads cannot be spooled.
    #[error(
        "[BTC-103] cannot write into the spool folder {folder}: {source}; make it, or choose another"
    )]
    Spool {
        /// The folder.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// Two metrics have one name.
    #[error("[BTC-104] metrics cannot be registered: {0}; give each batcher a registry of its own")]
    Metrics(#[from] prometheus::Error),
    /// Receipts would be signed by somebody else than who charges.
    #[error(
        "[BTC-105] receipts are signed by {signer}, but {sender} sends the transactions; give both the batcher's key"
    )]
    TwoAccounts {
        /// Who signs.
        signer: Address,
        /// Who sends.
        sender: Address,
    },
    /// A contract did not answer as it should.
    #[error("[BTC-110] {action} failed: {reason}; check the contract and the node")]
    Call {
        /// What was called.
        action: &'static str,
        /// What came back.
        reason: String,
    },
    /// A file of a group is gone.
    #[error("[BTC-111] the object store has lost {key}, a file of a group")]
    FileLost {
        /// The file.
        key: String,
    },
    /// A group that was accepted cannot be read any more.
    #[error("[BTC-112] what is stored contradicts itself: {0}; please report this")]
    Inconsistent(String),
    /// The database's lock was lost.
    #[error("[BTC-113] the lock of the batcher's account is lost; it is taken again")]
    LockLost,
    /// The batch's.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The node's, or a transaction's.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The object store's.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The database's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service manager's.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl BatcherError {
    /// The stable code, as in the message.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "BTC-100",
            Self::Config { .. } => "BTC-101",
            Self::NoPaymentService { .. } => "BTC-102",
            Self::Spool { .. } => "BTC-103",
            Self::Metrics(_) => "BTC-104",
            Self::TwoAccounts { .. } => "BTC-105",
            Self::Call { .. } => "BTC-110",
            Self::FileLost { .. } => "BTC-111",
            Self::Inconsistent(_) => "BTC-112",
            Self::LockLost => "BTC-113",
            Self::Batch(error) => error.code(),
            Self::Chain(error) => error.code(),
            Self::Objects(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Task(error) => error.code(),
        }
    }

    /// Whether the same step can succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call { .. } | Self::LockLost => true,
            Self::Batch(error) => error.is_retryable(),
            Self::Chain(error) => error.is_retryable(),
            Self::Objects(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::Task(error) => error.is_retryable(),
            _ => false,
        }
    }
}
