//! Operators that verify a run's final proof natively and sign it, and the collector of their signatures.
//!
//! ```text
//!                   ┌─▶ OperatorService ─▶ Operator: check ▸ verify ▸ journal on disk ▸ sign
//!  Collector ──HTTP─┼─▶ …                            (refusals have codes)
//!   verifies each,  └─▶ …
//!   drops wrong ones, sums the stake ─▶ QuorumSignature ─▶ QuorumSP1Verifier on chain
//! ```
//!
//! # What holds
//! - An operator signs only what it verified itself, of one program, for one contract on one chain.
//! - It gives one answer a task (a root in a context), for ever: the answer is on disk before the signature exists.
//!   The journal is locked, so two processes cannot share it. Keep it with the key: a key without its journal, or with
//!   two of them, has lost this protection.
//! - The collector counts a signature only after it verified it against the registered key of whoever sent it, and
//!   needs 67 % of the epoch's stake, the contract's rule.
//!
//! Keys, signatures and the journal are those of fast mode's operators too.
//!
//! # Non-goals
//! Who is an operator is the registry's business; the collector takes a list. Which epoch and in which encoding the
//! signature goes on chain is that of `collimate-contracts`.

mod ask;
mod bls;
mod collector;
mod error;
mod journal;
mod keystore;
mod operator;
mod report;
mod service;
mod task;
mod wire;

pub use bls::{PublicKey, Registration, SecretKey, Signature};
pub use collector::{
    Collector, CollectorConfig, OperatorEndpoint, QUORUM_PERCENT, QuorumSignature,
};
pub use error::AttestationError;
pub use journal::Journal;
pub use keystore::{KeySource, PasswordSource, create_keystore, open_keystore};
pub use operator::{AttestationRequest, Operator, OperatorConfig};
pub use report::{CollectionReport, OperatorReport, OperatorState};
pub use service::{OperatorService, ServiceConfig, run};
pub use task::{AttestedProgram, SigningContext};
