//! What an operator counts, in one place: names, units, descriptions.

use collimate_http::MetricFamily;
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, Registry};

const SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) family: MetricFamily,
    pub(crate) open: IntGauge,
    pub(crate) signed: IntCounter,
    /// By code.
    pub(crate) failures: IntCounterVec,
    pub(crate) verified: IntCounter,
    pub(crate) verifying: IntGauge,
    /// By outcome.
    pub(crate) deliveries: IntCounterVec,
    pub(crate) seconds: Histogram,
}

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let family = MetricFamily::new(registry, "collimate_operator");
        Ok(Self {
            open: family.gauge("tasks_open", "Tasks that can be answered")?,
            signed: family.counter("tasks_signed_total", "Tasks that were signed")?,
            failures: family.counters(
                "task_failures_total",
                "Tries that did not end with a signature",
                &["code"],
            )?,
            verified: family.counter("proofs_verified_total", "Proofs that hold")?,
            verifying: family.gauge(
                "verifications_running",
                "Verifications that have not ended, also those that nobody waits for any more",
            )?,
            deliveries: family.counters(
                "deliveries_total",
                "Requests to signature aggregators",
                &["outcome"],
            )?,
            seconds: family.histogram(
                "task_seconds",
                "Time from when a task was seen to its signature",
                &SECONDS,
            )?,
            family,
        })
    }
}
