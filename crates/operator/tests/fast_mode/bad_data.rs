//! Data services that lie, stall, send without end or disappear, and manifests that no honest program writes.

use std::{convert::Infallible, num::NonZeroUsize, time::Duration};

use axum::{Router, body::Body, http::StatusCode, response::IntoResponse, routing::get};
use collimate_batch::Pointer;
use collimate_operator::{TaskState, TaskView};
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

async fn signs(operator: &Running, task: alloy::primitives::B256) -> TaskView {
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
    let router = Router::new().route("/objects/{key}", get(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
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
