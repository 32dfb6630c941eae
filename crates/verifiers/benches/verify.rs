//! Proofs per second: one verification after the other, and on every core through the pool.
//!
//! `cargo bench -p collimate-verifiers` prints the time of one proof and the throughput of both.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, thread};

use collimate_verifiers::{
    ProgramKey, Submission, VerifierPool, sp1::Sp1Compressed, verify_guarded,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A real proof: the first of our own, or the one made by others.
fn real_proof() -> Option<Submission> {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = std::fs::read_dir(repository.join("proofs"))
        .ok()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "proof"))
        .map(|proof| (proof.with_extension("vk"), proof));
    let others = std::env::var_os("COLLIMATE_FIXTURES")
        .map_or_else(|| repository.join("../shared/fixtures"), PathBuf::from)
        .join("sp1/compressed-v6.1.0");
    let (key, proof) =
        own.unwrap_or_else(|| (others.join("program_vk.bin"), others.join("proof.bin")));
    Some(Submission {
        proof: std::fs::read(proof).ok()?,
        key: ProgramKey::VerifyingKey(std::fs::read(key).ok()?),
        public_values: None,
    })
}

fn compressed(criterion: &mut Criterion) {
    let Some(submission) = real_proof() else {
        eprintln!("!!! SKIPPED: no real proof; set COLLIMATE_FIXTURES");
        return;
    };
    let system = Arc::new(Sp1Compressed::default());
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut group = criterion.benchmark_group("sp1-compressed");
    group.sample_size(20).throughput(Throughput::Elements(1));
    group.bench_function("one core", |bencher| {
        bencher.iter(|| verify_guarded(system.as_ref(), &submission).expect("a real proof"));
    });

    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let threads = NonZeroUsize::new(cores).expect("at least one core");
    let pool = VerifierPool::new(threads, cores * 4).expect("threads");
    let batch = cores * 4;
    group.throughput(Throughput::Elements(batch as u64));
    group.bench_function(format!("all {cores} cores"), |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let answers: Vec<_> =
                    (0..batch).map(|_| pool.verify(system.clone(), submission.clone())).collect();
                for answer in futures::future::join_all(answers).await {
                    answer.expect("a real proof");
                }
            });
        });
    });
    group.finish();
}

criterion_group!(benches, compressed);
criterion_main!(benches);
