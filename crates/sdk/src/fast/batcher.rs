//! The batcher's client: accounts, prices, groups of proofs, and what became of them.
//!
//! ```text
//!  ProofGroup ─authorize─▶ SignedGroup ──▶ POST, repeated while that can help ──▶ GroupAccepted, its receipt checked
//!                              │ the same every time it is sent: one group, paid once
//!                              └─ id ──▶ events, or question after question ──▶ GroupAnswer ──▶ bundles, checked against the proofs
//! ```
//!
//! The batcher is trusted with nothing but work and, per signature, the fee that was signed: what it says of itself is compared with the
//! profile, its receipts' signatures are recovered, verification data is computed anew, and that a batch is verified is for the chain
//! to say.

mod submit;
mod upload;
mod watch;

use std::{fmt, sync::Arc};

use alloy::primitives::Address;
use collimate_api::fast::{
    self as wire, BatcherAccount, BatcherInfo, BatcherProblem, FeesAnswer, GroupAnswer, GroupId,
};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

pub use upload::UploadProgress;

use super::FastError;
use crate::{
    GatewaySettings, NetworkProfile,
    http::{Failure, Manner, Peer, Problem},
};

/// What is known of the batcher from elsewhere than itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedBatcher {
    /// Its chain.
    pub chain_id: u64,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// The `BatcherPaymentService`.
    pub payment_service: Address,
    /// Its account; `None` takes its own word.
    pub batcher: Option<Address>,
}

impl ExpectedBatcher {
    /// What a profile says; `None` without fast mode.
    #[must_use]
    pub fn of(profile: &NetworkProfile) -> Option<Self> {
        let fast = profile.fast_mode.as_ref()?;
        Some(Self {
            chain_id: profile.chain_id,
            service_manager: fast.service_manager,
            payment_service: fast.batcher_payments,
            batcher: fast.batcher,
        })
    }
}

/// A client of one batcher. Cheap to clone.
#[derive(Clone)]
pub struct BatcherClient(Arc<Inner>);

struct Inner {
    peer: Peer,
    settings: GatewaySettings,
    expected: ExpectedBatcher,
    info: OnceCell<BatcherInfo>,
}

impl Problem for BatcherProblem {
    fn is_retryable(&self) -> bool {
        self.code.is_retryable()
    }
}

impl From<Failure<BatcherProblem>> for FastError {
    fn from(failure: Failure<BatcherProblem>) -> Self {
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

impl BatcherClient {
    /// A client of the batcher at `url`. Asks nothing yet.
    ///
    /// # Errors
    /// [`FastError::BadUrl`].
    pub fn new(
        url: &str,
        expected: ExpectedBatcher,
        settings: GatewaySettings,
    ) -> Result<Self, FastError> {
        let peer = Peer::new::<BatcherProblem>(url, Manner::from(&settings))?;
        Ok(Self(Arc::new(Inner { peer, settings, expected, info: OnceCell::new() })))
    }

    /// What is known of it from elsewhere.
    #[must_use]
    pub fn expected(&self) -> &ExpectedBatcher {
        &self.0.expected
    }

    /// What the batcher says of itself, after comparing it with what is known from elsewhere. Asked once.
    ///
    /// # Errors
    /// [`FastError::OtherDeployment`], and those of every request.
    pub async fn info(&self) -> Result<&BatcherInfo, FastError> {
        self.0
            .info
            .get_or_try_init(|| async {
                let info: BatcherInfo = self.get("what it takes", wire::INFO).await?;
                let expected = &self.0.expected;
                same("chain", &expected.chain_id, &info.chain_id)?;
                let (payments, manager) = (&info.payment_service, &info.service_manager);
                same("payment service", &expected.payment_service, payments)?;
                same("service manager", &expected.service_manager, manager)?;
                same("account", &expected.batcher.unwrap_or(info.batcher), &info.batcher)?;
                Ok(info)
            })
            .await
    }

    /// What an account has with this batcher, by the batcher's word; [`super::FastContracts::account`] has the chain's.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn account(&self, address: Address) -> Result<BatcherAccount, FastError> {
        let answer: BatcherAccount = self.get("an account", &wire::account(&address)).await?;
        answered("the account", &address, &answer.address)?;
        Ok(answer)
    }

    /// Prices.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn fees(&self) -> Result<FeesAnswer, FastError> {
        self.get("prices", wire::FEES).await
    }

    /// Where a group stands, by the batcher's word.
    ///
    /// # Errors
    /// [`FastError::Refused`] with `NotFound`, and those of every request.
    pub async fn group(&self, id: &GroupId) -> Result<GroupAnswer, FastError> {
        let answer: GroupAnswer = self.get("a group's status", &wire::group(id)).await?;
        answered("the group", id, &answer.id)?;
        Ok(answer)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        action: &'static str,
        path: &str,
    ) -> Result<T, FastError> {
        Ok(self.0.peer.get::<T, BatcherProblem>(action, path, &[]).await?)
    }
}

fn same<T: PartialEq + fmt::Display>(
    field: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), FastError> {
    match expected == found {
        true => Ok(()),
        false => Err(FastError::OtherDeployment {
            field,
            expected: expected.to_string(),
            found: found.to_string(),
        }),
    }
}

/// Compares an answer with what was asked for.
fn answered<T: PartialEq + fmt::Display>(
    field: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), FastError> {
    match expected == found {
        true => Ok(()),
        false => Err(FastError::OtherAnswer {
            field,
            expected: expected.to_string(),
            found: found.to_string(),
        }),
    }
}

impl fmt::Debug for BatcherClient {
    /// Without the URL, but for its host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatcherClient")
            .field("peer", &self.0.peer)
            .field("expected", &self.0.expected)
            .finish_non_exhaustive()
    }
}
