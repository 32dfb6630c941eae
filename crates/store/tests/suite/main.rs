//! This crate's tests from outside. One binary: linking is what takes the time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod audit;
mod batchers;
mod credits;
mod embedded;
mod interleavings;
mod lock;
mod payment_interleavings;
mod proofs;
mod runs;
mod submissions;
mod support;
mod transactions;
