//! `serve`: the HTTP service in front of the worker.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool, atomic::Ordering},
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use collimate_engine::{EngineOptions, memory};
use collimate_objects::Objects;
use collimate_prover_client::{Job, JobId, JobState, ProverInfo};
use collimate_verifiers::VerifierPool;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::sync::CancellationToken;

use crate::{
    ledger::Ledger,
    programs,
    worker::{Ended, Shared, Worker, lock},
    wrap::ArtifactsOptions,
};

/// Jobs that the service holds at most; a run of 23,808 proofs in chunks of 128 has 187.
const MAX_JOBS: usize = 10_000;
/// A job carries the commitments of a run (762 kB) and the keys of its proofs, as hex.
const MAX_JOB_BYTES: usize = 16 << 20;

/// Settings of the service.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeOptions {
    /// Where to listen; there is no authentication, so keep it on a private address
    #[arg(long, default_value = "127.0.0.1:7301", env = "COLLIMATE_PROVER_LISTEN")]
    pub listen: SocketAddr,
    /// The object store, shared with the aggregator: a folder, or s3://bucket/prefix
    #[arg(long, env = "COLLIMATE_OBJECTS")]
    pub objects: String,
    /// Folder of this process's job records
    #[arg(long, env = "COLLIMATE_PROVER_STATE")]
    pub state: PathBuf,
    /// How often a job is tried before it fails
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100), env = "COLLIMATE_PROVER_ATTEMPTS")]
    pub attempts: u32,
    /// Stop when standard input ends: a supervisor that dies takes this process with it
    #[arg(long)]
    pub exit_with_stdin: bool,
    #[command(flatten)]
    pub artifacts: ArtifactsOptions,
    #[command(flatten)]
    pub engine: EngineOptions,
}

#[derive(Clone)]
struct App {
    shared: Arc<Shared>,
    info: ProverInfo,
}

/// Serves until the token is cancelled, or the next job needs the engine's memory.
pub async fn serve(
    options: ServeOptions,
    tuning: String,
    shutdown: CancellationToken,
) -> Result<Ended> {
    let ledger = Ledger::open(&options.state, options.attempts)?;
    let objects = Objects::open(&options.objects)?;
    let shared = Arc::new(Shared {
        ledger: Mutex::new(ledger),
        activity: Mutex::new(None),
        ready: AtomicBool::new(false),
        wake: Notify::new(),
    });
    watch_memory(options.engine.memory_limit(), &shared);
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!(
            "[PRV-008] cannot listen on {}: is the port in use? choose another with --listen",
            options.listen
        )
    })?;
    let info = ProverInfo {
        engine: options.engine.engine.name().into(),
        tuning,
        patched: cfg!(collimate_patched_engine),
        ready: false,
        peak_memory_bytes: 0,
    };
    let worker = Worker {
        shared: Arc::clone(&shared),
        objects,
        programs: programs::all()?,
        options: options.engine,
        verifiers: VerifierPool::for_this_machine()?,
        artifacts: options.artifacts,
        state: options.state,
    };
    let app = Router::new()
        .route("/v1/jobs/{id}", put(submit).get(status))
        .route("/v1/info", get(info_handler))
        .layer(DefaultBodyLimit::max(MAX_JOB_BYTES))
        .with_state(App { shared, info });
    tracing::info!(listen = %listener.local_addr()?, "listening");

    let worker = tokio::spawn(worker.run(shutdown.clone()));
    let stop = shutdown.clone();
    let server =
        axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await });
    let served = tokio::spawn(server.into_future());
    let worked = worker.await;
    shutdown.cancel();
    served.await??;
    worked?
}

async fn submit(State(app): State<App>, Path(id): Path<JobId>, Json(job): Json<Job>) -> Response {
    if job.id() != id {
        return (StatusCode::BAD_REQUEST, "[PRV-040] the id is not the hash of the job")
            .into_response();
    }
    let mut ledger = lock(&app.shared.ledger);
    if ledger.len() >= MAX_JOBS
        && ledger.get(id).is_none()
        && let Err(error) = ledger.forget_done()
    {
        tracing::error!("{error:#}");
    }
    if ledger.len() >= MAX_JOBS && ledger.get(id).is_none() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "[PRV-041] too many jobs: clear the --state folder",
        )
            .into_response();
    }
    match ledger.submit(job) {
        Ok(status) => {
            app.shared.wake.notify_one();
            (StatusCode::ACCEPTED, Json(status)).into_response()
        }
        Err(error) => {
            tracing::error!("{error:#}");
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response()
        }
    }
}

async fn status(State(app): State<App>, Path(id): Path<JobId>) -> Response {
    let Some(mut status) = lock(&app.shared.ledger).get(id).map(crate::ledger::Entry::status)
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if status.state == JobState::Proving {
        let activity = lock(&app.shared.activity).filter(|activity| activity.id == id);
        status.progress = activity.map(|activity| activity.progress());
    }
    Json(status).into_response()
}

/// Ends the process when it holds more than `limit` bytes, with the reason on the job in hand.
fn watch_memory(limit: u64, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    memory::limit(limit, move |held| {
        let reason = format!(
            "[PRV-007] proving took {} MiB, more than the limit of {} MiB: raise --memory-limit-gib, or prove with --memory low",
            held >> 20,
            limit >> 20
        );
        tracing::error!("{reason}");
        let job = lock(&shared.activity).map(|activity| activity.id);
        if let Some(id) = job {
            // The process ends either way; without the note the reason is the general one.
            let _ = lock(&shared.ledger).note(id, reason);
        }
    });
}

async fn info_handler(State(app): State<App>) -> Json<ProverInfo> {
    let ready = app.shared.ready.load(Ordering::Relaxed);
    Json(ProverInfo { ready, peak_memory_bytes: memory::peak(), ..app.info })
}
