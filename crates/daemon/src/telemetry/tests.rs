//! Spans arrive at a real collector, and a collector that is away costs nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use collimate_store::{
    Deployment, EmbeddedPostgres, NewProof, ProofSystem, ProofsOfFailedRun, RunStatus, Statement,
    Store,
};
use opentelemetry::trace::TracerProvider;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};
use tracing_subscriber::{layer::SubscriberExt, registry::Registry};

use super::{Telemetry, provider, spans, steps::Steps};

const PATIENCE: Duration = Duration::from_secs(20);

/// A collector, and what it was sent.
async fn collector() -> (String, UnboundedReceiver<Span>) {
    let (to, spans) = unbounded_channel();
    let take = move |headers: HeaderMap, body: Bytes| async move {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for resource in request.resource_spans {
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                // The test may have seen enough.
                let _ = to.send(span);
            }
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (endpoint, spans)
}

fn attribute(span: &Span, name: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    found.value.clone()?.value
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_arrives_with_its_fields_and_others_libraries_are_left_out() {
    let (endpoint, mut arrived) = collector().await;
    let provider = provider(&format!("{endpoint}/")).unwrap();
    let subscriber = Registry::default().with(spans(&provider));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!(target: "hyper", "theirs").in_scope(|| ());
        tracing::debug_span!("too much").in_scope(|| ());
        let request = tracing::info_span!("request", id = "my-id.7", otel.kind = "server");
        request.in_scope(|| tracing::info!(code = "GTW-001", "refused"));
    });
    Telemetry(Some(provider)).stop().await;
    let span = timeout(PATIENCE, arrived.recv()).await.unwrap().unwrap();
    assert_eq!((span.name.as_str(), span.kind), ("request", 2));
    assert_eq!(attribute(&span, "id"), Some(Value::StringValue("my-id.7".to_owned())));
    assert_eq!(span.events[0].name, "refused");
    assert!(arrived.try_recv().is_err(), "only one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_or_silent_slows_nothing_and_ends_with_the_process() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for endpoint in [silent.local_addr().unwrap(), nobody] {
        let provider = provider(&format!("http://{endpoint}")).unwrap();
        let subscriber = Registry::default().with(spans(&provider));
        let began = Instant::now();
        // Many times what the queue has room for.
        tracing::subscriber::with_default(subscriber, || {
            for id in 0..50_000 {
                tracing::info_span!("request", id).in_scope(|| ());
            }
        });
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        let began = Instant::now();
        Telemetry(Some(provider)).stop().await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[test]
fn an_endpoint_that_is_none_is_named() {
    for wrong in ["collector:4318", "", "ftp://collector", "http://"] {
        let error = format!("{:#}", provider(wrong).unwrap_err());
        assert!(error.contains("[DMN-068]") && error.contains("otlp_endpoint"), "{error}");
    }
}

const DEPLOYMENT: Deployment = Deployment { chain_id: 31337, contract: [0xc0; 20] };

async fn queued(store: &Store, n: u8) {
    let proof = NewProof {
        proof_hash: [n; 32],
        proof_system: ProofSystem::Sp1,
        program_id: [1; 32],
        vk: vec![1],
        public_values: vec![n],
        commitment: [n; 32],
    };
    let id = store.insert_proof(&proof).await.unwrap().id;
    store.mark_verified(id).await.unwrap();
    store.queue(id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_a_run_are_told_once_each_with_the_times_of_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
    let store = Store::connect(postgres.url()).await.unwrap();
    let (endpoint, mut arrived) = collector().await;
    let provider = provider(&endpoint).unwrap();

    queued(&store, 1).await;
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let statement = Statement {
        root: [1; 32],
        leaf_count: 1,
        public_values: vec![9; 128],
        blobs_hash: [8; 32],
        versioned_hashes: vec![[1; 32]],
        final_job: [7; 32],
    };
    store.settle(run.id, &statement).await.unwrap();
    // The process starts here: what ended before is not told again.
    let mut steps = Steps::new(provider.tracer("test"), store.clone(), DEPLOYMENT);
    steps.look().await.unwrap();
    store.seal(run.id, b"seal").await.unwrap();
    steps.look().await.unwrap();
    store.mark_submitted(run.id, None).await.unwrap();
    store.mark_final(run.id, None, 5).await.unwrap();
    steps.look().await.unwrap();
    steps.look().await.unwrap();
    // Another one, which comes and goes between two looks.
    queued(&store, 2).await;
    let failed = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let requeue = ProofsOfFailedRun::Requeue;
    store.fail_run(failed.id, "AGG-012", "the prover fails", requeue).await.unwrap();
    steps.look().await.unwrap();
    let history = store.run_events(run.id).await.unwrap();
    assert_eq!(history.last().unwrap().status, RunStatus::Final);
    Telemetry(Some(provider)).stop().await;

    let mut told = vec![];
    while let Ok(Some(span)) = timeout(Duration::from_secs(1), arrived.recv()).await {
        told.push(span);
    }
    let names: Vec<&str> = told.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["attesting", "submitting", "confirming", "run", "proving", "run"]);
    assert!(told[..3].iter().all(|step| step.parent_span_id == told[3].span_id));
    assert!(told[..3].iter().all(|step| step.trace_id == told[3].trace_id));
    let nanos = |event: usize| {
        let at = SystemTime::from(history[event].at);
        u64::try_from(at.duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
    };
    assert_eq!(told[0].start_time_unix_nano, nanos(1));
    assert_eq!(told[0].end_time_unix_nano, nanos(2));
    assert_eq!(told[3].start_time_unix_nano, nanos(0));
    assert_eq!(attribute(&told[3], "run"), Some(Value::IntValue(run.id)));
    let status = told[5].status.as_ref().unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "the prover fails"));
    store.close().await;
    postgres.stop().await.unwrap();
}
