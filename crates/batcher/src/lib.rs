//! The batcher of fast mode: users' proofs come in, tasks on chain come out.
//!
//! ```text
//!  user ── group ──▶ submit: claim ▸ signature ▸ account ▸ files (spool) ▸ verify ▸ objects ▸ ledger ──▶ receipt
//!                                                                                          │ accepted
//!                    driver: choose ▸ ask the chain ▸ close ▸ publish ▸ createNewTask ◀────┘
//!                               ▲                                  │
//!  user ◀── paths ── groups     └── rejected, dissolved            ▼  events, through reorganisations
//!                                               follow: open ─▶ verified ─▶ settle │ expired ─▶ refund
//! ```
//!
//! | part | modules |
//! |---|---|
//! | prices and the choice of a batch, pure | [`price`](GasSchedule), [`choose()`] |
//! | requests | `service`, `respond`, `form`, `spool`, `claim`, `verify`, `submit`, `groups`, `events`, `info` |
//! | batches | `driver`, `errands`, `closing`, `publish`, `settle`, `follow`, `unused` |
//!
//! # What holds
//! - **Nothing accepted is lost.** A group's files are in the object store before its row; its row, nonces and balance are taken in
//!   one transaction. Every step of a batch begins with what the ledger says and ends with one guarded change, so a process
//!   that dies anywhere is replaced by its next start.
//! - **Nobody is charged twice, or more than they signed.** The contract holds that by nonce and signature; here a nonce is held by
//!   one group, and a batch's transaction has one name, under which it is sent at most once.
//! - **The same request twice**: the same answer. A group's name is its authorisation's digest.
//! - **One bad group stops nobody else.** It is refused at the door; one whose account changed meanwhile is dropped before the
//!   transaction, after the contract was asked; one that a wallet withdraws in the very block costs the batcher its price.
//! - **The chain is the truth.** Statuses follow from events that are stored with their cursor; a reorganisation takes them back,
//!   and the batch's transaction is sent again.
//! - **Nothing is kept for nothing.** Files of groups that never got on chain are taken out of the object store again.
//! - **Bounded**: connections, uploads, their bytes in the spool, proofs in memory, verifications, streams, waiting groups, all of
//!   them for each client or account too. What is too much is told so, with the time to wait.
//!
//! Any number of processes can take requests for one batcher on one database; one of them drives its batches.
//!
//! # Errors
//! What requests get is [`collimate_api::fast::BatcherProblemCode`], why groups end [`collimate_api::fast::GroupEnd`]; what keeps a
//! batcher from starting or going on is [`BatcherError`].
//!
//! # Not here
//! Operators and signatures (`collimate-operator`, `collimate-signatures`); serving the object store to operators, which a data
//! service does; TLS, the business of a proxy in front.

mod ask;
mod chain;
mod choose;
mod claim;
mod closing;
mod config;
mod driver;
mod ends;
mod errands;
mod error;
mod events;
mod fault;
mod follow;
mod form;
mod groups;
mod info;
pub mod limits;
mod metrics;
mod openapi;
mod price;
mod publish;
mod receipts;
mod service;
mod settle;
mod shared;
mod spool;
mod submit;
mod unused;
mod verify;

pub use choose::{Candidate, Choice, Room, choose};
pub use collimate_http::Rate;
pub use config::{BatcherConfig, BatcherParts, ClosingConfig, IntakeConfig, RetentionConfig};
pub use error::BatcherError;
pub use price::{Costs, GasSchedule, PricePolicy, Quote};
pub use service::{Batcher, run};
