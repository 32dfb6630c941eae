//! Data services that lie, stall, send without end or disappear, and manifests that no honest program writes.

use std::{
    convert::Infallible,
    future::pending,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::primitives::B256;
use axum::{
    Router, body::Body, extract::Path, http::StatusCode, response::IntoResponse, routing::get,
};
use collimate_batch::{Group, Manifest, Part, Pointer};
use collimate_objects::Key;
use collimate_operator::{TaskState, TaskView, limits::LEAST_MEMORY_BYTES};
use collimate_verifiers::ProofSystem;
use futures::{StreamExt, stream};
use tokio::net::TcpListener;

use crate::{
    services::{Running, operator_config, start_operator, start_operator_with},
    support::{
        network::{FEE_LIMIT, until},
        samples::VERIFIER,
    },
    world::{World, sample},
};

async fn signs(operator: &Running, task: B256) -> TaskView {
    until("it is signed", || async {
        operator.operator_view(task).await.filter(|view| view.state == TaskState::Signed)
    })
    .await
}

/// A data service that gives this answer, whatever it is asked for.
async fn answering<R: IntoResponse + Send + 'static>(
    answer: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> String {
    let answer = move || {
        let answer = answer();
        async move { answer }
    };
    serving(Router::new().route("/objects/{key}", get(answer))).await
}

async fn serving(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
}

/// A data service that gives a manifest, and then nothing. It counts what it was asked for in vain.
async fn stalling_after(manifest: Vec<u8>, asked: Arc<AtomicUsize>) -> String {
    let name = Key::of(&manifest).to_string();
    let answer = move |Path(key): Path<String>| {
        let (is_manifest, manifest) = (key == name, manifest.clone());
        let asked = Arc::clone(&asked);
        async move {
            if !is_manifest {
                asked.fetch_add(1, Ordering::SeqCst);
                pending::<()>().await;
            }
            manifest
        }
    };
    serving(Router::new().route("/objects/{key}", get(answer))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_service_that_stalls_floods_or_disappears_holds_up_no_other_batch() {
    let world = World::start().await;
    let mut config = operator_config(&world, 0, &[]);
    // One batch at a time: a bad one has to give its turn away.
    config.max_batches = NonZeroUsize::MIN;
    config.download.patience = Duration::from_millis(300);
    config.download.object_timeout = Duration::from_secs(1);
    let operator = start_operator_with(&world, 0, config, VERIFIER.clone()).await;
    let endless =
        || Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>(vec![0_u8; 1 << 16])));
    let stalling = || {
        let first = stream::iter([Ok::<_, Infallible>(vec![b'{'])]);
        Body::from_stream(first.chain(stream::pending()))
    };
    let bad = [
        answering(endless).await,
        answering(stalling).await,
        answering(|| "other bytes").await,
        answering(|| StatusCode::SERVICE_UNAVAILABLE).await,
        "http://127.0.0.1:1".to_owned(),
    ];
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let root = batch.manifest.tree().unwrap().root();
    let mut tasks = vec![];
    for mirror in &bad {
        let mirrors = vec![mirror.parse().unwrap()];
        let pointer = Pointer::new(*batch.pointer.manifest(), mirrors).unwrap();
        tasks.push(world.create(root, &pointer.to_string(), FEE_LIMIT).await);
    }
    let good = world.create_for(&batch).await;
    signs(&operator, good.id).await;
    // None of them says anything about the batch, so each is tried again, and none is signed.
    for task in &tasks {
        let view = operator.refuses(task.id, "BAT-006").await;
        assert_eq!((view.state == TaskState::Refused, view.signature), (false, None));
    }
}

/// A task costs little, and its maker decides what its files are said to be, and whether they ever come.
#[tokio::test(flavor = "multi_thread")]
async fn large_files_that_never_come_take_no_memory_from_other_batches() {
    let world = World::start().await;
    let mut config = operator_config(&world, 0, &[]);
    config.max_batches = NonZeroUsize::new(2).unwrap();
    config.memory_bytes = 2 * LEAST_MEMORY_BYTES;
    config.parallel_proofs = NonZeroUsize::new(16).unwrap();
    // What it holds, it holds until the test is over.
    let long = Duration::from_secs(600);
    (config.turn, config.download.patience, config.download.object_timeout) = (long, long, long);
    let operator = start_operator_with(&world, 0, config, VERIFIER.clone()).await;
    let (honest, bytes) = (sample("fibonacci"), VERIFIER.max_proof_bytes() as u64);
    let items = (0..16).map(|number| {
        let hash = B256::repeat_byte(number);
        let mut item = honest.item.clone();
        item.proof = Part { sha256: hash, keccak256: hash, bytes };
        item
    });
    let manifest = Manifest::new(vec![Group { items: items.collect() }]).unwrap();
    let (encoded, asked) = (manifest.to_bytes().unwrap(), Arc::new(AtomicUsize::new(0)));
    let name = Key::of(&encoded);
    let mirror = stalling_after(encoded, Arc::clone(&asked)).await;
    let pointer = Pointer::new(name, vec![mirror.parse().unwrap()]).unwrap();
    let root = manifest.tree().unwrap().root();
    let bad = world.create(root, &pointer.to_string(), FEE_LIMIT).await;
    until("it stalls", || async { (asked.load(Ordering::SeqCst) > 0).then_some(()) }).await;

    let good = world.create_for(&world.publish(vec![vec![honest]])).await;
    signs(&operator, good.id).await;
    let stalled = operator.operator_view(bad.id).await.unwrap();
    assert_eq!(stalled.state, TaskState::Checking, "it has its turn still");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_with_duplicate_missing_or_extra_leaves_is_refused_by_its_code() {
    let world = World::start().await;
    let operator = start_operator(&world, 0, &[]).await;
    let (one, two) = (sample("fibonacci"), sample("sha256_preimage"));
    let honest = world.publish(vec![vec![one.clone(), two.clone()]]);
    let missing = world.publish(vec![vec![one.clone()]]);
    let extra = world.publish(vec![vec![one.clone(), two, sample("merkle_membership")]]);
    // What the library writes in no way: a leaf twice, and another encoding of the same list.
    let text = String::from_utf8(honest.manifest.to_bytes().unwrap()).unwrap();
    let item = serde_json::to_string(&one.item).unwrap();
    assert_eq!(text.matches(&item).count(), 1);
    let twice = text.replacen(&item, &format!("{item},{item}"), 1);
    let spaced = text.replacen(',', ", ", 1);
    let [twice, spaced] = [twice, spaced].map(|text| {
        let name = world.data.put(text);
        Pointer::new(name, vec![world.data.url.parse().unwrap()]).unwrap()
    });
    let root = honest.manifest.tree().unwrap().root();
    for (pointer, code) in [
        (missing.pointer, "BAT-004"),
        (extra.pointer, "BAT-004"),
        (twice, "BAT-003"),
        (spaced, "BAT-002"),
    ] {
        let task = world.create(root, &pointer.to_string(), FEE_LIMIT).await;
        let view = operator.refuses(task.id, code).await;
        assert_eq!((view.state, view.signature), (TaskState::Refused, None));
    }
    let task = world.create_for(&honest).await;
    signs(&operator, task.id).await;
}
