//! Proofs per second of every proof system: one verification after the other, and on every core through the pool.
//!
//! `cargo bench -p collimate-verifiers` prints the time of one proof and the throughput of both; a part of a name, such
//! as `sp1-compressed`, behind it limits it to that. What the fixtures do not have is left out, and said.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::{num::NonZeroUsize, thread, time::Duration};

use collimate_verifiers::{VerifierPool, verify_guarded};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "../tests/suite/fixtures/mod.rs"]
mod fixtures;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/suite/honest.rs"]
mod honest;

fn every_system(criterion: &mut Criterion) {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = NonZeroUsize::new(cores).expect("at least one core");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for honest in honest::all() {
        let mut group = criterion.benchmark_group(honest.id.name());
        group.sample_size(20).throughput(Throughput::Elements(1));
        group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
        group.bench_function("one core", |bencher| {
            bencher.iter(|| {
                verify_guarded(honest.system.as_ref(), &honest.submission).expect("a real proof")
            });
        });

        let batch = cores * 4;
        let pool = VerifierPool::new(threads, batch).expect("threads");
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("all {cores} cores"), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let answers: Vec<_> = (0..batch)
                        .map(|_| pool.verify(honest.system.clone(), honest.submission.clone()))
                        .collect();
                    for answer in futures::future::join_all(answers).await {
                        answer.expect("a real proof");
                    }
                });
            });
        });
        group.finish();
    }
}

criterion_group!(benches, every_system);
criterion_main!(benches);
