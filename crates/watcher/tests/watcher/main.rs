//! The watcher on a real node with the real contracts, a real data service and real SP1 proofs: honest operators, dishonest ones,
//! data that are withheld, crashes and reorganisations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

mod counted;
mod evidence;
mod forged;
mod honest;
mod reorganised;
mod restarts;
mod services;
#[path = "../../../operator/tests/support/mod.rs"]
mod support;
mod world;
