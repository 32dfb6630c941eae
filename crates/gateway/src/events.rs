//! `GET /v1/proofs/{id}/events`: a proof's changes of status as they happen, as server-sent events.
//!
//! Each stream reads the history that the database's triggers write, so that an event is never missed, whoever changed the
//! status, and a client that lost its connection goes on from the last event it saw (`Last-Event-ID`).

use std::{collections::VecDeque, convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use collimate_api::{Problem, ProblemCode, ProofEvent as ApiEvent, ProofId};
use collimate_http::{ClientKey, Entry};
use collimate_store::ProofEvent;
use futures::stream;
use prometheus::IntGauge;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use crate::{
    ask::OfProof,
    fault::Fault,
    shared::{Shared, seconds},
};

/// When a client with too many streams may try again, if it closes none.
const RETRY_AFTER: Duration = Duration::from_secs(10);

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
    let client = ClientKey::of_request(peer, &headers, shared.trusted_proxies);
    let entry = shared.streams_of_clients.enter(client, shared.max_streams_per_client);
    let entry = entry.ok_or_else(|| {
        let detail = format!(
            "this address has {} streams of events open; close one, or ask for statuses instead",
            shared.max_streams_per_client
        );
        Fault::new(ProblemCode::RateLimited, detail).retry_after(RETRY_AFTER)
    })?;
    let permit = Arc::clone(&shared.event_streams)
        .try_acquire_owned()
        .map_err(|_| Fault::busy("too many streams of events are open"))?;
    let known = shared.database(shared.store.submission(id)).await?;
    known.ok_or_else(|| Fault::not_found("proof"))?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
    let watch = Watch {
        _open: Open::new(shared.metrics.streams.clone(), permit, entry),
        shared,
        id,
        last: last.unwrap_or(0),
        waiting: VecDeque::new(),
        ended: false,
    };
    let events = stream::unfold(watch, |mut watch| async move {
        watch.next().await.map(|event| (Ok::<_, Infallible>(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

struct Watch {
    _open: Open,
    shared: Arc<Shared>,
    id: ProofId,
    last: i64,
    waiting: VecDeque<(i64, ProofEvent)>,
    ended: bool,
}

impl Watch {
    /// The next event; none when the course, or the service, has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((sequence, event)) = self.waiting.pop_front() {
                self.last = sequence;
                self.ended = event.status.is_end();
                return render(sequence, event);
            }
            if self.ended {
                return None;
            }
            // A database that is away is waited for: the stream lives on what is stored.
            let read = self.shared.store.proof_events_after(self.id, self.last);
            self.waiting = self.shared.database(read).await.unwrap_or_default().into();
            if self.waiting.is_empty() {
                tokio::select! {
                    () = sleep(self.shared.event_interval) => {}
                    () = self.shared.shutdown.cancelled() => return None,
                }
            }
        }
    }
}

fn render(sequence: i64, event: ProofEvent) -> Option<Event> {
    let body = ApiEvent {
        sequence,
        status: crate::proofs::status(event.status),
        code: event.code,
        reason: event.reason,
        run_id: event.run_id,
        at: seconds(event.at),
    };
    Event::default().event("status").id(sequence.to_string()).json_data(body).ok()
}

/// Counts the stream while it is open.
struct Open {
    gauge: IntGauge,
    _permit: OwnedSemaphorePermit,
    _entry: Entry,
}

impl Open {
    fn new(gauge: IntGauge, permit: OwnedSemaphorePermit, entry: Entry) -> Self {
        gauge.inc();
        Self { gauge, _permit: permit, _entry: entry }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
