//! Metrics of one service: names that begin alike, registered when they are made, and the page that shows them.

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use prometheus::{
    Encoder, Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

/// Makes a service's metrics.
#[derive(Clone, Debug)]
pub struct MetricFamily {
    registry: Registry,
    prefix: &'static str,
}

/// What [`respond`](crate::respond()) counts.
#[derive(Clone, Debug)]
pub struct RequestMetrics {
    /// By route, method and status.
    pub(crate) requests: IntCounterVec,
    /// By route.
    pub(crate) duration: HistogramVec,
    /// By the problem's code.
    pub(crate) problems: IntCounterVec,
}

/// What makes a metric fails if the registry has one of its name.
impl MetricFamily {
    /// All names begin with `prefix` and an underscore.
    #[must_use]
    pub const fn new(registry: Registry, prefix: &'static str) -> Self {
        Self { registry, prefix }
    }

    /// A count that grows.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.registered(IntCounter::with_opts(self.opts(name, help))?)
    }

    /// Counts by labels.
    pub fn counters(&self, name: &str, help: &str, by: &[&str]) -> Result<IntCounterVec, Error> {
        self.registered(IntCounterVec::new(self.opts(name, help), by)?)
    }

    /// A whole number that goes up and down.
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.registered(IntGauge::with_opts(self.opts(name, help))?)
    }

    /// Whole numbers by labels.
    pub fn gauges(&self, name: &str, help: &str, by: &[&str]) -> Result<IntGaugeVec, Error> {
        self.registered(IntGaugeVec::new(self.opts(name, help), by)?)
    }

    /// A number that goes up and down.
    pub fn float_gauge(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        self.registered(Gauge::with_opts(self.opts(name, help))?)
    }

    /// A distribution.
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets.to_vec());
        self.registered(Histogram::with_opts(opts)?)
    }

    /// Distributions by a label.
    pub fn histograms(
        &self,
        name: &str,
        help: &str,
        by: &str,
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(buckets.to_vec());
        self.registered(HistogramVec::new(opts, &[by])?)
    }

    /// What [`respond`](crate::respond()) counts, with these buckets of seconds.
    pub fn requests(&self, seconds: &[f64]) -> Result<RequestMetrics, Error> {
        let by = ["route", "method", "status"];
        Ok(RequestMetrics {
            requests: self.counters("requests_total", "Requests answered", &by)?,
            duration: self.histograms(
                "request_seconds",
                "Time from a request's head to the end of its answer's head",
                "route",
                seconds,
            )?,
            problems: self.counters(
                "problems_total",
                "Requests answered with a problem",
                &["code"],
            )?,
        })
    }

    /// Everything in the registry, also what others registered, in Prometheus's text form.
    #[must_use]
    pub fn page(&self) -> Response {
        metrics_page(&self.registry)
    }

    fn opts(&self, name: &str, help: &str) -> Opts {
        Opts::new(format!("{}_{name}", self.prefix), help)
    }

    fn registered<M: Collector + Clone + 'static>(&self, metric: M) -> Result<M, Error> {
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }
}

/// Everything in a registry, in Prometheus's text form.
#[must_use]
pub fn metrics_page(registry: &Registry) -> Response {
    let mut text = vec![];
    match TextEncoder::new().encode(&registry.gather(), &mut text) {
        Ok(()) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
