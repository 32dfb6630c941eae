//! Takes signatures, and gives them away.

use std::sync::Arc;

use alloy::primitives::B256;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use collimate_tasks::wire::{MAX_REQUEST_BYTES, Refusal, TaskSignature};
use serde_json::json;

use crate::{SignaturesError, service::Intake};

pub(crate) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/v1/tasks/{task_id}/signatures", get(signatures).post(submit))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .with_state(intake)
}

async fn submit(
    State(intake): State<Arc<Intake>>,
    Path(task): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let taken = match read(&task, body) {
        Ok((task, answer)) => intake.submit(task, answer).await,
        Err(error) => Err(error),
    };
    let outcome = taken.as_ref().map_or_else(SignaturesError::code, |_| "counted");
    intake.metrics.signatures.with_label_values(&[outcome]).inc();
    taken.map_or_else(|error| refuse(&error), |taken| Json(taken).into_response())
}

fn read(
    task: &str,
    body: Result<Bytes, BytesRejection>,
) -> Result<(B256, TaskSignature), SignaturesError> {
    let unreadable = |reason: String| SignaturesError::Request { reason };
    let task = task
        .parse::<B256>()
        .map_err(|_| unreadable("the task's id is not 32 bytes in hex".into()))?;
    let body = body.map_err(|error| unreadable(error.body_text()))?;
    let answer = serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))?;
    Ok((task, answer))
}

async fn signatures(State(intake): State<Arc<Intake>>, Path(task): Path<String>) -> Response {
    match task.parse::<B256>().ok().and_then(|task| intake.tasks.get(task)) {
        Some(entry) => Json(entry.view()).into_response(),
        None => refuse(&SignaturesError::UnknownTask),
    }
}

/// The node is asked, since without one no task is seen.
async fn health(State(intake): State<Arc<Intake>>) -> Response {
    let status = match intake.manager.disabled_systems().await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = json!({
        "chainId": intake.manager.chain_id(),
        "serviceManager": intake.manager.address(),
        "responder": intake.responder_account,
    });
    (status, Json(body)).into_response()
}

async fn metrics(State(intake): State<Arc<Intake>>) -> Response {
    intake.metrics.family.page()
}

/// What is wrong on this side is logged, and said without its details.
fn refuse(error: &SignaturesError) -> Response {
    let message = match error {
        SignaturesError::Task(_) | SignaturesError::Chain(_) => {
            tracing::warn!(%error, "a signature could not be checked");
            format!(
                "[{}] the aggregator cannot ask the chain; send it again in a moment",
                error.code()
            )
        }
        error => error.to_string(),
    };
    let code = error.code().to_owned();
    // Its own trouble is no verdict on the signature.
    let retryable = error.is_retryable() || error.status().is_server_error();
    (error.status(), Json(Refusal { code, message, retryable })).into_response()
}
