//! This crate's tests from outside. One binary: linking is what takes the time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod common;
mod demo;
mod fast_services;
mod faults;
mod incidents;
mod operations;
mod proving;
mod services;
mod setup;
