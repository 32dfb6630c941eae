//! `[telemetry]`.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize, Serializer};

use super::chain::host_alone;

/// What the services tell about themselves beside their log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TelemetrySettings {
    /// An OpenTelemetry collector that takes OTLP over HTTP: the address before `/v1/traces`. Without one no spans are sent.
    #[serde(serialize_with = "host_alone_if_any")]
    pub otlp_endpoint: Option<String>,
    /// Where `/metrics` and `/healthz` are served beside the gateway's own, for processes that have no gateway. It says what
    /// nobody should read from outside: an address that only your own machines reach.
    pub metrics_listen: Option<SocketAddr>,
}

fn host_alone_if_any<S: Serializer>(url: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    match url {
        Some(url) => host_alone(url, to),
        None => to.serialize_none(),
    }
}
