//! What a watcher counts, in one place: names, units, descriptions.

use axum::response::Response;
use collimate_http::MetricFamily;
use prometheus::{Gauge, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use crate::Summary;

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    family: MetricFamily,
    /// Since the start, by outcome.
    pub(crate) checks: IntCounterVec,
    /// By whether the webhook took them.
    pub(crate) alerts: IntCounterVec,
    pub(crate) verifying: IntGauge,
    /// From the ledger.
    last_block: IntGauge,
    batches: IntGaugeVec,
    proofs: IntGaugeVec,
    seen: Gauge,
}

impl Metrics {
    pub(crate) fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let family = MetricFamily::new(registry, "collimate_watcher");
        Ok(Self {
            checks: family.counters(
                "checks_total",
                "Sampled proofs that were checked since the start",
                &["outcome"],
            )?,
            alerts: family.counters(
                "alerts_total",
                "Alerts that the webhook took, or not",
                &["outcome"],
            )?,
            verifying: family.gauge(
                "verifications_running",
                "Verifications that have not ended, also those that nobody waits for any more",
            )?,
            last_block: family.gauge("last_block", "Newest block that the ledger notes")?,
            batches: family.gauges(
                "batches",
                "Batches of the ledger that a quorum signed",
                &["state"],
            )?,
            proofs: family.gauges(
                "proofs",
                "Proofs of those batches; all, and the chosen ones by outcome",
                &["outcome"],
            )?,
            seen: family.float_gauge(
                "one_bad_proof_seen",
                "Probability that one bad proof anywhere in them would have been seen",
            )?,
            family,
        })
    }

    /// Everything in the registry, with what the ledger says now.
    pub(crate) fn page(&self, summary: &Summary) -> Response {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.last_block.set(gauge(summary.last_block.unwrap_or(0)));
        for (state, count) in [
            ("all", summary.batches),
            ("in_work", summary.batches_in_work),
            ("unavailable", summary.batches_unavailable),
            ("unusable", summary.batches_unusable),
        ] {
            self.batches.with_label_values(&[state]).set(gauge(count));
        }
        for (outcome, count) in [
            ("all", summary.proofs),
            ("holds", summary.holds),
            ("mismatch", summary.mismatches),
            ("unsignable", summary.unsignable),
            ("unavailable", summary.unavailable),
            ("undecided", summary.undecided),
        ] {
            self.proofs.with_label_values(&[outcome]).set(gauge(count));
        }
        self.seen.set(summary.seen.one_bad_proof);
        self.family.page()
    }
}
