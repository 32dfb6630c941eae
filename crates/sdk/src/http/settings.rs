//! What is up to the caller.

use std::time::Duration;

/// How a client talks to the gateway, and to fast mode's services.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// For a request and its whole answer, but for uploads and events.
    pub timeout: Duration,
    /// For an upload and its answer, which comes after the proof was verified.
    pub upload_timeout: Duration,
    /// How long requests are repeated, in total, while the gateway is away or busy. Zero repeats none.
    pub patience: Duration,
    /// Longest `Retry-After` that is waited for; a longer one is an error at once.
    pub longest_pause: Duration,
    /// Pause between two questions where events cannot be had.
    pub poll: Duration,
    /// How long an authorisation holds.
    pub authorisation_lifetime: Duration,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            upload_timeout: Duration::from_secs(180),
            patience: Duration::from_secs(120),
            longest_pause: Duration::from_secs(60),
            poll: Duration::from_secs(2),
            authorisation_lifetime: Duration::from_secs(3600),
        }
    }
}
