//! What a signature aggregator counts, in one place: names, units, descriptions.

use collimate_http::MetricFamily;
use prometheus::{IntCounterVec, IntGauge, Registry};

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) family: MetricFamily,
    pub(crate) open: IntGauge,
    /// By outcome: `counted`, or the code of the refusal.
    pub(crate) signatures: IntCounterVec,
    /// By outcome: `answered`, or the code of the failure.
    pub(crate) responses: IntCounterVec,
}

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let family = MetricFamily::new(registry, "collimate_signatures");
        Ok(Self {
            open: family.gauge("tasks_open", "Tasks that can be answered")?,
            signatures: family.counters(
                "received_total",
                "Signatures that were received",
                &["outcome"],
            )?,
            responses: family.counters(
                "responses_total",
                "Tries to answer a task on chain",
                &["outcome"],
            )?,
            family,
        })
    }
}
