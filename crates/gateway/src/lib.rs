//! The gateway: the door through which proofs and their owners' questions come.
//!
//! ```text
//!  connections ─▶ server ─▶ respond ─▶ submit_v1 │ aligned ─▶ upload ─▶ spool            (bounded memory, time limits)
//!   (bounded)     (heads)   (id, rate,                           │
//!                            problems)                           ▼
//!                                                     submit: signature ▸ verify ▸ object ▸ credit ▸ queue ▸ receipt
//!                           └─▶ proofs │ events │ inclusion │ accounts │ service          (reads)
//!  sweep ─▶ finishes what a crash left between "stored" and "answered"
//! ```
//!
//! # What holds
//! - **Nothing accepted is lost.** A proof is in the object store before its row, and its row, nonce and credit are one
//!   statement. Whatever ends the process after that, the same request sent again, or the sweep, finishes it.
//! - **The same request twice**: the same answer, one credit. The key is (SHA-256 of the file, program id): the proof itself.
//! - **A proof that is rejected costs nothing**, and neither does any other refusal.
//! - **Nothing is spent for who did not sign.** Signatures bind chain, contract, proof, program, system, nonce and deadline.
//!   A contract's account is asked for its word (EIP-1271), and only once it has credits.
//! - **Bounded**: connections, each request's time and bytes, uploads in memory, verifications, streams, clients remembered.
//!   What is too much is told so, with the time to wait.
//! - **A database that is away** is 503 within seconds, and the same request can be sent again.
//!
//! State is in the database and the object store only, so any number of gateways can run beside each other.
//!
//! # Errors
//! What requests get is [`collimate_api::ProblemCode`]; what keeps a gateway from starting is [`GatewayError`].
//!
//! # Not here
//! Payments become credits elsewhere (`collimate-payments`), runs and proving too (`collimate-aggregator`). TLS is the
//! business of a proxy in front; see [`GatewayConfig::trusted_proxies`].

mod accounts;
mod aligned;
mod ask;
mod authorise;
mod config;
mod error;
mod events;
mod fault;
mod gateway;
mod inclusion;
mod metrics;
mod openapi;
mod proofs;
mod receipts;
mod service;
mod shared;
mod spool;
mod submit;
mod submit_v1;
mod sweep;
mod upload;
mod verify;

pub use collimate_http::Rate;
pub use config::GatewayConfig;
pub use error::GatewayError;
pub use gateway::{Gateway, GatewayDeployment, GatewayParts};
