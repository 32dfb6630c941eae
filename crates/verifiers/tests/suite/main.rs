//! This crate's tests from outside. One binary: linking is what takes the time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod circom;
mod claims;
mod compressed;
mod every_system;
mod fixtures;
mod gnark;
mod gnark_circuits_of_sp1;
mod gnark_commitments;
mod honest;
mod mutations;
mod onchain;
mod pool;
mod risc0;
mod risc0_v2;
mod samples;
