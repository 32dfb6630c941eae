use std::fmt;

use alloy::primitives::{Address, U256};

/// What is known of one operator's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperatorState {
    /// Asked, no answer yet.
    Waiting,
    /// Its signature is verified and counted.
    Signed,
    /// It answered that it does not sign.
    Refused {
        /// Its code, such as `VER-012`.
        code: String,
        /// Its message.
        message: String,
        /// Whether it may sign later.
        retryable: bool,
    },
    /// It sent something that is not its signature over this message. Dropped.
    BadSignature,
    /// No answer in time.
    TimedOut,
    /// No connection, or an answer that is not an operator's.
    Unreachable {
        /// What happened.
        reason: String,
    },
}

impl OperatorState {
    /// Whether this operator will not sign, however often it is asked.
    pub(crate) fn is_final_refusal(&self) -> bool {
        matches!(self, Self::Refused { retryable: false, .. })
    }
}

impl fmt::Display for OperatorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => write!(f, "no answer yet"),
            Self::Signed => write!(f, "signed"),
            Self::Refused { message, .. } => write!(f, "refused: {message}"),
            Self::BadSignature => write!(f, "sent a wrong signature"),
            Self::TimedOut => write!(f, "did not answer in time"),
            Self::Unreachable { reason } => write!(f, "not reachable: {reason}"),
        }
    }
}

/// One operator in a [`CollectionReport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorReport {
    /// Its id in the registry.
    pub id: u32,
    /// Its account.
    pub address: Address,
    /// Its stake in wei.
    pub stake: U256,
    /// How often it was asked.
    pub attempts: u32,
    /// Its last answer.
    pub state: OperatorState,
}

/// How far a collection is: shown while it runs, and kept as its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionReport {
    /// Every operator of the epoch, by id.
    pub operators: Vec<OperatorReport>,
    /// Stake of those that signed, in wei.
    pub signed_stake: U256,
    /// Stake that makes a quorum, in wei, rounded up.
    pub needed_stake: U256,
    /// Stake of all, in wei.
    pub total_stake: U256,
}

impl CollectionReport {
    /// Whether enough signed. The contract's rule: signed · 100 ≥ total · 67, and not zero.
    pub fn has_quorum(&self) -> bool {
        !self.signed_stake.is_zero() && self.signed_stake >= self.needed_stake
    }

    /// Whether those that did not refuse for good are enough.
    pub(crate) fn can_have_quorum(&self) -> bool {
        let refused = self
            .operators
            .iter()
            .filter(|operator| operator.state.is_final_refusal())
            .fold(U256::ZERO, |sum, operator| sum.saturating_add(operator.stake));
        let possible = self.total_stake.saturating_sub(refused);
        !possible.is_zero() && possible >= self.needed_stake
    }
}

impl fmt::Display for CollectionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operators, signed_stake, needed_stake, total_stake } = self;
        write!(
            f,
            "stake of {signed_stake} signed, {needed_stake} of {total_stake} wei are needed"
        )?;
        for operator in operators.iter().filter(|operator| operator.state != OperatorState::Signed)
        {
            let OperatorReport { id, address, stake, attempts, state } = operator;
            write!(
                f,
                "; operator {id} ({address}, stake {stake}, asked {attempts} times) {state}"
            )?;
        }
        Ok(())
    }
}
