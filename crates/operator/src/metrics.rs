//! What an operator counts, in one place: names, units, descriptions.

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

const SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0];

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Registry,
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
        let opts = |name: &str, help: &str| Opts::new(format!("collimate_operator_{name}"), help);
        let metrics = Self {
            open: IntGauge::with_opts(opts("tasks_open", "Tasks that can be answered"))?,
            signed: IntCounter::with_opts(opts("tasks_signed_total", "Tasks that were signed"))?,
            failures: IntCounterVec::new(
                opts("task_failures_total", "Tries that did not end with a signature"),
                &["code"],
            )?,
            verified: IntCounter::with_opts(opts("proofs_verified_total", "Proofs that hold"))?,
            verifying: IntGauge::with_opts(opts(
                "verifications_running",
                "Verifications that have not ended, also those that nobody waits for any more",
            ))?,
            deliveries: IntCounterVec::new(
                opts("deliveries_total", "Requests to signature aggregators"),
                &["outcome"],
            )?,
            seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "collimate_operator_task_seconds",
                    "Time from when a task was seen to its signature",
                )
                .buckets(SECONDS.to_vec()),
            )?,
            registry: registry.clone(),
        };
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.signed.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.verified.clone()))?;
        registry.register(Box::new(metrics.verifying.clone()))?;
        registry.register(Box::new(metrics.deliveries.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        Ok(metrics)
    }

    /// Everything in the registry, in Prometheus's text form.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = vec![];
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
