//! How long a run is put aside whose step failed.

use std::time::Duration;

use collimate_store::RunStatus;

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

/// Failures in a row of one run. Forgotten when the process ends: then the run is tried at once.
#[derive(Debug, Default)]
pub(crate) struct Streak {
    /// The step that failed last.
    step: Option<RunStatus>,
    failures: u32,
}

impl Streak {
    /// A step failed, or (`None`) it could not even be found out which is the next. Returns how often in a row that happened.
    pub(crate) fn failed(&mut self, step: Option<RunStatus>) -> u32 {
        self.step = step.or(self.step);
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// A step went well. If it is the one that failed, the trouble is over: a step before it, which is repeated, says nothing.
    /// False while there is still trouble.
    pub(crate) fn succeeded(&mut self, step: RunStatus) -> bool {
        if self.step.is_some_and(|failed| failed != step) {
            return false;
        }
        *self = Self::default();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_again_and_again_is_tried_later_and_later() {
        let (mut streak, backoff) = (Streak::default(), Backoff::default());
        assert_eq!(streak.failed(Some(RunStatus::Confirming)), 1);
        assert_eq!(backoff.after(1, true), backoff.first);
        for failures in 2..40 {
            assert!(!streak.succeeded(RunStatus::Attesting), "the step before it");
            assert_eq!(streak.failed(Some(RunStatus::Confirming)), failures);
            assert!(
                backoff.after(failures, true) > backoff.after(failures - 1, true) || failures > 7
            );
        }
        assert_eq!(backoff.after(39, true), backoff.longest);
        assert_eq!(backoff.after(1, false), backoff.permanent);
        assert!(streak.succeeded(RunStatus::Confirming));
        assert_eq!(streak.failed(None), 1);
        assert!(streak.succeeded(RunStatus::Proving), "any step shows that the database is back");
    }
}
