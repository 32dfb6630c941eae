//! Which runs may be worked on: one that met trouble is put aside for a while, and never holds the next one up.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use collimate_store::{RunId, RunStatus};

/// How long a run is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first error in a row that may pass by itself; doubles with each.
    pub first: Duration,
    /// The longest pause after such errors.
    pub longest: Duration,
    /// After an error that needs a person, who may have come meanwhile.
    pub permanent: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            permanent: Duration::from_secs(300),
        }
    }
}

impl Backoff {
    /// The pause after so many failures in a row.
    #[must_use]
    pub fn after(&self, failures: u32, retryable: bool) -> Duration {
        if !retryable {
            return self.permanent;
        }
        let doublings = failures.saturating_sub(1).min(16);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// A run that is put aside.
#[derive(Debug, Clone, Copy)]
struct Aside {
    /// The step that failed.
    step: RunStatus,
    failures: u32,
    until: Instant,
}

/// The runs that are put aside. Forgotten when the process ends: then each is tried at once.
#[derive(Debug, Default)]
pub(crate) struct Schedule(BTreeMap<RunId, Aside>);

impl Schedule {
    /// Whether a run may be worked on.
    pub(crate) fn is_due(&self, run: RunId, now: Instant) -> bool {
        self.0.get(&run).is_none_or(|aside| aside.until <= now)
    }

    /// Puts a run aside whose step failed, and returns how often in a row it did.
    pub(crate) fn put_aside(
        &mut self,
        (run, step): (RunId, RunStatus),
        backoff: &Backoff,
        retryable: bool,
        now: Instant,
    ) -> u32 {
        let aside = self.0.entry(run).or_insert(Aside { step, failures: 0, until: now });
        aside.step = step;
        aside.failures = aside.failures.saturating_add(1);
        aside.until = now + backoff.after(aside.failures, retryable);
        aside.failures
    }

    /// A step of the run went well. If it is the one that failed, the trouble is over: a step before it, which is repeated,
    /// says nothing. False while there is still trouble.
    pub(crate) fn clear(&mut self, run: RunId, step: RunStatus) -> bool {
        if self.0.get(&run).is_some_and(|aside| aside.step != step) {
            return false;
        }
        self.0.remove(&run);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_trouble_comes_back_later_and_later_and_stops_no_other() {
        let (mut schedule, backoff, now) =
            (Schedule::default(), Backoff::default(), Instant::now());
        let step = (1, RunStatus::Confirming);
        assert_eq!(schedule.put_aside(step, &backoff, true, now), 1);
        assert!(!schedule.is_due(1, now) && schedule.is_due(2, now));
        assert!(schedule.is_due(1, now + backoff.first));
        for failures in 2..40 {
            assert!(!schedule.clear(1, RunStatus::Attesting), "the step before it");
            assert_eq!(schedule.put_aside(step, &backoff, true, now), failures);
        }
        assert!(!schedule.is_due(1, now + backoff.longest - Duration::from_millis(1)));
        assert!(schedule.is_due(1, now + backoff.longest));
        schedule.put_aside(step, &backoff, false, now);
        assert!(!schedule.is_due(1, now + backoff.longest));
        assert!(schedule.clear(1, RunStatus::Confirming));
        assert!(schedule.is_due(1, now));
    }
}
