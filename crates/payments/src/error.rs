use alloy::primitives::Address;
use collimate_chain::ChainError;
use collimate_store::StoreError;

/// The code under which it is told that a reorganisation deeper than the confirmations took payments back.
pub(crate) const REVOKED: &str = "PAY-005";

/// What can go wrong here. Codes are stable.
#[derive(Debug, thiserror::Error)]
pub enum PaymentsError {
    /// The node failed, or the chain was reorganised deeper than can be followed.
    #[error("[PAY-001] {0}")]
    Chain(#[from] ChainError),
    /// The database failed, or refused.
    #[error("[PAY-002] {0}")]
    Store(#[from] StoreError),
    /// There is no contract.
    #[error(
        "[PAY-003] no contract at the payment service's address {0}; check the address and the chain"
    )]
    NoContract(Address),
    /// The contract emitted what a payment service does not emit.
    #[error(
        "[PAY-004] a payment in transaction {tx_hash} cannot be read ({reason}); is {contract} the payment service?"
    )]
    Malformed {
        /// The contract.
        contract: Address,
        /// The transaction, if the node named it.
        tx_hash: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl PaymentsError {
    /// The stable code, as in the message.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Chain(_) => "PAY-001",
            Self::Store(_) => "PAY-002",
            Self::NoContract(_) => "PAY-003",
            Self::Malformed { .. } => "PAY-004",
        }
    }

    /// Whether beginning again, from the cursor that is stored, can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Chain(error) => matches!(error, ChainError::Node { .. }),
            Self::NoContract(_) | Self::Malformed { .. } => false,
        }
    }
}
