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
mod proofs;
mod submit;
mod upload;
mod wait;

use std::{fmt, sync::Arc};

use alloy::primitives::Address;
use collimate_api::{Info, Problem, SigningDomain, paths};
use tokio::sync::OnceCell;

pub use authorise::{Authorise, ContractWallet};
pub use error::GatewayError;
pub use submit::Accepted;
pub use upload::ProofUpload;

use crate::{
    GatewaySettings, NetworkProfile,
    compare::same,
    http::{self, Failure, Peer},
};

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
    peer: Peer<Problem>,
    expected: Expected,
    info: OnceCell<Info>,
}

impl http::Problem for Problem {
    fn is_retryable(&self) -> bool {
        self.code.is_retryable()
    }
}

impl From<Failure<Problem>> for GatewayError {
    fn from(failure: Failure<Problem>) -> Self {
        match failure {
            Failure::Refused(problem) => Self::Refused(problem),
            Failure::Unreachable { action, reason, attempts } => {
                Self::Unreachable { action, reason, attempts }
            }
            Failure::Unexpected { action, status, reason } => {
                Self::Unexpected { action, status, reason }
            }
            Failure::BadUrl { reason } => Self::BadUrl { reason },
        }
    }
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
        let peer = Peer::new(url, settings)?;
        Ok(Self(Arc::new(Inner { peer, expected, info: OnceCell::new() })))
    }

    /// What the gateway says of itself, after comparing it with what is known from elsewhere. Asked once.
    ///
    /// # Errors
    /// [`GatewayError::OtherDeployment`], and those of every request.
    pub async fn info(&self) -> Result<&Info, GatewayError> {
        self.0
            .info
            .get_or_try_init(|| async {
                let info: Info = self.0.peer.get("what it serves", paths::INFO, &[]).await?;
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
        known("chain", chain_id, info.chain_id)?;
        known("payment service", payment_service, info.payment_service)?;
        known("aggregation service", aggregation_service, info.aggregation_service)?;
        known("receipt signer", receipt_signer, info.receipt_signer)
    }
}

/// Compares what the gateway says of itself with what is known from elsewhere, if it is.
fn known<T: Copy + PartialEq + fmt::Display>(
    field: &'static str,
    expected: Option<T>,
    found: T,
) -> Result<(), GatewayError> {
    let other = |expected, found| GatewayError::OtherDeployment { field, expected, found };
    same(&expected.unwrap_or(found), &found, other)
}

/// Compares an answer with what was asked for.
fn answered<T: PartialEq + fmt::Display>(
    field: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), GatewayError> {
    let other = |expected, found| GatewayError::OtherProof { field, expected, found };
    same(expected, found, other)
}

impl fmt::Debug for GatewayClient {
    /// Without the URL, but for its host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayClient")
            .field("peer", &self.0.peer)
            .field("expected", &self.0.expected)
            .finish_non_exhaustive()
    }
}
