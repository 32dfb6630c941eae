//! What the data service counts, in one place: names, units, descriptions.

use prometheus::{Encoder, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    /// By method and status.
    pub(crate) requests: IntCounterVec,
    pub(crate) received_bytes: IntCounter,
    pub(crate) sent_bytes: IntCounter,
    pub(crate) connections: IntGauge,
}

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let opts = |name: &str, help: &str| Opts::new(format!("collimate_data_{name}"), help);
        let metrics = Self {
            requests: IntCounterVec::new(
                opts("requests_total", "Requests that were answered"),
                &["method", "status"],
            )?,
            received_bytes: IntCounter::with_opts(opts(
                "received_bytes_total",
                "Bytes of objects that were stored",
            ))?,
            sent_bytes: IntCounter::with_opts(opts(
                "sent_bytes_total",
                "Bytes of objects that were asked for and found",
            ))?,
            connections: IntGauge::with_opts(opts("connections", "Open connections"))?,
            registry: registry.clone(),
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.received_bytes.clone()))?;
        registry.register(Box::new(metrics.sent_bytes.clone()))?;
        registry.register(Box::new(metrics.connections.clone()))?;
        Ok(metrics)
    }

    /// Everything in the registry, in Prometheus's text form.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = vec![];
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
