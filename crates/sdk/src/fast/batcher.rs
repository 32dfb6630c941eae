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
use tokio::sync::OnceCell;

pub use upload::UploadProgress;

use super::{FastError, error::answered};
use crate::{
    GatewaySettings, NetworkProfile,
    compare::same,
    http::{Failure, Peer, Problem},
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
    peer: Peer<BatcherProblem>,
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
        Self::of_service(failure, Self::Refused)
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
        let peer = Peer::new(url, settings)?;
        Ok(Self(Arc::new(Inner { peer, expected, info: OnceCell::new() })))
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
                let info: BatcherInfo = self.0.peer.get("what it takes", wire::INFO, &[]).await?;
                let expected = &self.0.expected;
                known("chain", &expected.chain_id, &info.chain_id)?;
                let (payments, manager) = (&info.payment_service, &info.service_manager);
                known("payment service", &expected.payment_service, payments)?;
                known("service manager", &expected.service_manager, manager)?;
                known("account", &expected.batcher.unwrap_or(info.batcher), &info.batcher)?;
                Ok(info)
            })
            .await
    }

    /// What an account has with this batcher, by the batcher's word; [`super::FastContracts::account`] has the chain's.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn account(&self, address: Address) -> Result<BatcherAccount, FastError> {
        let path = wire::account(&address);
        let answer: BatcherAccount = self.0.peer.get("an account", &path, &[]).await?;
        answered("the account", &address, &answer.address)?;
        Ok(answer)
    }

    /// Prices.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn fees(&self) -> Result<FeesAnswer, FastError> {
        Ok(self.0.peer.get("prices", wire::FEES, &[]).await?)
    }

    /// Where a group stands, by the batcher's word.
    ///
    /// # Errors
    /// [`FastError::Refused`] with `NotFound`, and those of every request.
    pub async fn group(&self, id: &GroupId) -> Result<GroupAnswer, FastError> {
        let path = wire::group(id);
        let answer: GroupAnswer = self.0.peer.get("a group's status", &path, &[]).await?;
        answered("the group", id, &answer.id)?;
        Ok(answer)
    }
}

/// Compares what the batcher says of itself with what is known from elsewhere.
fn known<T: PartialEq + fmt::Display>(
    field: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), FastError> {
    let other = |expected, found| FastError::OtherDeployment { field, expected, found };
    same(expected, found, other)
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
