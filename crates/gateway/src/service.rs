//! What is asked about the service itself: contracts and limits, runs, health, metrics.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use collimate_api::{
    Guarantee, Info, Limits, Problem, RunAnswer, RunStatus as ApiStatus, RunsPage, paths,
    service::{Health, Readiness, RunsQuery},
};
use collimate_http::{Asked, page_limit};
use collimate_store::{ProofSystem, Run, RunStatus, age_of};
use collimate_verifiers::limits::{MAX_PUBLIC_VALUES_BYTES, MAX_VERIFYING_KEY_BYTES};
use tokio::time::timeout;

use crate::{
    fault::Fault,
    shared::{Shared, seconds},
};

/// How long readiness waits for each thing.
const READY_LIMIT: Duration = Duration::from_secs(2);

/// What a client needs to know before it signs
#[utoipa::path(
    get, path = paths::INFO, tag = "service",
    responses((status = 200, description = "Chain, contracts, receipt signer, limits", body = Info))
)]
pub(crate) async fn info(State(shared): State<Arc<Shared>>) -> Json<Info> {
    Json(Info {
        chain_id: shared.deployment.chain_id,
        payment_service: shared.deployment.payment_service,
        aggregation_service: shared.deployment.aggregation_service,
        receipt_signer: shared.receipt_signer.address(),
        proof_systems: ProofSystem::ALL.iter().map(|system| system.as_str().to_owned()).collect(),
        limits: Limits {
            max_proof_bytes: shared.form.proof.max_bytes as u64,
            max_public_values_bytes: MAX_PUBLIC_VALUES_BYTES as u64,
            max_vk_bytes: MAX_VERIFYING_KEY_BYTES as u64,
            upload_seconds: shared.form.upload_timeout.as_secs(),
            inclusion_seconds: shared.inclusion_time.as_secs(),
        },
        aligned_form: shared.aligned_form.is_some(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Runs, newest first
#[utoipa::path(
    get, path = paths::RUNS, tag = "service", params(RunsQuery),
    responses(
        (status = 200, description = "A page", body = RunsPage),
        (status = 400, description = "Malformed query", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn runs(
    State(shared): State<Arc<Shared>>,
    Asked(query): Asked<RunsQuery>,
) -> Result<Json<RunsPage>, Fault> {
    let limit = page_limit(query.limit, 20)?;
    let page = shared.store.runs_page(query.before, limit.saturating_add(1));
    let mut runs = shared.database(page).await?;
    let is_last = runs.len() <= limit as usize;
    runs.truncate(limit as usize);
    let next = if is_last { None } else { runs.last().map(|run| run.id) };
    Ok(Json(RunsPage { runs: runs.into_iter().map(answer).collect(), next }))
}

fn answer(run: Run) -> RunAnswer {
    let (root, blob_hashes) = run.statement.map_or((None, vec![]), |statement| {
        let hashes = statement.versioned_hashes.into_iter().map(Into::into).collect();
        (Some(statement.root.into()), hashes)
    });
    RunAnswer {
        id: run.id,
        status: match run.status {
            RunStatus::Proving => ApiStatus::Proving,
            RunStatus::Attesting => ApiStatus::Attesting,
            RunStatus::Submitting => ApiStatus::Submitting,
            RunStatus::Confirming => ApiStatus::Confirming,
            RunStatus::Final => ApiStatus::Final,
            RunStatus::Failed => ApiStatus::Failed,
        },
        leaf_count: run.leaf_count,
        root,
        blob_hashes,
        transaction: run.tx_hash.map(Into::into),
        block_number: run.block_number,
        guarantee: (run.status == RunStatus::Final).then(|| Guarantee::of(run.hard_since)),
        hard_since: run.hard_since,
        hard_transaction: run.hard_tx_hash.map(Into::into),
        code: run.code,
        reason: run.reason,
        created_at: seconds(run.created_at),
        updated_at: seconds(run.updated_at),
        finished_at: run.finished_at.map(seconds),
    }
}

/// Whether the process answers
#[utoipa::path(
    get, path = paths::HEALTH, tag = "service",
    responses((status = 200, description = "It does", body = Health))
)]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

/// Whether the process can accept proofs
#[utoipa::path(
    get, path = paths::READY, tag = "service",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "It cannot", body = Readiness),
    )
)]
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let (database, objects) = tokio::join!(
        timeout(READY_LIMIT, shared.store.ping()),
        timeout(READY_LIMIT, shared.objects.check_identity()),
    );
    let (database, objects) = (matches!(database, Ok(Ok(()))), matches!(objects, Ok(Ok(()))));
    let ready = database && objects && !shared.shutdown.is_cancelled();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, database, objects })).into_response()
}

/// Metrics, in Prometheus's text form
#[utoipa::path(
    get, path = paths::METRICS, tag = "service",
    responses((status = 200, description = "All metrics of the process", body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    shared.metrics.free_slots.set(gauge(shared.spool.free_slots() as u64));
    // Without the database the rest is still worth reading.
    if let Ok(Ok(depth)) = timeout(READY_LIMIT, shared.store.queue_depth()).await {
        shared.metrics.queued.set(gauge(depth.count));
        shared.metrics.oldest_queued.set(gauge(depth.oldest.map_or(0, |at| age_of(at).as_secs())));
    }
    shared.metrics.family.page()
}
