//! Growing pauses between tries.

use std::time::Duration;

use rand::Rng;

/// Pauses that double up to a limit, each between half and all of its length at random, so that many clients of a node that
/// comes back do not ask at the same moment.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    limit: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, limit: Duration) -> Self {
        Self { first, limit, next: first }
    }

    /// Length of the next pause.
    pub(crate) fn next_delay(&mut self) -> Duration {
        let delay = self.next;
        self.next = delay.saturating_mul(2).min(self.limit);
        delay.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// To be called after a success: the next pause is short again.
    pub(crate) const fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_start_again_after_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        for most in [100, 200, 350, 350] {
            let delay = backoff.next_delay();
            assert!(delay <= Duration::from_millis(most), "{delay:?}");
            assert!(delay >= Duration::from_millis(most / 2), "{delay:?}");
        }
        backoff.reset();
        assert!(backoff.next_delay() <= Duration::from_millis(100));
    }
}
