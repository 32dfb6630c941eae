use alloy::primitives::Address;
use collimate_chain::ChainError;

/// Why the chain did not say what was asked of it. `Display` starts with the code.
///
/// | code | meaning |
/// |---|---|
/// | TSK-001 | no service manager at this address |
/// | TSK-002 | the contract's answer cannot be read |
/// | CHN-… | the node's, see [`ChainError`] |
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// There is no code at the address.
    #[error(
        "[TSK-001] no contract at {address}; give the address of the AlignedLayerServiceManager, and a node of its chain"
    )]
    NoContract {
        /// The address.
        address: Address,
    },
    /// The contract reverts, or is another one.
    #[error(
        "[TSK-002] {action} of the service manager or its registry failed: {reason}; check the address"
    )]
    Call {
        /// What was called.
        action: &'static str,
        /// What came back.
        reason: String,
    },
    /// The node's.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl TaskError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoContract { .. } => "TSK-001",
            Self::Call { .. } => "TSK-002",
            Self::Chain(error) => error.code(),
        }
    }

    /// Whether the same question can be answered later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoContract { .. } => false,
            // A node behind the one that announced a task reverts where the other answers.
            Self::Call { .. } => true,
            Self::Chain(error) => error.is_retryable(),
        }
    }
}

/// Wraps a failed call.
pub(crate) fn failed(action: &'static str) -> impl FnOnce(alloy::contract::Error) -> TaskError {
    move |error| match error {
        alloy::contract::Error::TransportError(error)
            if error.as_error_resp().is_none_or(|answer| answer.as_revert_data().is_none()) =>
        {
            ChainError::node(action)(error).into()
        }
        other => TaskError::Call { action, reason: other.to_string() },
    }
}
