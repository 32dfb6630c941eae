//! What is signed, against hashes that another program computed by hand from the EIP's text, and the form of the JSON.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

mod fast;
mod json;
mod signatures;
