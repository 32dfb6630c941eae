//! This crate's tests from outside. One binary: linking is what takes the time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod bad_proofs;
mod hard;
mod service;
mod support;
mod trapdoor;
mod world;
