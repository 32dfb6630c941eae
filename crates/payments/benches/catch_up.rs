//! How fast an empty database catches up with 10,000 payments of the past, on anvil: `cargo bench --profile release --bench catch_up`.
//!
//! Beside it, in the same process, what reading and decoding the same logs costs alone: the rest is the follower and PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed step is a failed benchmark, and this is its report"
)]

#[path = "../tests/suite/support.rs"]
mod support;

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

use alloy::{primitives::Address, providers::Provider, rpc::types::Filter};
use collimate_chain::follower::FollowConfig;
use collimate_payments::{Poller, PollerConfig, decode};
use collimate_store::Store;
use support::{CONFIRMATIONS, World};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const EVENTS: u64 = 10_000;
const ACCOUNTS: u64 = 1_000;
/// Deposits in one transaction, each transaction in a block of its own.
const TOGETHER: u64 = 10;
const ROUNDS: usize = 3;

fn account(event: u64) -> Address {
    Address::left_padding_from(&(1_000_000 + event % ACCOUNTS).to_be_bytes())
}

fn report(what: &str, took: Duration) {
    let seconds = took.as_secs_f64();
    println!("{what:<52} {seconds:7.2} s {:9.0} events/s", EVENTS as f64 / seconds);
}

/// Reads what the poller reads, and forgets it.
async fn read_alone(world: &World, max_range: u64) {
    let head = world.node.get_block_number().await.unwrap();
    let (mut from, mut found) = (world.start_block, 0);
    while from <= head {
        let to = (from + max_range - 1).min(head);
        let filter = Filter::new().address(world.service).from_block(from).to_block(to);
        let logs = world.node.get_logs(&filter).await.unwrap();
        found += logs.iter().filter(|log| decode(log).is_ok()).count() as u64;
        from = to + 1;
    }
    assert_eq!(found, EVENTS);
}

async fn catch_up(world: &World, store: &Store) -> Duration {
    let config = PollerConfig {
        contract: world.service,
        start_block: world.start_block,
        confirmations: NonZeroU64::new(CONFIRMATIONS).unwrap(),
        poll_interval: Duration::from_millis(20),
        follow: FollowConfig::default(),
    };
    let began = Instant::now();
    let poller = Poller::new(world.node.clone(), store.clone(), config).await.unwrap();
    let (stop, running) = (CancellationToken::new(), poller.clone());
    let token = stop.clone();
    let task = tokio::spawn(async move { running.run(token).await.unwrap() });
    while poller.behind().await.unwrap().blocks() > 0 {
        sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    stop.cancel();
    task.await.unwrap();
    let mut credits = 0;
    for event in 0..ACCOUNTS {
        credits += world.credits(store, account(event)).await.0;
    }
    assert_eq!(credits, EVENTS, "every payment counts once");
    took
}

fn main() {
    // `cargo test --benches` runs this, too, without the argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut world = World::start().await;
        let began = Instant::now();
        for first in (0..EVENTS).step_by(TOGETHER as usize) {
            let deposits: Vec<_> = (first..first + TOGETHER).map(|n| (account(n), 1)).collect();
            world.deposit_together(&deposits).await;
        }
        world.mine(CONFIRMATIONS).await;
        let blocks = world.node.get_block_number().await.unwrap() - world.start_block;
        println!(
            "{EVENTS} payments of {ACCOUNTS} accounts in {blocks} blocks, made in {:.0?}",
            began.elapsed()
        );
        for _ in 0..ROUNDS {
            let began = Instant::now();
            read_alone(&world, FollowConfig::default().max_range).await;
            report("reading and decoding the logs alone", began.elapsed());
            let store = world.empty_store().await;
            report("caught up: payments stored, credits given", catch_up(&world, &store).await);
            store.close().await;
        }
    });
}
