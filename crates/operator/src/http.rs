//! What an operator answers: what it says of tasks, and how it is.

use std::sync::Arc;

use alloy::primitives::B256;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use collimate_tasks::wire::Refusal;
use serde_json::json;

use crate::{OperatorError, worker::Worker};

pub(crate) fn router(worker: Arc<Worker>) -> Router {
    Router::new()
        .route("/v1/tasks/{task_id}/signature", get(signature))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .with_state(worker)
}

async fn signature(State(worker): State<Arc<Worker>>, Path(task): Path<String>) -> Response {
    match task.parse::<B256>().ok().and_then(|task| worker.statuses.get(task)) {
        Some(view) => Json(view).into_response(),
        None => {
            let error = OperatorError::UnknownTask;
            let (code, message) = (error.code().to_owned(), error.to_string());
            let refusal = Refusal { code, message, retryable: true };
            (StatusCode::NOT_FOUND, Json(refusal)).into_response()
        }
    }
}

/// The node is asked, since an operator without one does nothing.
async fn health(State(worker): State<Arc<Worker>>) -> Response {
    let status = match worker.manager.disabled_systems().await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let key = alloy::primitives::hex::encode_prefixed(worker.signer.public_key().to_bytes());
    let body = json!({
        "chainId": worker.manager.chain_id(),
        "serviceManager": worker.manager.address(),
        "publicKey": key,
    });
    (status, Json(body)).into_response()
}

async fn metrics(State(worker): State<Arc<Worker>>) -> Response {
    worker.metrics.family.page()
}
