//! What the data service counts, in one place: names, units, descriptions.

use collimate_http::MetricFamily;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) family: MetricFamily,
    /// By method and status.
    pub(crate) requests: IntCounterVec,
    pub(crate) received_bytes: IntCounter,
    pub(crate) sent_bytes: IntCounter,
    pub(crate) connections: IntGauge,
}

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let family = MetricFamily::new(registry, "collimate_data");
        Ok(Self {
            requests: family.counters(
                "requests_total",
                "Requests that were answered",
                &["method", "status"],
            )?,
            received_bytes: family
                .counter("received_bytes_total", "Bytes of objects that were stored")?,
            sent_bytes: family
                .counter("sent_bytes_total", "Bytes of objects that were asked for and found")?,
            connections: family.gauge("connections", "Open connections")?,
            family,
        })
    }
}
