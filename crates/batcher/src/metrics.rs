//! What a batcher counts, in one place: names, units, descriptions.

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// By route, method and status.
    pub(crate) requests: IntCounterVec,
    /// By route.
    pub(crate) duration: HistogramVec,
    /// By the problem's code.
    pub(crate) problems: IntCounterVec,
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
        let name = |name: &str| format!("collimate_batcher_{name}");
        let counter = |what: &str, help: &str| {
            let counter = IntCounter::new(name(what), help)?;
            registry.register(Box::new(counter.clone())).map(|()| counter)
        };
        let counters = |what: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name(what), help), labels)?;
            registry.register(Box::new(counters.clone())).map(|()| counters)
        };
        let gauge = |what: &str, help: &str| {
            let gauge = IntGauge::new(name(what), help)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let histogram = |what: &str, help: &str, buckets: &[f64]| {
            let opts = HistogramOpts::new(name(what), help).buckets(buckets.to_vec());
            let histogram = Histogram::with_opts(opts)?;
            registry.register(Box::new(histogram.clone())).map(|()| histogram)
        };
        let histograms = |what: &str, help: &str, label: &str| {
            let opts = HistogramOpts::new(name(what), help).buckets(SECONDS.to_vec());
            let histograms = HistogramVec::new(opts, &[label])?;
            registry.register(Box::new(histograms.clone())).map(|()| histograms)
        };
        let opts = Opts::new(name("batched_groups"), "Groups in batches that are not done");
        let batched = IntGaugeVec::new(opts, &["status"])?;
        registry.register(Box::new(batched.clone()))?;
        Ok(Self {
            requests: counters(
                "requests_total",
                "Requests answered",
                &["route", "method", "status"],
            )?,
            duration: histograms(
                "request_seconds",
                "Time from a request's head to the end of its answer's head",
                "route",
            )?,
            problems: counters("problems_total", "Requests answered with a problem", &["code"])?,
            accepted: counter("groups_accepted_total", "Groups accepted")?,
            repeated: counter("groups_repeated_total", "Requests for a group that was accepted")?,
            rejected: counters(
                "proofs_rejected_total",
                "Proofs that verifiers refused",
                &["code"],
            )?,
            dropped: counters(
                "groups_dropped_total",
                "Accepted groups that ended without being verified",
                &["code"],
            )?,
            removed: counter(
                "files_removed_total",
                "Files of groups that never got on chain, taken away",
            )?,
            phases: histograms(
                "phase_seconds",
                "Time of each phase: upload, verification, storing, waiting (for a batch), publishing, creation (of the task), \
                 response",
                "phase",
            )?,
            batch_proofs: histogram("batch_proofs", "Proofs of a batch", &PROOFS)?,
            batch_bytes: histogram("batch_bytes", "Bytes of a batch's files", &BYTES)?,
            failures: counters("failures_total", "Steps of the driver that failed", &["code"])?,
            connections: gauge("connections", "Open connections")?,
            streams: gauge("event_streams", "Open streams of events")?,
            waiting: gauge("waiting_groups", "Groups that wait for a batch")?,
            batched,
            verifying: gauge(
                "verifications_running",
                "Verifications that have not ended, also those that nobody waits for any more",
            )?,
            registry,
        })
    }

    /// Notes how long a phase took.
    pub(crate) fn phase(&self, phase: &str, seconds: f64) {
        self.phases.with_label_values(&[phase]).observe(seconds);
    }

    /// Everything in the registry, in Prometheus's text form.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
