//! Sending transactions so that they land.

pub mod fees;
mod record;
mod store;

pub use fees::{Fees, MarketFees};
pub use record::{
    AttemptRecord, ConfirmedReceipt, TransactionRecord, TransactionStatus, TxOutcome,
};
pub use store::{StoreError, TxStore};

/// Most gas that a transaction may have (EIP-7825).
pub const MAX_TRANSACTION_GAS: u64 = 16_777_216;
