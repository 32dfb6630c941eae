//! What the largest run costs beside proving: its tree, its paths, and its six blobs, part by part.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use alloy::primitives::Bytes;
use collimate_chain::kzg::{Sidecar, versioned_hash};
use collimate_core::{Commitment, Hash, MAX_PROOFS_PER_RUN, blob, keccak256, tree::MerkleTree};
use criterion::{Criterion, criterion_group, criterion_main};

fn commitments() -> Vec<Commitment> {
    (0..MAX_PROOFS_PER_RUN as u64).map(|n| Commitment(keccak256(&[&n.to_be_bytes()]))).collect()
}

fn largest_run(criterion: &mut Criterion) {
    let commitments = commitments();
    let leaves: Vec<Hash> = commitments.iter().map(Commitment::leaf).collect();
    let tree = MerkleTree::new(leaves.clone()).unwrap();
    let blobs: Vec<Bytes> =
        blob::encode(&commitments).unwrap().into_iter().map(Bytes::from).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();

    let mut group = criterion.benchmark_group("run of 23,808");
    group.sample_size(10);
    group.bench_function("leaves and tree", |bencher| {
        bencher.iter(|| {
            let leaves = commitments.iter().map(Commitment::leaf).collect();
            MerkleTree::new(leaves).unwrap()
        });
    });
    group.bench_function("tree", |bencher| {
        bencher.iter(|| MerkleTree::new(leaves.clone()).unwrap());
    });
    group
        .bench_function("a path", |bencher| bencher.iter(|| tree.path(black_box(12_345)).unwrap()));
    group.bench_function("encode six blobs", |bencher| {
        bencher.iter(|| blob::encode(&commitments).unwrap());
    });
    group.bench_function("decode six blobs", |bencher| {
        bencher.iter(|| blob::decode(&blobs, MAX_PROOFS_PER_RUN).unwrap());
    });
    group.bench_function("commit to six blobs, one core", |bencher| {
        bencher.iter(|| blobs.iter().map(|blob| versioned_hash(blob).unwrap()).collect::<Vec<_>>());
    });
    group.bench_function("commitments and cell proofs of one blob", |bencher| {
        bencher.iter(|| runtime.block_on(Sidecar::compute(&blobs[..1])).unwrap());
    });
    group.bench_function("commitments and cell proofs of six blobs, all cores", |bencher| {
        bencher.iter(|| runtime.block_on(Sidecar::compute(&blobs)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, largest_run);
criterion_main!(benches);
