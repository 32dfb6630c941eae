//! The data service over real sockets: the clients that use it, and those who try to spoil it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

mod clients;
mod hostile;
mod reading;
mod world;
mod writing;
