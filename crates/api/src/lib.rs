//! The HTTP interfaces of gateway and batcher as types, shared by them and whoever talks to them.
//!
//! ```text
//!  user ── ProofAuthorisation (EIP-712, signed by the account) ──▶ POST /v1/proofs ──▶ Submitted
//!  user ◀─ ProofReceipt (EIP-712, signed by the gateway) ───────── inside of it
//!  user ◀─ Problem (RFC 9457, code GTW-…) ──────────────────────── when something is wrong
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`paths`] | paths and names of form fields |
//! | [`authorisation`] | what an account signs to submit a proof |
//! | [`receipt`] | what the gateway signs when it accepted one |
//! | [`proofs`] | answers about proofs: submission, status, pages, events, inclusion |
//! | [`accounts`] | answers about accounts: nonce, credits, receipts |
//! | [`service`] | answers about the service: contracts, limits, runs |
//! | [`status`] | the words for where a proof or a run stands |
//! | [`problem`] | errors, with their stable codes |
//! | [`aligned`] | the form of Aligned's gateway, for its clients |
//! | [`fast`] | the batcher's interface: fast mode |
//!
//! Conventions: bytes, hashes and addresses are `0x` hexadecimal; times are seconds since 1970; fields that are absent have
//! no value yet. Answers may grow fields: readers ignore those that they do not know.
//!
//! No input or output happens here: this crate has types, hashes and signatures' recovery, and depends on little.

pub mod accounts;
pub mod aligned;
pub mod authorisation;
pub mod fast;
pub mod paths;
pub mod problem;
pub mod proofs;
pub mod receipt;
pub mod service;
pub mod status;

pub use accounts::{AccountAnswer, NonceAnswer, QuotaAnswer, ReceiptsPage};
pub use authorisation::{ProofAuthorisation, SignatureError, SigningDomain, recover};
pub use problem::{Problem, ProblemCode};
pub use proofs::{Inclusion, ProofAnswer, ProofEvent, ProofsPage, Submitted, Verdict};
pub use receipt::{ProofReceipt, SignedReceipt};
pub use service::{Info, Limits, RunAnswer, RunsPage};
pub use status::{Guarantee, ProofStatus, RunStatus};

/// The identifier of a proof (UUID version 7: its order is the order of submission).
pub type ProofId = uuid::Uuid;
