//! What a watcher counts, in one place: names, units, descriptions.

use prometheus::{
    Encoder, Gauge, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::Summary;

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Registry,
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
        let opts = |name: &str, help: &str| Opts::new(format!("collimate_watcher_{name}"), help);
        let metrics = Self {
            checks: IntCounterVec::new(
                opts("checks_total", "Sampled proofs that were checked since the start"),
                &["outcome"],
            )?,
            alerts: IntCounterVec::new(
                opts("alerts_total", "Alerts that the webhook took, or not"),
                &["outcome"],
            )?,
            verifying: IntGauge::with_opts(opts(
                "verifications_running",
                "Verifications that have not ended, also those that nobody waits for any more",
            ))?,
            last_block: IntGauge::with_opts(opts(
                "last_block",
                "Newest block that the ledger notes",
            ))?,
            batches: IntGaugeVec::new(
                opts("batches", "Batches of the ledger that a quorum signed"),
                &["state"],
            )?,
            proofs: IntGaugeVec::new(
                opts("proofs", "Proofs of those batches; all, and the chosen ones by outcome"),
                &["outcome"],
            )?,
            seen: Gauge::with_opts(opts(
                "one_bad_proof_seen",
                "Probability that one bad proof anywhere in them would have been seen",
            ))?,
            registry: registry.clone(),
        };
        registry.register(Box::new(metrics.checks.clone()))?;
        registry.register(Box::new(metrics.alerts.clone()))?;
        registry.register(Box::new(metrics.verifying.clone()))?;
        registry.register(Box::new(metrics.last_block.clone()))?;
        registry.register(Box::new(metrics.batches.clone()))?;
        registry.register(Box::new(metrics.proofs.clone()))?;
        registry.register(Box::new(metrics.seen.clone()))?;
        Ok(metrics)
    }

    /// Everything in the registry, in Prometheus's text form.
    pub(crate) fn render(&self, summary: &Summary) -> Result<Vec<u8>, prometheus::Error> {
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
        let mut text = vec![];
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
