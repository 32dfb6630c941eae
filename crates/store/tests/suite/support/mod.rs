//! One real server for each test binary, a database for each test.
#![allow(dead_code, reason = "no test binary needs all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use collimate_store::{
    Deployment, EmbeddedPostgres, NewProof, ProofId, ProofSystem, Run, Statement, Store,
};
use tokio::sync::OnceCell;

/// Never dropped: the server stops when this process ends.
static SERVER: OnceCell<EmbeddedPostgres> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

pub(crate) const DEPLOYMENT: Deployment = Deployment { chain_id: 31337, contract: [0xc0; 20] };

/// A folder named after this process. Those of processes that are gone are removed.
fn data_dir() -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("collimate-store-tests");
    for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
        if !Path::new("/proc").join(entry.file_name()).exists() {
            // Another test binary may be removing it, too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    parent.join(std::process::id().to_string())
}

/// The address of an empty database.
pub(crate) async fn empty_database() -> String {
    let start = || async { EmbeddedPostgres::start(&data_dir()).await.unwrap() };
    let server = SERVER.get_or_init(start).await;
    let number = DATABASES.fetch_add(1, Ordering::SeqCst);
    server.create_database(&format!("test_{number}")).await.unwrap()
}

/// Runs a case of a property test, whose operations race.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A store on an empty database.
pub(crate) async fn empty_store() -> Store {
    Store::connect(&empty_database().await).await.unwrap()
}

/// The n-th proof.
pub(crate) fn proof(n: u32) -> NewProof {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&n.to_be_bytes());
    NewProof {
        proof_hash: hash,
        proof_system: ProofSystem::Sp1,
        program_id: [0xab; 32],
        vk: vec![1, 2, 3],
        public_values: n.to_be_bytes().to_vec(),
        commitment: hash,
    }
}

/// Proofs `first..first + count`, accepted and queued, in this order.
pub(crate) async fn queued(store: &Store, first: u32, count: u32) -> Vec<ProofId> {
    let mut ids = Vec::new();
    for n in first..first + count {
        let id = store.insert_proof(&proof(n)).await.unwrap().id;
        store.mark_verified(id).await.unwrap();
        store.queue(id).await.unwrap();
        ids.push(id);
    }
    ids
}

/// A statement over as many proofs as the run has.
pub(crate) fn statement(run: &Run) -> Statement {
    Statement {
        root: [run.id.to_be_bytes()[7]; 32],
        leaf_count: run.leaf_count,
        public_values: vec![9; 128],
        blobs_hash: [8; 32],
        versioned_hashes: vec![[1; 32], [2; 32]],
        final_job: [7; 32],
    }
}

/// Takes a run from `proving` to `final` in block `block`.
pub(crate) async fn finish(store: &Store, run: &Run, block: u64) -> Run {
    store.settle(run.id, &statement(run)).await.unwrap();
    store.seal(run.id, b"seal").await.unwrap();
    store.mark_submitted(run.id, Some([5; 32])).await.unwrap();
    store.mark_final(run.id, Some([5; 32]), block).await.unwrap()
}
