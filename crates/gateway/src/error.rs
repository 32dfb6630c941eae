//! Errors of starting and running a gateway. What a request gets is in [`crate::fault`].

use std::{io, net::SocketAddr};

use collimate_chain::ChainError;

/// A gateway cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The port is taken, or the address is not this machine's.
    #[error(
        "[GTW-100] cannot listen on {address}: {source}; stop what listens there, or choose another address"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The node serves another chain than the contracts are on.
    #[error("[GTW-101] {0}; signatures would be worth nothing: check the node's URL")]
    WrongChain(#[source] ChainError),
    /// Uploads cannot be spooled.
    #[error(
        "[GTW-102] cannot write into the spool folder {folder}: {source}; make it, or choose another"
    )]
    Spool {
        /// The folder.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// Two metrics have one name.
    #[error("[GTW-103] metrics cannot be registered: {0}; give each gateway a registry of its own")]
    Metrics(#[from] prometheus::Error),
}

impl GatewayError {
    /// The stable code, as in the message.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "GTW-100",
            Self::WrongChain(_) => "GTW-101",
            Self::Spool { .. } => "GTW-102",
            Self::Metrics(_) => "GTW-103",
        }
    }
}
