//! `[gateway]`.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use collimate_chain::signer::SignerSource;
use collimate_gateway::{GatewayConfig, Rate};
use serde::{Deserialize, Serialize};

/// The door for proofs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewaySettings {
    /// Signs receipts; needs no ether. The same for all gateways of a service.
    pub key: SignerSource,
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    #[serde(default)]
    pub limits: GatewayLimits,
}

fn default_listen() -> SocketAddr {
    GatewayConfig::default().listen
}

/// What it takes, from whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GatewayLimits {
    /// Proxies in front that append to `X-Forwarded-For`; with 0 the header is not looked at.
    pub trusted_proxies: usize,
    /// Connections at once, and of one client address.
    pub max_connections: NonZeroUsize,
    pub max_connections_per_client: NonZeroUsize,
    /// Streams of events at once, and of one client address.
    pub max_event_streams: NonZeroUsize,
    pub max_event_streams_per_client: NonZeroUsize,
    /// Requests a second of one client address, and new proofs a second of one account; 0 for no limit. Ten seconds' worth may
    /// come at once.
    pub client_requests_per_second: u32,
    pub account_proofs_per_second: u32,
    /// Where uploads are spooled while they arrive.
    pub spool_folder: PathBuf,
    /// Hours after its acceptance in which a proof is to be on chain: what receipts promise.
    pub inclusion_hours: u64,
    /// Whether to serve clients of Aligned's gateway, whose requests are signed without contract and deadline.
    pub aligned_form: bool,
}

impl Default for GatewayLimits {
    fn default() -> Self {
        let defaults = GatewayConfig::default();
        let rate = |rate: Option<Rate>| rate.map_or(0, |rate| rate.per_second);
        Self {
            trusted_proxies: defaults.trusted_proxies,
            max_connections: defaults.max_connections,
            max_connections_per_client: defaults.max_connections_per_client,
            max_event_streams: defaults.max_event_streams,
            max_event_streams_per_client: defaults.max_event_streams_per_client,
            client_requests_per_second: rate(defaults.client_rate),
            account_proofs_per_second: rate(defaults.account_rate),
            spool_folder: defaults.spool_dir,
            inclusion_hours: defaults.inclusion_time.as_secs() / 3600,
            aligned_form: defaults.aligned_form,
        }
    }
}

impl GatewaySettings {
    pub(crate) fn config(&self) -> GatewayConfig {
        let limits = &self.limits;
        let rate = |per_second: u32| {
            (per_second > 0).then(|| Rate { per_second, burst: per_second.saturating_mul(10) })
        };
        GatewayConfig {
            listen: self.listen,
            trusted_proxies: limits.trusted_proxies,
            max_connections: limits.max_connections,
            max_connections_per_client: limits.max_connections_per_client,
            max_event_streams: limits.max_event_streams,
            max_event_streams_per_client: limits.max_event_streams_per_client,
            client_rate: rate(limits.client_requests_per_second),
            account_rate: rate(limits.account_proofs_per_second),
            spool_dir: limits.spool_folder.clone(),
            inclusion_time: Duration::from_secs(limits.inclusion_hours.saturating_mul(3600)),
            aligned_form: limits.aligned_form,
            ..GatewayConfig::default()
        }
    }
}
