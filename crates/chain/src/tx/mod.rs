//! Sending transactions so that they land.
//!
//! ```text
//! TxRequest ─prepare─▶ TransactionRecord ─sign─▶ AttemptRecord ─store─▶ send ─▶ receipt ─confirmations─▶ TxOutcome
//!            (tried,     (TxStore)         ▲                              │
//!            estimated,                    └── replace, resend, new nonce ┘  (rules in `decide`)
//!            budgeted)
//! ```

mod answer;
mod config;
mod decide;
mod delivery;
pub mod fake;
pub mod fees;
mod manager;
mod market;
mod nonces;
mod prepare;
mod record;
mod request;
mod retry;
mod revert;
mod sign;
mod store;

pub use config::TxConfig;
pub use fees::{Fees, MarketFees};
pub use manager::{Shortage, TxManager};
pub use record::{
    AttemptRecord, ConfirmedReceipt, TransactionRecord, TransactionStatus, TxOutcome,
};
pub use request::{MAX_KEY_BYTES, TxRequest};
pub use revert::RevertDecoder;
pub use store::{StoreError, TxStore};

/// Most gas that a transaction may have (EIP-7825).
pub const MAX_TRANSACTION_GAS: u64 = 16_777_216;

/// Most blobs that a transaction may have (EIP-7594, "networking").
pub const MAX_BLOBS: usize = 6;
