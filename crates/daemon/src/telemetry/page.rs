//! `/metrics` and `/healthz` for processes that have no gateway.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::{Router, extract::State, response::Response, routing::get};
use collimate_http::metrics_page;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A page whose port is open.
#[derive(Debug)]
pub(crate) struct Page {
    listener: TcpListener,
    router: Router,
}

impl Page {
    /// Opens the port.
    ///
    /// # Errors
    /// `DMN-063`: the port is taken, or the address is not this machine's.
    pub(crate) async fn bind(address: SocketAddr, registry: Registry) -> Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("[DMN-063] telemetry.metrics_listen: cannot listen on {address}: stop what listens there, or choose another address")
        })?;
        tracing::info!(address = %listener.local_addr()?, "metrics");
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(async || "ok"))
            .with_state(registry);
        Ok(Self { listener, router })
    }

    /// Answers until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<()> {
        let serving = axum::serve(self.listener, self.router).into_future();
        // A scraper that holds its connection open is not waited for.
        tokio::select! {
            served = serving => Ok(served?),
            () = stop.cancelled() => Ok(()),
        }
    }
}

async fn metrics(State(registry): State<Registry>) -> Response {
    metrics_page(&registry)
}
