//! Tests of this crate against a real node, and of the follower against a simulated chain. One binary: linking is what takes
//! the time.
#![allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

mod blobs;
mod common;
mod follower_model;
mod follower_node;
mod node;
mod transactions;
