//! What the process tells about its work: a log on standard error and, if a collector is configured, spans over OTLP.
//!
//! ```text
//!   requests (with their ids), steps of runs ─▶ bounded queue ─▶ a thread of its own ─▶ collector
//! ```
//!
//! Nothing ever waits for the collector. What the queue has no room for is dropped, what cannot be sent is lost, and the log says
//! so once, and once more when spans arrive again. A stop waits [`FLUSH_TIMEOUT`] for the last ones.
//!
//! Spans are this project's own from level INFO on, whatever the log's level is. Steps of runs are told by [`steps`], from the
//! database. Headers for the collector, such as a key, come from `OTEL_EXPORTER_OTLP_HEADERS`.

mod collector;
pub(crate) mod page;
pub(crate) mod steps;
#[cfg(test)]
mod tests;

use std::{io::IsTerminal, time::Duration};

use anyhow::{Context, Result, ensure};
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio::{runtime::Handle, task::spawn_blocking};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::Targets,
    fmt,
    layer::SubscriberExt,
    registry::{LookupSpan, Registry},
    util::SubscriberInitExt,
};

use crate::config::TelemetrySettings;
use collector::Collector;

/// How long a batch of spans is tried to be sent, repetitions included.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a stop waits for the last spans.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// What targets of ours begin with.
const OURS: &str = "collimate";

/// The log and the spans of this process.
#[derive(Debug)]
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Starts the log, and the spans if a collector is configured. Once in a process, inside its runtime.
    ///
    /// # Errors
    /// `DMN-068`: the endpoint is no address. A collector that is away is no error.
    pub(crate) fn start(default_level: &str, settings: &TelemetrySettings) -> Result<Self> {
        let filter = EnvFilter::try_from_env("COLLIMATE_LOG")
            .unwrap_or_else(|_| EnvFilter::new(default_level))
            // It repeats itself with each batch; what matters of it, `Collector` says once.
            .add_directive("opentelemetry=off".parse()?);
        let log = fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_filter(filter);
        let provider = settings.otlp_endpoint.as_deref().map(provider).transpose()?;
        Registry::default().with(log).with(provider.as_ref().map(spans)).try_init()?;
        Ok(Self(provider))
    }

    /// For spans that are not [`tracing`]'s; none without a collector.
    pub(crate) fn tracer(&self) -> Option<SdkTracer> {
        self.0.as_ref().map(|provider| provider.tracer(OURS))
    }

    /// Sends the last spans, as far as the collector takes them in time.
    pub(crate) async fn stop(self) {
        let Some(provider) = self.0 else { return };
        let stopped = spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT)).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::warn!("the last spans were not sent: the collector did not take them in time");
        }
    }
}

const NO_COLLECTOR: &str = "[DMN-068] telemetry.otlp_endpoint is not the address of a collector, such as http://127.0.0.1:4318";

/// Whether this can be a collector's address. Nobody is asked: a collector may be away.
///
/// # Errors
/// `DMN-068`.
pub(crate) fn check_endpoint(endpoint: &str) -> Result<()> {
    let url = reqwest::Url::parse(endpoint).context(NO_COLLECTOR)?;
    ensure!(["http", "https"].contains(&url.scheme()), NO_COLLECTOR);
    Ok(())
}

/// Where spans go.
fn provider(endpoint: &str) -> Result<SdkTracerProvider> {
    check_endpoint(endpoint)?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new(Handle::try_current()?, EXPORT_TIMEOUT)?)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .context(NO_COLLECTOR)?;
    let resource = Resource::builder()
        .with_service_name("collimated")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Takes the spans that [`tracing`] has.
fn spans<S>(provider: &SdkTracerProvider) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync + 'static,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(OURS))
        .with_location(false)
        .with_threads(false)
        .with_filter(Targets::new().with_target(OURS, LevelFilter::INFO))
        .boxed()
}
