//! What a batcher counts, in one place: names, units, descriptions.

use collimate_http::{MetricFamily, RequestMetrics};
use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) family: MetricFamily,
    pub(crate) requests: RequestMetrics,
    pub(crate) accepted: IntCounter,
    pub(crate) repeated: IntCounter,
    /// Proofs, by the verifier's code.
    pub(crate) rejected: IntCounterVec,
    /// Groups that ended without being verified, by code.
    pub(crate) dropped: IntCounterVec,
    pub(crate) removed: IntCounter,
    /// By phase.
    pub(crate) phases: HistogramVec,
    pub(crate) batch_proofs: Histogram,
    pub(crate) batch_bytes: Histogram,
    /// Failures of steps, by code.
    pub(crate) failures: IntCounterVec,
    pub(crate) connections: IntGauge,
    pub(crate) streams: IntGauge,
    pub(crate) waiting: IntGauge,
    /// Groups in batches that are not done, by status.
    pub(crate) batched: IntGaugeVec,
    pub(crate) verifying: IntGauge,
}

const SECONDS: [f64; 13] =
    [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];
const PROOFS: [f64; 10] = [1.0, 2.0, 4.0, 16.0, 64.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0];
const BYTES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 2.7e8];

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let family = MetricFamily::new(registry, "collimate_batcher");
        Ok(Self {
            requests: family.requests(&SECONDS)?,
            accepted: family.counter("groups_accepted_total", "Groups accepted")?,
            repeated: family.counter(
                "groups_repeated_total",
                "Requests for a group that was accepted",
            )?,
            rejected: family.counters(
                "proofs_rejected_total",
                "Proofs that verifiers refused",
                &["code"],
            )?,
            dropped: family.counters(
                "groups_dropped_total",
                "Accepted groups that ended without being verified",
                &["code"],
            )?,
            removed: family.counter(
                "files_removed_total",
                "Files of groups that never got on chain, taken away",
            )?,
            phases: family.histograms(
                "phase_seconds",
                "Time of each phase: upload, verification, storing, waiting (for a batch), publishing, creation (of the task), \
                 response",
                "phase",
                &SECONDS,
            )?,
            batch_proofs: family.histogram("batch_proofs", "Proofs of a batch", &PROOFS)?,
            batch_bytes: family.histogram("batch_bytes", "Bytes of a batch's files", &BYTES)?,
            failures: family.counters(
                "failures_total",
                "Steps of the driver that failed",
                &["code"],
            )?,
            connections: family.gauge("connections", "Open connections")?,
            streams: family.gauge("event_streams", "Open streams of events")?,
            waiting: family.gauge("waiting_groups", "Groups that wait for a batch")?,
            batched: family.gauges(
                "batched_groups",
                "Groups in batches that are not done",
                &["status"],
            )?,
            verifying: family.gauge(
                "verifications_running",
                "Verifications that have not ended, also those that nobody waits for any more",
            )?,
            family,
        })
    }

    /// Notes how long a phase took.
    pub(crate) fn phase(&self, phase: &str, seconds: f64) {
        self.phases.with_label_values(&[phase]).observe(seconds);
    }
}
