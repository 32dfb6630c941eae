//! What the gateway costs beside the verification that it is for: `cargo bench --release --bench gateway`.
//!
//! One process holds verifiers, gateway, PostgreSQL's client and the clients, so the ratio is what counts. Distinct proofs
//! are one proof with distinct `tee_proof` tails, which verifiers skip: each is verified in full.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed step is a failed benchmark, and this is its report"
)]

#[path = "../tests/suite/support.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod support;

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::signers::local::PrivateKeySigner;
use collimate_gateway::GatewayConfig;
use collimate_verifiers::{ProgramKey, Submission, VerifierPool, sp1::Sp1Compressed};
use futures::{StreamExt, stream};
use support::{Sample, World, quick, sample, signed};

const PROOFS: usize = 120;
const CACHED: usize = 3000;

/// The proof with a tail of its own.
fn distinct(base: &Sample, n: u64) -> Sample {
    let mut own = base.clone();
    assert_eq!(own.proof.pop(), Some(0), "the file ends with no tee_proof");
    own.proof.push(1);
    own.proof.extend_from_slice(&8_u64.to_le_bytes());
    own.proof.extend_from_slice(&n.to_le_bytes());
    own
}

fn report(what: &str, count: usize, elapsed: Duration, mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let rate = count as f64 / elapsed.as_secs_f64();
    let at =
        |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!("{what:<58} {rate:8.1}/s   p50 {:>9.1?}   p99 {:>9.1?}", at(0.5), at(0.99));
    rate
}

async fn bare(samples: &[Sample]) -> f64 {
    let pool = VerifierPool::new(NonZeroUsize::new(2).unwrap(), 64).unwrap();
    let sp1 = Arc::new(Sp1Compressed::default());
    let started = Instant::now();
    let times = stream::iter(samples.to_vec())
        .map(|sample| {
            let (pool, sp1) = (pool.clone(), Arc::clone(&sp1));
            async move {
                let began = Instant::now();
                let key = ProgramKey::VerifyingKey(sample.vk);
                let submission = Submission { proof: sample.proof, key, public_values: None };
                pool.verify(sp1, submission).await.unwrap();
                began.elapsed()
            }
        })
        .buffer_unordered(16)
        .collect()
        .await;
    report("bare verification, two threads", samples.len(), started.elapsed(), times)
}

/// An account for each proof, so that nonces do not put clients in a row.
async fn accepted(world: &World, samples: &[Sample], clients: usize) -> f64 {
    let mut requests = vec![];
    for sample in samples {
        let signer = PrivateKeySigner::random();
        world.credit(signer.address(), 1).await;
        requests.push(signed(sample, &signer, 0));
    }
    let started = Instant::now();
    let times = stream::iter(&requests)
        .map(|request| async move {
            let began = Instant::now();
            world.accepted(request).await;
            began.elapsed()
        })
        .buffer_unordered(clients)
        .collect()
        .await;
    report(
        &format!("accepted through the gateway, {clients} clients"),
        requests.len(),
        started.elapsed(),
        times,
    )
}

async fn cached(world: &World, sample: &Sample, clients: usize) -> f64 {
    let signer = PrivateKeySigner::random();
    world.credit(signer.address(), 1).await;
    let request = signed(sample, &signer, 0);
    world.accepted(&request).await;
    let started = Instant::now();
    let request = &request;
    let times = stream::iter(0..CACHED)
        .map(|_| async move {
            let began = Instant::now();
            world.accepted(request).await;
            began.elapsed()
        })
        .buffer_unordered(clients)
        .collect()
        .await;
    report(
        &format!("the same proof again, full size, {clients} clients"),
        CACHED,
        started.elapsed(),
        times,
    )
}

fn main() {
    // `cargo test --benches` runs this, too, without the argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let base = sample("fibonacci");
        let samples = |from: usize| -> Vec<Sample> {
            (from..from + PROOFS).map(|n| distinct(&base, n as u64)).collect()
        };
        let config = || GatewayConfig { client_rate: None, account_rate: None, ..quick() };
        let world = World::start_with(config()).await;
        bare(&samples(1_000_000)[..20]).await;
        let alone = bare(&samples(0)).await;
        let few = accepted(&world, &samples(1000), 8).await;
        let many = accepted(&world, &samples(2000), 200).await;
        println!(
            "of bare verification: {:.0} % with 8 clients, {:.0} % with 200",
            100.0 * few / alone,
            100.0 * many / alone
        );
        cached(&world, &base, 8).await;
        cached(&world, &distinct(&base, 1), 200).await;
    });
}
