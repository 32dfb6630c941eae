//! Inclusion from a run's blobs alone, the largest run: `cargo bench --profile release --bench rebuild`.
//!
//! What a user without the service does once the blobs are here: checks each blob against its hash on chain, decodes 23,808
//! commitments, rebuilds the tree, compares the root, and takes a path. The process's peak holds the blobs and the trusted setup, too.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed step is a failed benchmark, and this is its report"
)]

use std::{
    fs,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, TxHash};
use collimate_chain::kzg;
use collimate_core::{Commitment, MAX_PROOFS_PER_RUN, ProgramId, blob, tree};
use collimate_sdk::{Run, path_from_blob, root_of_path};

const ROUNDS: u32 = 10;

fn program(n: u32) -> ProgramId {
    ProgramId::from_sp1_words([n; 8])
}

/// The largest run and its blobs.
fn largest_run() -> (Run, Vec<Vec<u8>>) {
    let commitments: Vec<Commitment> = (0..MAX_PROOFS_PER_RUN as u32)
        .map(|n| Commitment::new(&n.to_be_bytes(), &program(n)))
        .collect();
    let blobs = blob::encode(&commitments).unwrap();
    let leaves: Vec<_> = commitments.iter().map(Commitment::leaf).collect();
    let run = Run {
        chain_id: 1,
        contract: Address::ZERO,
        root: tree::root(&leaves).unwrap().into(),
        leaf_count: commitments.len() as u32,
        block_number: 1,
        block_hash: B256::ZERO,
        block_timestamp: 1,
        transaction: TxHash::ZERO,
        blob_hashes: blobs.iter().map(|blob| kzg::versioned_hash(blob).unwrap()).collect(),
    };
    (run, blobs)
}

/// A value of `/proc/self/status`, in bytes.
fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn main() {
    // `cargo test --benches` runs this, too, without the argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let began = Instant::now();
    let (run, blobs) = largest_run();
    println!("prepared, with the trusted setup, in {:.2?}", began.elapsed());
    // The peak is counted from here on (proc(5), clear_refs).
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    let mut all = Duration::ZERO;
    for round in 0..ROUNDS {
        let n = round * 2_380;
        let values = n.to_be_bytes();
        let began = Instant::now();
        let path = path_from_blob(&run, &blobs, &program(n), &values).unwrap();
        all += began.elapsed();
        assert_eq!(path.index, n as usize);
        let commitment = Commitment::new(&values, &program(n));
        assert_eq!(root_of_path(&commitment, &path.siblings), run.root);
    }
    println!(
        "{} commitments of {} blobs to a path: {:.0?}",
        run.leaf_count,
        blobs.len(),
        all / ROUNDS
    );
    let (peak, mib) = (status("VmHWM:"), f64::from(1 << 20));
    let (all, more) = (peak as f64 / mib, peak.saturating_sub(before) as f64 / mib);
    println!("memory: peak of the process {all:.1} MiB, {more:.1} MiB more than before");
}
