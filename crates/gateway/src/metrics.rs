//! What the gateway counts, in one place: names, units, descriptions.

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};

#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// By route, method and status.
    pub(crate) requests: IntCounterVec,
    /// By route.
    pub(crate) duration: HistogramVec,
    pub(crate) accepted: IntCounter,
    pub(crate) repeated: IntCounter,
    /// By the verifier's code.
    pub(crate) rejected: IntCounterVec,
    /// By the problem's code.
    pub(crate) problems: IntCounterVec,
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
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(format!("collimate_gateway_{name}"), help)?;
            registry.register(Box::new(counter.clone())).map(|()| counter)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let opts = Opts::new(format!("collimate_gateway_{name}"), help);
            let counters = IntCounterVec::new(opts, labels)?;
            registry.register(Box::new(counters.clone())).map(|()| counters)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(format!("collimate_gateway_{name}"), help)?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let opts = |name: &str, help: &str| {
            HistogramOpts::new(format!("collimate_gateway_{name}"), help).buckets(SECONDS.to_vec())
        };
        let duration = HistogramVec::new(
            opts("request_seconds", "Time from a request's head to the end of its answer's head"),
            &["route"],
        )?;
        registry.register(Box::new(duration.clone()))?;
        let verification = Histogram::with_opts(opts(
            "verification_seconds",
            "Time of native verification, with the wait for a verifier",
        ))?;
        registry.register(Box::new(verification.clone()))?;
        Ok(Self {
            requests: counters(
                "requests_total",
                "Requests answered",
                &["route", "method", "status"],
            )?,
            duration,
            accepted: counter("proofs_accepted_total", "Proofs that took a credit")?,
            repeated: counter(
                "proofs_repeated_total",
                "Submissions of a proof that was stored before",
            )?,
            rejected: counters(
                "proofs_rejected_total",
                "Proofs that verifiers refused",
                &["code"],
            )?,
            problems: counters("problems_total", "Requests answered with a problem", &["code"])?,
            verification,
            connections: gauge("connections", "Open connections")?,
            streams: gauge("event_streams", "Open streams of events")?,
            free_slots: gauge("upload_slots_free", "Uploads for which there is room in memory")?,
            queued: gauge("queued_proofs", "Proofs that wait for a run")?,
            oldest_queued: gauge("oldest_queued_seconds", "How long the first of them has waited")?,
            swept: counters(
                "proofs_swept_total",
                "Proofs found without an answer, after a crash",
                &["outcome"],
            )?,
            registry,
        })
    }

    /// Everything in the registry, in Prometheus's text form.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
