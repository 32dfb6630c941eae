//! The gateway as its clients meet it: over HTTP, on a real PostgreSQL, a real folder of objects, and real proofs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

mod aligned;
mod faults;
mod limits;
mod malformed;
/// The SDK's own: a node on which tests can register any run.
#[path = "../../../sdk/tests/suite/network/mod.rs"]
mod network;
mod reads;
mod submission;
mod support;
mod wallets;
