//! The gateway's client: accounts, submissions, statuses, inclusion.
//!
//! ```text
//!  request ──▶ limits ──▶ attempt ──┬─ answer ──▶ typed
//!                            ▲      ├─ problem (GTW-…) that time does not heal ──▶ GatewayError::Refused
//!                            └──────┴─ no connection, no answer in time, 408, 429, 5xx: again after Retry-After or a
//!                                      growing pause, until `patience` is over
//! ```
//!
//! Repeating is safe: everything but a submission only reads, and a submission of the same proof is the same submission,
//! whose first answer the gateway gives again.
//!
//! The gateway is trusted with nothing but work: what it says of itself is compared with the profile, its receipts' signatures
//! are checked, and an inclusion is checked against the chain ([`crate::Client::inclusion`]).

mod accounts;
mod authorise;
mod error;
mod http;
mod proofs;
mod submit;
mod upload;
mod wait;

use std::{fmt, sync::Arc, time::Duration};

use alloy::primitives::Address;
use collimate_api::{Info, Problem, SigningDomain};
use tokio::sync::OnceCell;

pub use authorise::{Authorise, ContractWallet};
pub use error::GatewayError;
pub use submit::Accepted;
pub use upload::ProofUpload;

use crate::{
    NetworkProfile,
    http::{Manner, Peer},
};

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

impl From<&GatewaySettings> for Manner {
    fn from(settings: &GatewaySettings) -> Self {
        Self {
            connect_timeout: settings.connect_timeout,
            timeout: settings.timeout,
            patience: settings.patience,
            longest_pause: settings.longest_pause,
        }
    }
}

/// What is known of the gateway from elsewhere than itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its chain.
    pub chain_id: Option<u64>,
    /// Its payment service.
    pub payment_service: Option<Address>,
    /// Its aggregation service.
    pub aggregation_service: Option<Address>,
    /// Who signs its receipts.
    pub receipt_signer: Option<Address>,
}

impl From<&NetworkProfile> for Expected {
    fn from(profile: &NetworkProfile) -> Self {
        Self {
            chain_id: Some(profile.chain_id),
            payment_service: profile.payment_service,
            aggregation_service: Some(profile.aggregation_service),
            receipt_signer: profile.receipt_signer,
        }
    }
}

/// A client of one gateway. Cheap to clone.
#[derive(Clone)]
pub struct GatewayClient(Arc<Inner>);

struct Inner {
    peer: Peer,
    settings: GatewaySettings,
    expected: Expected,
    info: OnceCell<Info>,
}

impl GatewayClient {
    /// A client of the gateway at `url`. Asks nothing yet.
    ///
    /// # Errors
    /// [`GatewayError::BadUrl`].
    pub fn new(
        url: &str,
        expected: Expected,
        settings: GatewaySettings,
    ) -> Result<Self, GatewayError> {
        let peer = Peer::new::<Problem>(url, Manner::from(&settings))?;
        Ok(Self(Arc::new(Inner { peer, settings, expected, info: OnceCell::new() })))
    }

    /// What the gateway says of itself, after comparing it with what is known from elsewhere. Asked once.
    ///
    /// # Errors
    /// [`GatewayError::OtherDeployment`], and those of every request.
    pub async fn info(&self) -> Result<&Info, GatewayError> {
        self.0
            .info
            .get_or_try_init(|| async {
                let info: Info =
                    self.get("what it serves", collimate_api::paths::INFO, &[]).await?;
                self.compare(&info)?;
                Ok(info)
            })
            .await
    }

    /// Where signatures hold: as known from elsewhere, and else as the gateway says.
    pub(crate) async fn signing_domain(&self) -> Result<SigningDomain, GatewayError> {
        let Expected { chain_id, payment_service, .. } = self.0.expected;
        match (chain_id, payment_service) {
            (Some(chain_id), Some(payment_service)) => {
                Ok(SigningDomain { chain_id, payment_service })
            }
            _ => Ok(self.info().await?.signing_domain()),
        }
    }

    fn compare(&self, info: &Info) -> Result<(), GatewayError> {
        let Expected { chain_id, payment_service, aggregation_service, receipt_signer } =
            self.0.expected;
        same("chain", chain_id, info.chain_id)?;
        same("payment service", payment_service, info.payment_service)?;
        same("aggregation service", aggregation_service, info.aggregation_service)?;
        same("receipt signer", receipt_signer, info.receipt_signer)
    }
}

fn same<T: PartialEq + fmt::Display>(
    field: &'static str,
    expected: Option<T>,
    found: T,
) -> Result<(), GatewayError> {
    match expected {
        Some(expected) if expected != found => Err(GatewayError::OtherDeployment {
            field,
            expected: expected.to_string(),
            found: found.to_string(),
        }),
        _ => Ok(()),
    }
}

impl fmt::Debug for GatewayClient {
    /// Without the URL, but for its host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayClient")
            .field("peer", &self.0.peer)
            .field("settings", &self.0.settings)
            .field("expected", &self.0.expected)
            .finish_non_exhaustive()
    }
}
