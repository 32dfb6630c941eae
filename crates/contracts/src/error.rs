use alloy::{contract, primitives::Address, transports};

/// What can go wrong here. Codes are stable.
#[derive(Debug, thiserror::Error)]
pub enum ContractsError {
    /// A contract could not be deployed.
    #[error(
        "[CON-001] {contract} could not be deployed: {reason}; check the account's balance and the arguments"
    )]
    Deploy {
        /// The contract's name.
        contract: &'static str,
        /// The decoded revert reason where there is one, otherwise the node's message.
        reason: String,
        /// What the node answered.
        #[source]
        source: Box<contract::Error>,
    },
    /// The node did not answer.
    #[error("[CON-002] the node did not answer: {0}; check its URL and that it runs")]
    Transport(#[from] Box<transports::TransportError>),
    /// The SP1 verifier that the configuration names is no contract.
    #[error(
        "[CON-003] no contract at the SP1 verifier's address {0}; check the address and the chain"
    )]
    NoVerifier(Address),
    /// Not the encoding of a point.
    #[error("[CON-004] not an uncompressed BLS12-381 point: {0}")]
    InvalidPoint(&'static str),
    /// Operators' ids that are not strictly ascending.
    #[error(
        "[CON-005] ids of absent operators must be strictly ascending: sort them and drop duplicates"
    )]
    UnorderedIds,
    /// Fast mode where there are no operators.
    #[error(
        "[CON-006] fast mode needs the operators' registry, and this deployment has none: verify by quorum, or deploy fast mode by itself with a registry that exists"
    )]
    NoRegistry,
    /// A key that SP1 did not publish, on a chain where it could be relied on.
    #[error(
        "[CON-007] chain {chain_id} is not a local one, and the Groth16 key is a development key: whoever ran its set-up could forge any proof; use SP1's gateway"
    )]
    DevelopmentKey {
        /// The chain.
        chain_id: u64,
    },
    /// A chain without SP1's gateway.
    #[error(
        "[CON-008] no gateway of SP1's is known on chain {chain_id}; name a verifier that exists, or deploy one"
    )]
    NoGateway {
        /// The chain.
        chain_id: u64,
    },
    /// A verifier of the operators' word where one of the proof itself is wanted.
    #[error(
        "[CON-009] the contract at {0} verifies a quorum's signatures, not proofs: roots would be called hard on the operators' word"
    )]
    SoftVerifier(Address),
}

impl ContractsError {
    /// The stable code, as in the message.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Deploy { .. } => "CON-001",
            Self::Transport(_) => "CON-002",
            Self::NoVerifier(_) => "CON-003",
            Self::InvalidPoint(_) => "CON-004",
            Self::UnorderedIds => "CON-005",
            Self::NoRegistry => "CON-006",
            Self::DevelopmentKey { .. } => "CON-007",
            Self::NoGateway { .. } => "CON-008",
            Self::SoftVerifier(_) => "CON-009",
        }
    }
}

impl From<transports::TransportError> for ContractsError {
    fn from(error: transports::TransportError) -> Self {
        Self::Transport(Box::new(error))
    }
}
