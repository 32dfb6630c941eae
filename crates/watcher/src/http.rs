//! What a watcher answers: what it found, and how it is.

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

use crate::{
    BatchView, Summary, WatcherError, limits::LISTED_BATCHES, service::summary, worker::Worker,
};

pub(crate) fn router(worker: Arc<Worker>) -> Router {
    Router::new()
        .route("/v1/watcher/summary", get(totals))
        .route("/v1/watcher/batches", get(batches))
        .route("/v1/watcher/batches/{task_id}", get(batch))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .with_state(worker)
}

async fn totals(State(worker): State<Arc<Worker>>) -> Json<Summary> {
    Json(summary(&worker))
}

/// The newest ones.
async fn batches(State(worker): State<Arc<Worker>>) -> Json<Vec<BatchView>> {
    let newest = worker
        .ledger
        .read(|state| state.newest().take(LISTED_BATCHES).map(BatchView::from).collect());
    Json(newest)
}

async fn batch(State(worker): State<Arc<Worker>>, Path(task): Path<String>) -> Response {
    let found = task
        .parse::<B256>()
        .ok()
        .and_then(|task| worker.ledger.read(|state| state.batch(task).map(BatchView::from)));
    match found {
        Some(view) => Json(view).into_response(),
        None => {
            let error = WatcherError::UnknownBatch;
            let (code, message) = (error.code().to_owned(), error.to_string());
            let refusal = Refusal { code, message, retryable: true };
            (StatusCode::NOT_FOUND, Json(refusal)).into_response()
        }
    }
}

/// The node is asked, since a watcher without one sees nothing.
async fn health(State(worker): State<Arc<Worker>>) -> Response {
    let status = match worker.manager.disabled_systems().await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = json!({
        "chainId": worker.manager.chain_id(),
        "serviceManager": worker.manager.address(),
        "lastBlock": worker.ledger.read(|state| state.tip().map(|tip| tip.number)),
    });
    (status, Json(body)).into_response()
}

async fn metrics(State(worker): State<Arc<Worker>>) -> Response {
    worker.metrics.page(&summary(&worker))
}
