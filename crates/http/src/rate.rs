//! Token buckets, one for each client or account, in bounded memory.

use std::{
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::bounded::Bounded;

/// Keys whose buckets are remembered. One that is forgotten starts full.
const REMEMBERED: usize = 65_536;

/// How much one client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// Holds each key to a rate, or to none.
#[derive(Debug)]
pub struct RateLimit<K> {
    rate: Option<Rate>,
    buckets: Mutex<Bounded<K, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Hash + Eq + Clone> RateLimit<K> {
    /// The rate of each key; `None` limits nothing.
    #[must_use]
    pub fn new(rate: Option<Rate>) -> Self {
        Self { rate, buckets: Mutex::new(Bounded::new(REMEMBERED)) }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// How long it takes until there is one.
    pub fn take(&self, key: K) -> Result<(), Duration> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: K, now: Instant) -> Result<(), Duration> {
        let Some(rate) = self.rate else { return Ok(()) };
        let (per_second, burst) = (f64::from(rate.per_second.max(1)), f64::from(rate.burst.max(1)));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(&key) {
            let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
            bucket.tokens = (bucket.tokens + passed * per_second).min(burst);
            bucket.at = now;
            if bucket.tokens < 1.0 {
                return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / per_second));
            }
            bucket.tokens -= 1.0;
        } else {
            buckets.insert(key, Bucket { tokens: burst - 1.0, at: now });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds_for_each_key_alone() {
        let limit = RateLimit::new(Some(Rate { per_second: 10, burst: 3 }));
        let start = Instant::now();
        for _ in 0..3 {
            assert!(limit.take_at("a", start).is_ok());
        }
        let wait = limit.take_at("a", start).unwrap_err();
        assert!((wait.as_secs_f64() - 0.1).abs() < 1e-6, "{wait:?}");
        assert!(limit.take_at("b", start).is_ok());
        let later = start + Duration::from_millis(101);
        assert!(limit.take_at("a", later).is_ok());
        assert!(limit.take_at("a", later).is_err());
    }

    #[test]
    fn a_pause_never_saves_up_more_than_the_burst() {
        let limit = RateLimit::new(Some(Rate { per_second: 1000, burst: 2 }));
        let start = Instant::now();
        assert!(limit.take_at((), start).is_ok());
        let later = start + Duration::from_secs(3600);
        assert!(limit.take_at((), later).is_ok());
        assert!(limit.take_at((), later).is_ok());
        assert!(limit.take_at((), later).is_err());
    }

    #[test]
    fn without_a_rate_nothing_is_limited() {
        let limit = RateLimit::new(None);
        assert!((0..10_000).all(|_| limit.take(1).is_ok()));
    }
}
