//! What can go wrong on the way to and from Ethereum.

use std::{fmt, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256, TxHash, U256},
    transports::{RpcError, TransportErrorKind},
};
use thiserror::Error;

use crate::tx::StoreError;

/// Error of alloy's transports.
pub type NodeError = RpcError<TransportErrorKind>;

/// A node's error, in few words and without the node's address, which may hold an access key.
#[derive(Clone)]
pub struct NodeFault(pub(crate) Arc<NodeError>);

impl fmt::Display for NodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_ref() {
            RpcError::ErrorResp(payload) => {
                write!(f, "{} (code {})", payload.message, payload.code)
            }
            RpcError::Transport(TransportErrorKind::Custom(error)) => {
                let http = error.downcast_ref::<alloy::transports::http::reqwest::Error>();
                match http {
                    Some(error) if error.is_timeout() => f.write_str("no answer in time"),
                    Some(error) if error.is_connect() => f.write_str("cannot connect"),
                    Some(_) => f.write_str("the connection failed"),
                    None => write!(f, "{error}"),
                }
            }
            RpcError::Transport(kind) => match kind.as_http_error() {
                Some(http) => write!(f, "HTTP status {}", http.status),
                None => write!(f, "{kind}"),
            },
            RpcError::NullResp => f.write_str("an empty answer"),
            RpcError::DeserError { err, .. } => write!(f, "an answer that cannot be read: {err}"),
            other => write!(f, "{other}"),
        }
    }
}

impl fmt::Debug for NodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeFault({self})")
    }
}

impl std::error::Error for NodeFault {}

/// Everything that this crate reports. Cheap to clone, so that all who wait for one transaction get the same answer.
///
/// | group | codes | meaning |
/// |---|---|---|
/// | transient | CHN-001, 002, 010, 011, 041-043, 061 | trying again later helps |
/// | fee | CHN-020, 021 | more money or a larger budget helps |
/// | fatal | all others | the request, the configuration or the chain has to change |
#[derive(Clone, Debug, Error)]
pub enum ChainError {
    /// The node did not answer as it should.
    #[error(
        "[CHN-001] the Ethereum node failed at {action}: {source}; check that the node runs and that its URL is right"
    )]
    Node {
        /// What was asked.
        action: &'static str,
        /// What it answered.
        source: NodeFault,
    },
    /// The node did not become ready.
    #[error("[CHN-002] the Ethereum node did not become ready within {} s ({last}); start it, or correct its URL", waited.as_secs())]
    NotReady {
        /// Time waited.
        waited: Duration,
        /// What it said last.
        last: String,
    },
    /// The node serves another chain.
    #[error(
        "[CHN-003] the Ethereum node serves chain {found}, but chain {expected} is configured; correct the URL or the chain id"
    )]
    WrongChain {
        /// Configured chain.
        expected: u64,
        /// The node's chain.
        found: u64,
    },
    /// A URL that cannot be used.
    #[error(
        "[CHN-004] {field} is not a usable URL ({reason}); it has to look like http://host:port"
    )]
    BadUrl {
        /// Which setting.
        field: &'static str,
        /// Why not.
        reason: String,
    },
    /// The transaction store failed.
    #[error("[CHN-010] the transaction store failed: {0}; nothing was sent that is not stored")]
    Store(#[source] StoreError),
    /// The manager was stopped before the transaction was final.
    #[error(
        "[CHN-011] stopped before transaction {key} was final; it is stored, and goes on at the next start"
    )]
    Stopped {
        /// Its key.
        key: String,
    },
    /// Prices are above the budget.
    #[error(
        "[CHN-020] transaction {key} would cost up to {needed} wei, more than its budget of {budget} wei; wait for lower prices or raise the budget"
    )]
    BudgetExceeded {
        /// Its key.
        key: String,
        /// Cost at the lowest useful prices.
        needed: U256,
        /// Allowed cost.
        budget: U256,
    },
    /// The account cannot pay.
    #[error(
        "[CHN-021] account {account} holds {balance} wei, transaction {key} may take {needed} wei; fund the account"
    )]
    InsufficientFunds {
        /// The transaction's key.
        key: String,
        /// The account.
        account: Address,
        /// What it holds.
        balance: U256,
        /// What is needed.
        needed: U256,
    },
    /// The transaction would revert; nothing was sent.
    #[error("[CHN-030] transaction {key} would revert: {reason}; nothing was sent")]
    WouldRevert {
        /// Its key.
        key: String,
        /// Decoded revert.
        reason: String,
    },
    /// The transaction was mined and reverted.
    #[error("[CHN-031] transaction {key} ({hash}) reverted: {reason}; it is not sent again")]
    Reverted {
        /// Its key.
        key: String,
        /// Its hash.
        hash: TxHash,
        /// Decoded revert.
        reason: String,
    },
    /// The node will never take the transaction.
    #[error("[CHN-032] the node refuses transaction {key}: {reason}")]
    Rejected {
        /// Its key.
        key: String,
        /// The node's words.
        reason: String,
    },
    /// More gas than a transaction may have (EIP-7825).
    #[error(
        "[CHN-033] transaction {key} needs {gas} gas, a transaction may have {limit} (EIP-7825); split it"
    )]
    TooMuchGas {
        /// Its key.
        key: String,
        /// Gas it needs.
        gas: u64,
        /// The limit.
        limit: u64,
    },
    /// A request that can never become a transaction.
    #[error("[CHN-034] transaction {key} is malformed: {reason}")]
    Malformed {
        /// Its key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A stored record contradicts the request or itself.
    #[error(
        "[CHN-035] the stored transaction {key} does not fit: {reason}; use another key, or inspect the store"
    )]
    StoredMismatch {
        /// Its key.
        key: String,
        /// What differs.
        reason: String,
    },
    /// A blob that is not one.
    #[error(
        "[CHN-040] blob {index} is invalid: {reason}; a blob is 131,072 bytes of 4,096 field elements below the BLS12-381 modulus"
    )]
    BadBlob {
        /// Position in the transaction.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// No source has the blob.
    #[error(
        "[CHN-041] blob {versioned_hash} of block {block} was not found: {reason}; ask a beacon node that keeps blobs this old"
    )]
    BlobNotFound {
        /// Which blob.
        versioned_hash: B256,
        /// In which block.
        block: u64,
        /// What the sources said.
        reason: String,
    },
    /// A source returned something else than the blob.
    #[error(
        "[CHN-042] the source returned data that is not blob {versioned_hash}: {reason}; use another beacon node"
    )]
    WrongBlob {
        /// Which blob.
        versioned_hash: B256,
        /// What is wrong.
        reason: String,
    },
    /// The beacon node failed.
    #[error("[CHN-043] the beacon node failed at {action}: {reason}; check its URL")]
    Beacon {
        /// What was asked.
        action: &'static str,
        /// What came back.
        reason: String,
    },
    /// No signing key could be loaded.
    #[error("[CHN-050] no signing key: {reason}")]
    Signer {
        /// Why, without any secret.
        reason: String,
    },
    /// Signing failed.
    #[error("[CHN-051] signing with account {account} failed")]
    Signing {
        /// The account.
        account: Address,
    },
    /// A reorganisation below everything that the cursor remembers.
    #[error(
        "[CHN-060] the chain was reorganised below block {oldest}, deeper than the follower remembers; restore from a backup or index again from an earlier block"
    )]
    ReorgTooDeep {
        /// Oldest block that the cursor remembers.
        oldest: u64,
    },
    /// The event handler failed.
    #[error("[CHN-061] events could not be stored: {0}")]
    Handler(#[source] StoreError),
    /// anvil cannot be found.
    #[error(
        "[CHN-070] anvil was not found; run `npm ci` in contracts/, put it in PATH, or name it in COLLIMATE_ANVIL"
    )]
    AnvilMissing,
    /// anvil did not start.
    #[error("[CHN-071] anvil did not start: {reason}")]
    AnvilFailed {
        /// Why, with the end of its log.
        reason: String,
    },
    /// Something else listens on the node's port.
    #[error(
        "[CHN-072] port {port} is in use: stop what listens there, or choose another port for the Ethereum node; 0 takes any free one"
    )]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// An internal task was lost.
    #[error("[CHN-099] internal failure: {0}; please report it")]
    Internal(String),
}

impl ChainError {
    /// Stable code, the same in logs, database and APIs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Node { .. } => "CHN-001",
            Self::NotReady { .. } => "CHN-002",
            Self::WrongChain { .. } => "CHN-003",
            Self::BadUrl { .. } => "CHN-004",
            Self::Store(_) => "CHN-010",
            Self::Stopped { .. } => "CHN-011",
            Self::BudgetExceeded { .. } => "CHN-020",
            Self::InsufficientFunds { .. } => "CHN-021",
            Self::WouldRevert { .. } => "CHN-030",
            Self::Reverted { .. } => "CHN-031",
            Self::Rejected { .. } => "CHN-032",
            Self::TooMuchGas { .. } => "CHN-033",
            Self::Malformed { .. } => "CHN-034",
            Self::StoredMismatch { .. } => "CHN-035",
            Self::BadBlob { .. } => "CHN-040",
            Self::BlobNotFound { .. } => "CHN-041",
            Self::WrongBlob { .. } => "CHN-042",
            Self::Beacon { .. } => "CHN-043",
            Self::Signer { .. } => "CHN-050",
            Self::Signing { .. } => "CHN-051",
            Self::ReorgTooDeep { .. } => "CHN-060",
            Self::Handler(_) => "CHN-061",
            Self::AnvilMissing => "CHN-070",
            Self::AnvilFailed { .. } => "CHN-071",
            Self::PortInUse { .. } => "CHN-072",
            Self::Internal(_) => "CHN-099",
        }
    }

    /// True if the same call can succeed later without a change of the request: transient faults, and fees.
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Node { .. }
                | Self::NotReady { .. }
                | Self::Store(_)
                | Self::Stopped { .. }
                | Self::BudgetExceeded { .. }
                | Self::InsufficientFunds { .. }
                | Self::BlobNotFound { .. }
                | Self::WrongBlob { .. }
                | Self::Beacon { .. }
                | Self::Handler(_)
        )
    }

    /// Wraps an error of a node.
    pub fn node(action: &'static str) -> impl FnOnce(NodeError) -> Self {
        move |source| Self::Node { action, source: NodeFault(Arc::new(source)) }
    }
}
