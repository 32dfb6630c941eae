//! `[chain]`.

use serde::{Deserialize, Serialize, Serializer};

/// The Ethereum node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chain {
    /// JSON-RPC over HTTP. What follows the host may be an access key, and is not shown.
    #[serde(serialize_with = "host_alone")]
    pub rpc_url: String,
    /// Blocks that make a transaction, payment or registration final, counting its own.
    #[serde(default = "default_confirmations")]
    pub confirmations: u64,
    /// Seconds between two looks at the node.
    #[serde(default = "default_poll")]
    pub poll_seconds: u64,
}

const fn default_confirmations() -> u64 {
    6
}

const fn default_poll() -> u64 {
    4
}

/// What follows the host of a URL may be an access key, and what stands before it a password.
pub(super) fn host_alone<S: Serializer>(url: &str, to: S) -> Result<S::Ok, S::Error> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    to.serialize_str(&format!("{scheme}://{host}/…"))
}
