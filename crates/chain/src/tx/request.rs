//! What a caller asks for.

use alloy::primitives::{Address, Bytes, U256};

use crate::{
    error::ChainError,
    kzg::Sidecar,
    tx::{MAX_BLOBS, MAX_TRANSACTION_GAS, record::TransactionRecord},
};

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 200;

/// A transaction to be sent.
#[derive(Clone, Debug)]
pub struct TxRequest {
    /// Name of the transaction, for example `run:17`: a key is sent at most once, and asking again gives the same answer.
    pub key: String,
    /// Contract to be called; `None` creates one from `input`.
    pub to: Option<Address>,
    /// Call data, or creation code.
    pub input: Bytes,
    /// Wei sent along.
    pub value: U256,
    /// Blobs, with commitments and cell proofs computed before; at most [`MAX_BLOBS`].
    pub sidecar: Option<Sidecar>,
    /// Gas limit; `None` estimates it. Either way the call is tried first, and one that would revert is not sent.
    pub gas_limit: Option<u64>,
    /// Most wei that gas and blob gas may cost; `None` takes the manager's limit, also after a restart with another one.
    pub max_cost: Option<U256>,
}

impl TxRequest {
    /// A call without value or blobs, with estimated gas.
    pub fn call(key: impl Into<String>, to: Address, input: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            to: Some(to),
            input: input.into(),
            value: U256::ZERO,
            sidecar: None,
            gas_limit: None,
            max_cost: None,
        }
    }

    /// The creation of a contract.
    pub fn create(key: impl Into<String>, code: impl Into<Bytes>) -> Self {
        Self { to: None, ..Self::call(key, Address::ZERO, code) }
    }

    /// The same with blobs.
    #[must_use]
    pub fn with_sidecar(self, sidecar: Sidecar) -> Self {
        Self { sidecar: Some(sidecar), ..self }
    }

    /// The same with a value.
    #[must_use]
    pub fn with_value(self, value: U256) -> Self {
        Self { value, ..self }
    }

    /// Checks what can be checked without a node.
    pub(crate) fn validate(&self) -> Result<(), ChainError> {
        let malformed =
            |reason: String| Err(ChainError::Malformed { key: self.key.clone(), reason });
        if self.key.is_empty() || self.key.len() > MAX_KEY_BYTES {
            return malformed(format!("its key has to have 1 to {MAX_KEY_BYTES} bytes"));
        }
        if let Some(sidecar) = &self.sidecar {
            if sidecar.is_empty() || sidecar.len() > MAX_BLOBS {
                return malformed(format!("it has {} blobs, 1 to {MAX_BLOBS} fit", sidecar.len()));
            }
            if self.to.is_none() {
                return malformed("a transaction with blobs cannot create a contract".into());
            }
        }
        match self.gas_limit {
            Some(gas) if gas > MAX_TRANSACTION_GAS => Err(ChainError::TooMuchGas {
                key: self.key.clone(),
                gas,
                limit: MAX_TRANSACTION_GAS,
            }),
            _ => Ok(()),
        }
    }

    /// Checks that a stored transaction is the one that is asked for: a key that was used for something else is a mistake
    /// that must not pass for success.
    pub(crate) fn check_same(&self, stored: &TransactionRecord) -> Result<(), ChainError> {
        let blobs = self.sidecar.as_ref().map(Sidecar::to_bytes);
        let differs = [
            ("its receiver", self.to != stored.to),
            ("its call data", self.input != stored.input),
            ("its value", self.value != stored.value),
            ("its blobs", blobs != stored.sidecar),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            None => Ok(()),
            Some((what, _)) => Err(ChainError::StoredMismatch {
                key: self.key.clone(),
                reason: format!("{what} is not what was asked for now"),
            }),
        }
    }
}
