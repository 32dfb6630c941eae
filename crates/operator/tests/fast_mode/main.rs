//! Fast mode from the task to `isVerified`, on a real node with the real contracts and real SP1 proofs: operators, signature
//! aggregators, and those who try to spoil it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

mod bad_batches;
mod bad_data;
mod byzantine;
mod honest;
mod restarts;
mod services;
#[path = "../support/mod.rs"]
mod support;
mod world;
