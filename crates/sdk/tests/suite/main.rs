//! This crate's tests from outside. One binary: linking is what takes the time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod chain;
mod fake_gateway;
mod fast;
mod fast_network;
mod gateway;
mod network;
mod offline;
mod payments;
mod service;
mod whole_way;
