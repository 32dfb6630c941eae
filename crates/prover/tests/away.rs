//! The client and a proving process that is away, forgets, fails or refuses: fakes that speak its HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::put,
};
use collimate_core::ProgramId;
use collimate_objects::{Key, Objects};
use collimate_prover_client::{
    Form, Job, JobState, JobStatus, ProverClient, ProverClientError, ProverSettings,
};
use tokio::{net::TcpListener, task::JoinHandle};

const POLL: Duration = Duration::from_millis(20);

fn job() -> Job {
    Job { program_id: ProgramId([1; 32]), form: Form::Compressed, input: vec![7], proofs: vec![] }
}

fn status(state: JobState, attempts: u32, reason: Option<&str>) -> Response {
    let reason = reason.map(str::to_owned);
    Json(JobStatus { id: job().id(), state, attempts, reason, progress: None }).into_response()
}

/// A fake prover: answers submissions and questions by these functions.
async fn fake(
    address: SocketAddr,
    submit: impl Fn() -> Response + Clone + Send + Sync + 'static,
    ask: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let method = put(move || async move { submit() }).get(move || async move { ask() });
    let app = Router::new().route("/v1/jobs/{id}", method);
    (address, tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }))
}

fn client(address: SocketAddr, patience: Duration, objects: &Objects) -> ProverClient {
    let url = format!("http://{address}");
    ProverClient::new(ProverSettings { url, poll: POLL, patience }, objects.clone())
}

async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[tokio::test]
async fn a_prover_that_dies_and_forgets_is_asked_again_and_its_absence_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::folder(folder.path()).unwrap();
    let address = nobody().await;
    let said = Arc::new(Mutex::new(Vec::<String>::new()));
    let (client, heard, wanted) =
        (client(address, Duration::from_secs(60), &objects), Arc::clone(&said), job());
    let proving = tokio::spawn(async move {
        let hear = |status: &JobStatus| {
            heard.lock().unwrap().push(status.reason.clone().unwrap_or_default());
        };
        client.prove(&wanted, hear).await
    });
    while said.lock().unwrap().is_empty() {
        tokio::time::sleep(POLL).await;
    }
    assert!(said.lock().unwrap()[0].contains("does not answer"), "{said:?}");

    // It is there, takes the job, and has forgotten it when it is asked.
    let submissions = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&submissions);
    let submit = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        status(JobState::Queued, 0, None)
    };
    let (_, server) = fake(address, submit, || StatusCode::NOT_FOUND.into_response()).await;
    while submissions.load(Ordering::Relaxed) < 3 {
        tokio::time::sleep(POLL).await;
    }
    // It dies, and another one has finished the job meanwhile.
    server.abort();
    objects.put_output(&job().id().0, b"proof".to_vec()).await.unwrap();
    assert_eq!(proving.await.unwrap().unwrap(), Key::of(b"proof"));
}

#[tokio::test]
async fn a_prover_that_stays_away_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::folder(folder.path()).unwrap();
    let address = nobody().await;
    let error = client(address, POLL * 3, &objects).prove(&job(), |_| {}).await.unwrap_err();
    assert_eq!(error.code(), "PRC-001");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn failure_and_refusal_come_with_their_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::folder(folder.path()).unwrap();
    let patience = Duration::from_secs(60);
    let fail = || status(JobState::Failed, 3, Some("[PRV-007] too much memory"));
    let (address, _server) = fake(anywhere(), fail, fail).await;
    let error = client(address, patience, &objects).prove(&job(), |_| {}).await.unwrap_err();
    assert!(matches!(&error, ProverClientError::Failed { attempts: 3, .. }), "{error}");
    assert!(error.to_string().contains("PRV-007"), "{error}");

    let refuse = || (StatusCode::BAD_REQUEST, "another program").into_response();
    let (address, _server) = fake(anywhere(), refuse, refuse).await;
    let error = client(address, patience, &objects).prove(&job(), |_| {}).await.unwrap_err();
    assert_eq!(error.code(), "PRC-002");
    assert!(error.to_string().contains("another program"), "{error}");
}

#[tokio::test]
async fn a_prover_that_takes_no_jobs_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::folder(folder.path()).unwrap();
    let full = || {
        let words = "[PRV-041] too many jobs: clear the --state folder";
        (StatusCode::SERVICE_UNAVAILABLE, words).into_response()
    };
    let (address, _server) = fake(anywhere(), full, full).await;
    let mut said = vec![];
    let hear = |status: &JobStatus| said.extend(status.reason.clone());
    let error = client(address, POLL * 3, &objects).prove(&job(), hear).await.unwrap_err();
    assert_eq!(error.code(), "PRC-001");
    assert!(error.to_string().contains("PRV-041"), "{error}");
    assert!(said[0].contains("503") && said[0].contains("clear the --state folder"), "{said:?}");
}

#[tokio::test]
async fn done_without_an_output_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::folder(folder.path()).unwrap();
    let done = || status(JobState::Done, 1, None);
    let (address, _server) = fake(anywhere(), done, done).await;
    let patience = Duration::from_secs(60);
    let error = client(address, patience, &objects).prove(&job(), |_| {}).await.unwrap_err();
    assert_eq!(error.code(), "PRC-004");
}
