//! This crate's tests from outside. One binary: linking is what takes the time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod folder;
#[cfg(feature = "s3")]
mod s3;
mod support;
