//! Proofs a second of an operator, for each proof system: from the block of a task to the signature over its batch, beside what
//! the verifiers alone make of the same proofs on the same cores.
//!
//! `cargo bench -p collimate-operator` prints a table; a part of a name behind it, such as `groth16`, limits it to that. What the
//! fixtures do not have is left out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking"
)]

use std::{
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, U256};
use collimate_batch::{Item, Part};
use collimate_verifiers::{ProgramKey, ProofSystemId, ProofSystems, VerifierPool};

#[path = "../../verifiers/tests/suite/fixtures/mod.rs"]
mod fixtures;
#[path = "../../verifiers/tests/suite/honest.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod honest;
#[path = "../tests/fast_mode/services.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod services;
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "../tests/fast_mode/world.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod world;

use honest::Honest;
use services::{operator_config, start_operator_of};
use support::samples::Sample;
use world::World;

/// What a batch should take the verifiers alone.
const BATCH_TIME: Duration = Duration::from_secs(3);
/// Proofs of a batch.
const LEAST: usize = 16;
const MOST: usize = 1_024;
/// Batches of each proof system; the best of them counts, on both sides.
const ROUNDS: usize = 3;

/// The proof `number` times, each for another generator: a batch has no commitment twice.
fn batch_of(honest: &Honest, number: usize) -> Vec<Sample> {
    let found = honest.truth();
    let proof = honest.submission.proof.clone();
    let key = match &honest.submission.key {
        ProgramKey::VerifyingKey(bytes) => Some(bytes.clone()),
        ProgramKey::ProgramId(_) => None,
    };
    let item = Item {
        proving_system: honest.id.number(),
        program_id: found.program_id,
        proof: Part::of(&proof),
        public_inputs: Part::of(&found.public_values),
        verification_key: key.as_deref().map(Part::of),
        generator: Address::ZERO,
    };
    let sample = Sample {
        item,
        proof: proof.into(),
        public_inputs: found.public_values.into(),
        key: key.unwrap_or_default().into(),
    };
    let generator = |index: usize| Address::from_word(B256::from(U256::from(index + 1)));
    (0..number)
        .map(|index| {
            let mut sample = sample.clone();
            sample.item.generator = generator(index);
            sample
        })
        .collect()
}

/// All of them through a pool of these threads.
async fn bare(honest: &Honest, number: usize, threads: NonZeroUsize) -> Duration {
    let pool = VerifierPool::new(threads, number).unwrap();
    let started = Instant::now();
    let verdicts =
        (0..number).map(|_| pool.verify(honest.system.clone(), honest.submission.clone()));
    for verdict in futures::future::join_all(verdicts).await {
        verdict.expect("a real proof");
    }
    started.elapsed()
}

async fn operator(
    world: &World,
    honest: &Honest,
    number: usize,
    threads: NonZeroUsize,
) -> Duration {
    let batch = world.publish(vec![batch_of(honest, number)]);
    let mut config = operator_config(world, 0, &[]);
    config.journal = world.folder.path().join(format!("journal-{}", honest.id));
    config.verifier_threads = threads;
    config.watch.poll_interval = Duration::from_millis(10);
    let systems = ProofSystems::from_iter([(honest.id, honest.system.clone())]);
    let operator = start_operator_of(world, 0, config, systems).await;
    let started = Instant::now();
    let task = world.create_for(&batch).await;
    while operator.operator_view(task.id).await.is_none_or(|view| view.signature.is_none()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let taken = started.elapsed();
    operator.stop().await;
    taken
}

#[tokio::main]
async fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let cores = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let world = World::start().await;
    println!("| proof system | proofs | bare verifiers, {cores} cores | operator | share |");
    println!("|---|---|---|---|---|");
    let all = ProofSystemId::ALL.into_iter().filter_map(honest::of);
    for honest in all.filter(|one| filter.as_ref().is_none_or(|part| one.id.name().contains(part)))
    {
        // The first also warms what is built when it is needed first.
        honest.truth();
        let one = bare(honest, 4, cores).await / 4;
        let number = BATCH_TIME.div_duration_f64(one) as usize;
        let number = number.clamp(LEAST, MOST);
        let (mut alone, mut whole) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            alone = alone.min(bare(honest, number, cores).await);
            whole = whole.min(operator(&world, honest, number, cores).await);
        }
        let rate = |time: Duration| number as f64 / time.as_secs_f64();
        println!(
            "| {} | {number} | {:.1}/s | {:.1}/s | {:.0} % |",
            honest.id,
            rate(alone),
            rate(whole),
            100.0 * rate(whole) / rate(alone)
        );
    }
}
