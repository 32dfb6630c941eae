//! The command's tests from outside. One binary: linking is what takes the time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

mod checks;
mod command;
mod evidence;
#[path = "../../../sdk/tests/suite/fast/fake_batcher.rs"]
mod fake_batcher;
#[path = "../../../sdk/tests/suite/fake_gateway/mod.rs"]
mod fake_gateway;
mod fast;
#[path = "../../../sdk/tests/suite/fast_network/mod.rs"]
mod fast_network;
mod fast_services;
mod fast_whole_way;
#[path = "../../../sdk/tests/suite/network/mod.rs"]
mod network;
mod networks;
mod service;
#[path = "../../../sdk/tests/suite/service/mod.rs"]
mod service_fixture;
mod wallet;
