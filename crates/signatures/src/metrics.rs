//! What a signature aggregator counts, in one place: names, units, descriptions.

use prometheus::{Encoder, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) open: IntGauge,
    /// By outcome: `counted`, or the code of the refusal.
    pub(crate) signatures: IntCounterVec,
    /// By outcome: `answered`, or the code of the failure.
    pub(crate) responses: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let opts = |name: &str, help: &str| Opts::new(format!("collimate_signatures_{name}"), help);
        let metrics = Self {
            open: IntGauge::with_opts(opts("tasks_open", "Tasks that can be answered"))?,
            signatures: IntCounterVec::new(
                opts("received_total", "Signatures that were received"),
                &["outcome"],
            )?,
            responses: IntCounterVec::new(
                opts("responses_total", "Tries to answer a task on chain"),
                &["outcome"],
            )?,
            registry: registry.clone(),
        };
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.signatures.clone()))?;
        registry.register(Box::new(metrics.responses.clone()))?;
        Ok(metrics)
    }

    /// Everything in the registry, in Prometheus's text form.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = vec![];
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
