//! What the gateway counts, in one place: names, units, descriptions.

use collimate_http::{MetricFamily, RequestMetrics};
use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge, Registry};

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) family: MetricFamily,
    pub(crate) requests: RequestMetrics,
    pub(crate) accepted: IntCounter,
    pub(crate) repeated: IntCounter,
    /// By the verifier's code.
    pub(crate) rejected: IntCounterVec,
    pub(crate) verification: Histogram,
    pub(crate) connections: IntGauge,
    pub(crate) streams: IntGauge,
    pub(crate) free_slots: IntGauge,
    pub(crate) queued: IntGauge,
    pub(crate) oldest_queued: IntGauge,
    /// By what became of them.
    pub(crate) swept: IntCounterVec,
}

const SECONDS: [f64; 12] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let family = MetricFamily::new(registry, "collimate_gateway");
        Ok(Self {
            requests: family.requests(&SECONDS)?,
            accepted: family.counter("proofs_accepted_total", "Proofs that took a credit")?,
            repeated: family.counter(
                "proofs_repeated_total",
                "Submissions of a proof that was stored before",
            )?,
            rejected: family.counters(
                "proofs_rejected_total",
                "Proofs that verifiers refused",
                &["code"],
            )?,
            verification: family.histogram(
                "verification_seconds",
                "Time of native verification, with the wait for a verifier",
                &SECONDS,
            )?,
            connections: family.gauge("connections", "Open connections")?,
            streams: family.gauge("event_streams", "Open streams of events")?,
            free_slots: family
                .gauge("upload_slots_free", "Uploads for which there is room in memory")?,
            queued: family.gauge("queued_proofs", "Proofs that wait for a run")?,
            oldest_queued: family
                .gauge("oldest_queued_seconds", "How long the first of them has waited")?,
            swept: family.counters(
                "proofs_swept_total",
                "Proofs found without an answer, after a crash",
                &["outcome"],
            )?,
            family,
        })
    }
}
