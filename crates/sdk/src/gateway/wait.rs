//! Waiting for a proof's status.

use std::time::Duration;

use collimate_api::{Problem, ProofAnswer, ProofEvent, ProofId, ProofStatus, paths};
use tokio::time::{Instant, sleep, timeout_at};

use super::{GatewayClient, GatewayError};

/// How long a client that could not have events asks again and again before it tries for them once more.
const POLLS_BEFORE_EVENTS: u32 = 15;

impl GatewayClient {
    /// Waits until a proof has this status or a later one of a normal course, and returns it. Follows the proof's events; where
    /// they cannot be had (a proxy that holds them back, an older gateway), asks again and again.
    ///
    /// `seen` hears every change, the present status first.
    ///
    /// # Errors
    /// [`GatewayError::Ended`] if the proof was rejected or failed; [`GatewayError::NotYet`] after `limit`;
    /// [`GatewayError::Unreachable`] if the gateway stays away for longer than the client is patient.
    pub async fn wait(
        &self,
        id: &ProofId,
        status: ProofStatus,
        limit: Duration,
        seen: &mut (dyn FnMut(&ProofEvent) + Send),
    ) -> Result<ProofAnswer, GatewayError> {
        let started = Instant::now();
        let deadline = started + limit;
        let mut watch =
            Watch { id: *id, wanted: status, last: None, since: 0, sequence: None, seen };
        loop {
            let answer = self.proof(id).await?;
            watch.note(&event_of(&answer));
            if let Some(result) = watch.result(&answer) {
                return result;
            }
            let passed = timeout_at(deadline, self.follow(&mut watch)).await;
            if passed.is_err() || Instant::now() >= deadline {
                let waited = started.elapsed();
                return Err(GatewayError::NotYet { id: *id, status: answer.status, waited });
            }
        }
    }

    /// Follows events until the status that is waited for may be reached, or it is time to look for oneself.
    async fn follow(&self, watch: &mut Watch<'_>) {
        match self.follow_events(watch).await {
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(%error, "no events; asking instead");
                self.poll(watch).await;
            }
        }
    }

    async fn follow_events(&self, watch: &mut Watch<'_>) -> Result<(), GatewayError> {
        let after = watch.sequence.map(|sequence| sequence.to_string());
        let path = paths::events(&watch.id);
        let peer = &self.0.peer;
        let mut events = peer.events::<Problem>("a proof's events", &path, after).await?;
        let mut came = false;
        while let Some(event) = events.next::<ProofEvent, Problem>("status").await? {
            came = true;
            watch.sequence = Some(event.sequence);
            watch.note(&event);
            if watch.is_reached(event.status) || event.status.is_end() {
                return Ok(());
            }
        }
        if !came {
            // A stream that ends at once would be opened without a pause.
            sleep(self.0.settings.poll).await;
        }
        Ok(())
    }

    async fn poll(&self, watch: &mut Watch<'_>) {
        for _ in 0..POLLS_BEFORE_EVENTS {
            sleep(self.0.settings.poll).await;
            // An error shows itself to the caller, who asks next.
            let Ok(answer) = self.proof(&watch.id).await else { return };
            watch.note(&event_of(&answer));
            if watch.is_reached(answer.status) || answer.status.is_end() {
                return;
            }
        }
    }
}

struct Watch<'a> {
    id: ProofId,
    wanted: ProofStatus,
    last: Option<ProofStatus>,
    /// When the status that was told last began.
    since: u64,
    sequence: Option<i64>,
    seen: &'a mut (dyn FnMut(&ProofEvent) + Send),
}

impl Watch<'_> {
    /// Tells of a change. Events of the past, which a new stream begins with, are no changes. Times are in seconds, so
    /// within one the course decides.
    fn note(&mut self, event: &ProofEvent) {
        if self.last == Some(event.status) {
            return;
        }
        let is_before = self.last.is_some_and(|last| place(event.status) < place(last));
        if event.at < self.since || (event.at == self.since && is_before) {
            return;
        }
        self.last = Some(event.status);
        self.since = event.at;
        (self.seen)(event);
    }

    fn is_reached(&self, status: ProofStatus) -> bool {
        match status {
            ProofStatus::Rejected | ProofStatus::Failed => status == self.wanted,
            _ => place(status) >= place(self.wanted),
        }
    }

    fn result(&self, answer: &ProofAnswer) -> Option<Result<ProofAnswer, GatewayError>> {
        if self.is_reached(answer.status) {
            return Some(Ok(answer.clone()));
        }
        if !answer.status.is_end() {
            return None;
        }
        let code = answer.code.as_deref().unwrap_or_default();
        let text = answer.reason.as_deref().unwrap_or("the service gave no reason");
        let reason = if text.contains(code) { text.to_owned() } else { format!("[{code}] {text}") };
        Some(Err(GatewayError::Ended { id: self.id, status: answer.status, reason }))
    }
}

/// Place in a normal course.
fn place(status: ProofStatus) -> usize {
    ProofStatus::ALL.iter().position(|known| *known == status).unwrap_or_default()
}

/// What an answer tells, as an event.
fn event_of(answer: &ProofAnswer) -> ProofEvent {
    ProofEvent {
        sequence: i64::MIN,
        status: answer.status,
        code: answer.code.clone(),
        reason: answer.reason.clone(),
        run_id: answer.run_id,
        at: answer.updated_at,
    }
}
