//! `GET /v1/proofs/{id}/events`: a proof's changes of status as they happen, as server-sent events.
//! The history is what the database's triggers write.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, State},
    http::HeaderMap,
    response::Response,
};
use collimate_api::{Problem, ProofEvent as ApiEvent};
use collimate_http::Change;
use collimate_store::ProofEvent;

use crate::{
    ask::OfProof,
    fault::Fault,
    shared::{Shared, seconds},
};

/// A proof's changes of status, as they happen
///
/// Server-sent events named `status`, beginning with those that happened already, or after the one that `Last-Event-ID` names.
/// The stream ends when the proof's course has ended.
#[utoipa::path(
    get, path = "/v1/proofs/{id}/events", tag = "proofs",
    params(
        ("id" = String, Path, format = "uuid", description = "The proof's id"),
        ("Last-Event-ID" = Option<i64>, Header, description = "Only events after this one"),
    ),
    responses(
        (status = 200, description = "A stream of events, each a JSON document", body = ApiEvent, content_type = "text/event-stream"),
        (status = 400, description = "No UUID", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such proof", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams of this client", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, or the database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    OfProof(id): OfProof,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let place = shared.streams.enter(shared.door.client(peer, &headers))?;
    let known = shared.database(shared.store.submission(id)).await?;
    known.ok_or_else(|| Fault::not_found("proof"))?;
    let reader = Arc::clone(&shared);
    let read = move |last: i64| {
        let shared = Arc::clone(&reader);
        async move {
            // A database that is away is waited for: the stream lives on what is stored.
            let events = shared.database(shared.store.proof_events_after(id, last)).await;
            events.unwrap_or_default().into_iter().map(change).collect::<Vec<_>>()
        }
    };
    Ok(shared.streams.answer(place, &headers, read))
}

fn change((sequence, event): (i64, ProofEvent)) -> Change<ApiEvent> {
    let is_end = event.status.is_end();
    let body = ApiEvent {
        sequence,
        status: crate::proofs::status(event.status),
        code: event.code,
        reason: event.reason,
        run_id: event.run_id,
        at: seconds(event.at),
    };
    Change { sequence, is_end, body }
}
