//! `GET /v1/batcher/groups/{id}/events`: a group's changes of status as they happen, as server-sent events.
//!
//! Each stream reads the history that the database's trigger writes, so that an event is never missed, whoever changed the
//! status, and a client that lost its connection goes on from the last event it saw (`Last-Event-ID`).

use std::{collections::VecDeque, convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use alloy::primitives::B256;
use axum::{
    extract::{ConnectInfo, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use collimate_api::fast::{BatcherProblemCode, GroupEvent};
use collimate_http::{ClientKey, Entry};
use collimate_store::GroupChange;
use futures::stream;
use prometheus::IntGauge;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use crate::{
    ask::OfGroup,
    fault::Fault,
    shared::{Shared, seconds},
};

/// When a client with too many streams may try again, if it closes none.
const RETRY_AFTER: Duration = Duration::from_secs(10);

pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    OfGroup(id): OfGroup,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let client = ClientKey::of_request(peer, &headers, shared.intake.trusted_proxies);
    let most = shared.intake.max_event_streams_per_client.get();
    let entry = shared.streams_of_clients.enter(client, most).ok_or_else(|| {
        let detail = format!(
            "this address has {most} streams of events open; close one, or ask for statuses instead"
        );
        Fault::new(BatcherProblemCode::RateLimited, detail).retry_after(RETRY_AFTER)
    })?;
    let permit = Arc::clone(&shared.event_streams)
        .try_acquire_owned()
        .map_err(|_| Fault::busy("too many streams of events are open"))?;
    let known = shared.database(shared.ledger.group(&id.0)).await?;
    known.ok_or_else(|| Fault::not_found("group"))?;
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
    id: B256,
    last: i64,
    waiting: VecDeque<GroupChange>,
    ended: bool,
}

impl Watch {
    /// The next event; none when the course, or the service, has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                self.last = change.sequence;
                // Ends that a reorganisation took back are followed by more.
                self.ended = change.status.is_end() && self.waiting.is_empty();
                return render(change);
            }
            if self.ended {
                return None;
            }
            // A database that is away is waited for: the stream lives on what is stored.
            let read = self.shared.ledger.group_changes_after(&self.id.0, self.last);
            self.waiting = self.shared.database(read).await.unwrap_or_default().into();
            if self.waiting.is_empty() {
                tokio::select! {
                    () = sleep(self.shared.intake.event_interval) => {}
                    () = self.shared.shutdown.cancelled() => return None,
                }
            }
        }
    }
}

fn render(change: GroupChange) -> Option<Event> {
    let body = GroupEvent {
        sequence: change.sequence,
        status: crate::groups::status(change.status),
        code: change.code,
        reason: change.reason,
        batch_id: change.batch_id,
        at: seconds(change.at),
    };
    Event::default().event("status").id(change.sequence.to_string()).json_data(body).ok()
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
