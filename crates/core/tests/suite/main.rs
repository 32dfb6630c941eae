//! This crate's tests from outside. One binary: linking is what takes the time.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod blob;
mod guest;
mod guest_input;
mod program_id;
mod statement;
mod tree;
mod vectors;
