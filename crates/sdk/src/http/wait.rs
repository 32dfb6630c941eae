//! Waiting for a status of something that a service has.

use std::{fmt, time::Duration};

use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Failure, Peer, Problem};

/// How often a client that could not have events asks again and again before it tries for them once more.
pub const POLLS_BEFORE_EVENTS: u32 = 15;

/// A change of a status, as an event has it.
pub(crate) trait Change: DeserializeOwned {
    /// What the service answers when it is asked.
    type Answer;
    type Status: Copy + PartialEq + 'static;

    /// A normal course, from its begin to its end. Other statuses are ends, too: failures.
    const COURSE: &'static [Self::Status];

    /// What an answer tells, as an event.
    fn of(answer: &Self::Answer) -> Self;

    /// Number of the event, the status, and the second since which it holds.
    fn parts(&self) -> (i64, Self::Status, u64);
}

/// How waiting ended.
pub(crate) enum Waited<A> {
    /// With the status that was waited for, or a later one.
    Reached(A),
    /// With an end that is not what was waited for.
    Ended(A),
    /// It took longer than the limit.
    NotYet(A, Duration),
}

impl<P: Problem> Peer<P> {
    /// Waits for a status or a later one of a normal course. Follows the events at `path`; where they cannot be had, asks again and again.
    /// `seen` hears every change, the present status first.
    pub(crate) async fn wait<C, E, F>(
        &self,
        action: &'static str,
        path: &str,
        ask: impl Fn() -> F,
        wanted: C::Status,
        limit: Duration,
        seen: &mut (dyn FnMut(&C) + Send),
    ) -> Result<Waited<C::Answer>, E>
    where
        C: Change,
        E: From<Failure<P>> + fmt::Display,
        F: Future<Output = Result<C::Answer, E>>,
    {
        let started = Instant::now();
        let deadline = started + limit;
        let mut watch = Watch { wanted, told: None, sequence: None, announced: false, seen };
        loop {
            let answer = ask().await?;
            let change = C::of(&answer);
            watch.note(&change);
            let (_, status, _) = change.parts();
            if watch.is_reached(status) {
                return Ok(Waited::Reached(answer));
            }
            if is_end::<C>(status) {
                return Ok(Waited::Ended(answer));
            }
            if std::mem::take(&mut watch.announced) {
                // Events and answer contradict each other, so it is not asked without a pause.
                sleep(self.settings.poll).await;
            }
            let follow = async {
                if let Err(failure) = self.follow(action, path, &mut watch).await {
                    let error = E::from(failure);
                    tracing::debug!(%error, "no events; asking instead");
                    self.poll(&ask, &mut watch).await;
                }
            };
            let passed = timeout_at(deadline, follow).await;
            if passed.is_err() || Instant::now() >= deadline {
                return Ok(Waited::NotYet(answer, started.elapsed()));
            }
        }
    }

    /// Follows events until the wait may be over, or the stream is.
    async fn follow<C: Change>(
        &self,
        action: &'static str,
        path: &str,
        watch: &mut Watch<'_, C>,
    ) -> Result<(), Failure<P>> {
        let after = watch.sequence.map(|sequence| sequence.to_string());
        let mut events = self.events(action, path, after).await?;
        let mut came = false;
        while let Some(event) = events.next::<C, P>("status").await? {
            came = true;
            watch.sequence = Some(event.parts().0);
            watch.announced = watch.note(&event);
            if watch.announced {
                return Ok(());
            }
        }
        if !came {
            // A stream that ends at once would be opened without a pause.
            sleep(self.settings.poll).await;
        }
        Ok(())
    }

    /// Asks until the wait may be over, or it is time to try for events again.
    async fn poll<C, E, F>(&self, ask: impl Fn() -> F, watch: &mut Watch<'_, C>)
    where
        C: Change,
        F: Future<Output = Result<C::Answer, E>>,
    {
        for _ in 0..POLLS_BEFORE_EVENTS {
            sleep(self.settings.poll).await;
            // An error shows itself to the caller, who asks next.
            let Ok(answer) = ask().await else { return };
            if watch.note(&C::of(&answer)) {
                return;
            }
        }
    }
}

struct Watch<'a, C: Change> {
    wanted: C::Status,
    /// The status that was told last, and the second since which it held.
    told: Option<(C::Status, u64)>,
    sequence: Option<i64>,
    /// Whether an event said that the wait is over.
    announced: bool,
    seen: &'a mut (dyn FnMut(&C) + Send),
}

impl<C: Change> Watch<'_, C> {
    /// Tells of a change, and says whether the wait may be over with it. Events of the past, which a new stream begins with, are no
    /// changes. Times are in seconds, so within one the course decides.
    fn note(&mut self, change: &C) -> bool {
        let (_, status, at) = change.parts();
        let is_news = self.told.is_none_or(|(told, since)| {
            status != told && (at, place::<C>(status)) >= (since, place::<C>(told))
        });
        if is_news {
            self.told = Some((status, at));
            (self.seen)(change);
        }
        self.is_reached(status) || is_end::<C>(status)
    }

    fn is_reached(&self, status: C::Status) -> bool {
        match C::COURSE.contains(&status) {
            true => place::<C>(status) >= place::<C>(self.wanted),
            false => status == self.wanted,
        }
    }
}

/// Place in a normal course; failures come after it.
fn place<C: Change>(status: C::Status) -> usize {
    C::COURSE.iter().position(|known| *known == status).unwrap_or(C::COURSE.len())
}

/// Whether nothing but a reorganisation of the chain can change it any more.
fn is_end<C: Change>(status: C::Status) -> bool {
    place::<C>(status).saturating_add(1) >= C::COURSE.len()
}
