//! The batcher on a real node with the real contracts, a real PostgreSQL and real proofs: what it takes and refuses, what it does with
//! what it took, and what a crash or a reorganisation leaves.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed step is a failed test"
)]

mod batches;
mod choice;
mod expiry;
mod group;
mod interface;
mod operators;
mod refusals;
mod reorgs;
mod requests;
mod restarts;
mod samples;
mod services;
mod signatures;
#[path = "../../../operator/tests/support/mod.rs"]
mod support;
mod unused;
mod wallets;
mod whole_way;
mod world;
