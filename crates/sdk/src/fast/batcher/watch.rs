//! Waiting for a group's status.

use std::time::Duration;

use collimate_api::fast::{
    self as wire, BatcherProblem, GroupAnswer, GroupEnd, GroupEvent, GroupId, GroupStatus,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::BatcherClient;
use crate::fast::{FastError, limits::POLLS_BEFORE_EVENTS};

impl BatcherClient {
    /// Waits until a group has this status or a later one of a normal course, and returns it. Follows the group's events; a stream
    /// that breaks is opened again where it broke, and where events cannot be had it is asked again and again.
    ///
    /// What comes back is the batcher's word. `seen` hears every change, the present status first.
    ///
    /// # Errors
    /// [`FastError::Ended`] if the group was rejected or failed; [`FastError::GroupNotYet`] after `limit`;
    /// [`FastError::Unreachable`] if the batcher stays away for longer than the client is patient.
    pub async fn wait(
        &self,
        id: &GroupId,
        status: GroupStatus,
        limit: Duration,
        seen: &mut (dyn FnMut(&GroupEvent) + Send),
    ) -> Result<GroupAnswer, FastError> {
        let started = Instant::now();
        let deadline = started + limit;
        let mut watch = Watch {
            id: *id,
            wanted: status,
            last: None,
            since: 0,
            sequence: None,
            announced: false,
            seen,
        };
        loop {
            let answer = self.group(id).await?;
            watch.note(&event_of(&answer));
            if let Some(result) = watch.result(&answer) {
                return result;
            }
            if std::mem::take(&mut watch.announced) {
                // Events and answer contradict each other, so it is not asked without a pause.
                sleep(self.0.settings.poll).await;
            }
            let passed = timeout_at(deadline, self.follow(&mut watch)).await;
            if passed.is_err() || Instant::now() >= deadline {
                let waited = started.elapsed();
                return Err(FastError::GroupNotYet { id: *id, status: answer.status, waited });
            }
        }
    }

    /// Follows events until the status that is waited for may be reached, or it is time to look for oneself.
    async fn follow(&self, watch: &mut Watch<'_>) {
        if let Err(error) = self.follow_events(watch).await {
            tracing::debug!(%error, "no events; asking instead");
            self.poll(watch).await;
        }
    }

    async fn follow_events(&self, watch: &mut Watch<'_>) -> Result<(), FastError> {
        let after = watch.sequence.map(|sequence| sequence.to_string());
        let (path, peer) = (wire::group_events(&watch.id), &self.0.peer);
        let mut events = peer.events::<BatcherProblem>("a group's events", &path, after).await?;
        let mut came = false;
        while let Some(event) = events.next::<GroupEvent, BatcherProblem>("status").await? {
            came = true;
            watch.sequence = Some(event.sequence);
            watch.note(&event);
            if watch.is_reached(event.status) || event.status.is_end() {
                watch.announced = true;
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
            let Ok(answer) = self.group(&watch.id).await else { return };
            watch.note(&event_of(&answer));
            if watch.is_reached(answer.status) || answer.status.is_end() {
                return;
            }
        }
    }
}

struct Watch<'a> {
    id: GroupId,
    wanted: GroupStatus,
    last: Option<GroupStatus>,
    /// When the status that was told last began.
    since: u64,
    sequence: Option<i64>,
    /// Whether an event said that the wait is over.
    announced: bool,
    seen: &'a mut (dyn FnMut(&GroupEvent) + Send),
}

impl Watch<'_> {
    /// Tells of a change. Events of the past, which a new stream begins with, are no changes. Times are in seconds, so
    /// within one the course decides.
    fn note(&mut self, event: &GroupEvent) {
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

    fn is_reached(&self, status: GroupStatus) -> bool {
        match status {
            GroupStatus::Rejected | GroupStatus::Failed => status == self.wanted,
            _ => place(status) >= place(self.wanted),
        }
    }

    fn result(&self, answer: &GroupAnswer) -> Option<Result<GroupAnswer, FastError>> {
        if self.is_reached(answer.status) {
            return Some(Ok(answer.clone()));
        }
        answer.status.is_end().then(|| Err(ended(answer)))
    }
}

/// Why a group ended without being verified.
fn ended(answer: &GroupAnswer) -> FastError {
    let code = answer.code.as_deref().unwrap_or_default();
    let end = GroupEnd::ALL.iter().copied().find(|end| end.as_str() == code);
    let text = answer.reason.as_deref().unwrap_or("the batcher gave no reason");
    // It goes to terminals.
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    let reason = match end {
        Some(_) if text.starts_with('[') => text,
        Some(end) => format!("[{}] {text}", end.as_str()),
        None => format!("[SDK-078] {code} {text}"),
    };
    FastError::Ended { id: answer.id, status: answer.status, end, reason }
}

/// Place in a normal course.
fn place(status: GroupStatus) -> usize {
    GroupStatus::ALL.iter().position(|known| *known == status).unwrap_or_default()
}

/// What an answer tells, as an event.
fn event_of(answer: &GroupAnswer) -> GroupEvent {
    GroupEvent {
        sequence: i64::MIN,
        status: answer.status,
        code: answer.code.clone(),
        reason: answer.reason.clone(),
        batch_id: answer.batch.as_ref().map(|batch| batch.id),
        at: answer.updated_at,
    }
}
