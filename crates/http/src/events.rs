//! Server-sent events about something whose history is stored.
//!
//! Each stream reads the history, so that an event is never missed, whoever wrote it, and a client that lost its connection goes on
//! from the last event it saw (`Last-Event-ID`).

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use prometheus::IntGauge;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    client::{ClientKey, Entry, PerClient},
    fault::Refused,
};

/// When a client with too many streams may try again, if it closes none.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Something that happened, as it is told.
#[derive(Clone, Copy, Debug)]
pub struct Change<T> {
    /// Its place in the history.
    pub sequence: i64,
    /// Whether nothing follows, unless it stands in the history already.
    pub is_end: bool,
    /// The event's JSON.
    pub body: T,
}

/// The streams of a service.
#[derive(Debug)]
pub struct EventStreams {
    room: Arc<Semaphore>,
    clients: PerClient,
    most_per_client: usize,
    interval: Duration,
    open: IntGauge,
    shutdown: CancellationToken,
}

/// A place among the streams that are open, until it is dropped.
#[derive(Debug)]
pub struct StreamPlace {
    open: IntGauge,
    _permit: OwnedSemaphorePermit,
    _entry: Entry,
}

impl EventStreams {
    /// So many streams at once, and of one client, which look every `interval`, are counted by `open`, and end with `shutdown`.
    #[must_use]
    pub fn new(
        most: usize,
        most_per_client: usize,
        interval: Duration,
        open: IntGauge,
        shutdown: CancellationToken,
    ) -> Self {
        let room = Arc::new(Semaphore::new(most));
        Self { room, clients: PerClient::default(), most_per_client, interval, open, shutdown }
    }

    /// Takes a place for a client.
    ///
    /// # Errors
    /// The client has too many, or all together.
    pub fn enter(&self, client: ClientKey) -> Result<StreamPlace, Refused> {
        let most = self.most_per_client;
        let entry = self.clients.enter(client, most).ok_or_else(|| {
            let detail = format!(
                "this address has {most} streams of events open; close one, or ask for statuses instead"
            );
            Refused::RateLimited { detail, wait: RETRY_AFTER }
        })?;
        let permit = Arc::clone(&self.room)
            .try_acquire_owned()
            .map_err(|_| Refused::Busy("too many streams of events are open"))?;
        let open = self.open.clone();
        open.inc();
        Ok(StreamPlace { open, _permit: permit, _entry: entry })
    }

    /// Tells what the history has after the last event that the client saw, and all that follows, up to an end. `read` gives what
    /// comes after a place in the history; nothing, too, while it cannot be read.
    pub fn answer<T, F, R>(&self, place: StreamPlace, headers: &HeaderMap, read: F) -> Response
    where
        T: Serialize + Send + 'static,
        F: FnMut(i64) -> R + Send + 'static,
        R: Future<Output = Vec<Change<T>>> + Send + 'static,
    {
        let seen =
            headers.get("last-event-id").and_then(|id| id.to_str().ok()?.trim().parse().ok());
        let watch = Watch {
            _place: place,
            read,
            last: seen.unwrap_or(0),
            waiting: VecDeque::new(),
            ended: false,
            interval: self.interval,
            shutdown: self.shutdown.clone(),
        };
        let events = stream::unfold(watch, |mut watch| async move {
            watch.next().await.map(|event| (Ok::<_, Infallible>(event), watch))
        });
        Sse::new(events).keep_alive(KeepAlive::default()).into_response()
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.open.dec();
    }
}

struct Watch<T, F> {
    _place: StreamPlace,
    read: F,
    last: i64,
    waiting: VecDeque<Change<T>>,
    ended: bool,
    interval: Duration,
    shutdown: CancellationToken,
}

impl<T, F, R> Watch<T, F>
where
    T: Serialize,
    F: FnMut(i64) -> R,
    R: Future<Output = Vec<Change<T>>>,
{
    /// The next event; none when the course, or the service, has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(change) = self.waiting.pop_front() {
                self.last = change.sequence;
                // An end that was taken back is followed by more.
                self.ended = change.is_end && self.waiting.is_empty();
                let event = Event::default().event("status").id(change.sequence.to_string());
                return event.json_data(change.body).ok();
            }
            if self.ended {
                return None;
            }
            self.waiting = (self.read)(self.last).await.into();
            if self.waiting.is_empty() {
                tokio::select! {
                    () = sleep(self.interval) => {}
                    () = self.shutdown.cancelled() => return None,
                }
            }
        }
    }
}
