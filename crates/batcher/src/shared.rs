//! What all requests share.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::Address;
use collimate_chain::signer::Signer;
use collimate_http::{Bounded, Door, EventStreams, PerClient, RateLimit, Service};
use collimate_objects::Objects;
use collimate_store::{BatcherLedger, Store, StoreError};
use collimate_verifiers::ProofSystems;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    IntakeConfig,
    chain::{Chain, Head, SeenHead},
    config::bit,
    fault::Fault,
    groups::NumberedTree,
    metrics::Metrics,
    price::{PricePolicy, Quote},
    spool::Spool,
    verify::Verifiers,
};

/// A block that was seen this long ago says nothing of prices and clocks any more.
const HEAD_AGE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) ledger: BatcherLedger,
    pub(crate) objects: Objects,
    pub(crate) chain: Arc<Chain>,
    pub(crate) head: watch::Receiver<SeenHead>,
    pub(crate) signer: Signer,
    pub(crate) systems: ProofSystems,
    pub(crate) verifiers: Verifiers,
    pub(crate) spool: Spool,
    pub(crate) intake: IntakeConfig,
    pub(crate) prices: PricePolicy,
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) uploads_of_clients: PerClient,
    /// Turns of files, of all groups together, to be in memory on their way to the object store.
    pub(crate) storing: Semaphore,
    pub(crate) account_rate: RateLimit<Address>,
    pub(crate) door: Door,
    pub(crate) streams: EventStreams,
    pub(crate) trees: Mutex<Bounded<i64, Arc<NumberedTree>>>,
    pub(crate) metrics: Metrics,
    /// Told when a group was accepted.
    pub(crate) accepted: Arc<Notify>,
    pub(crate) shutdown: CancellationToken,
}

impl Service for Shared {
    type Fault = Fault;

    fn door(&self) -> &Door {
        &self.door
    }
}

impl Shared {
    /// The newest block.
    pub(crate) fn head(&self) -> Result<Head, Fault> {
        let seen = *self.head.borrow();
        let (head, at) = seen.ok_or_else(Fault::node_away)?;
        match at.elapsed() < HEAD_AGE {
            true => Ok(head),
            false => Err(Fault::node_away()),
        }
    }

    /// The prices of the newest block.
    pub(crate) fn quote(&self, head: &Head) -> Quote {
        Quote::new(self.prices, head.base_fee)
    }

    /// Ids of the proof systems that are taken now.
    pub(crate) fn taken_systems(&self, head: &Head) -> Vec<u16> {
        let enabled = |id: &u16| (head.disabled & bit(*id)).is_zero();
        self.systems.numbers().filter(enabled).collect()
    }

    /// A step in the database, which counts as away when it takes too long.
    pub(crate) async fn database<T>(
        &self,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Fault> {
        match timeout(self.intake.database_timeout, step).await {
            Ok(done) => Ok(done?),
            Err(_) => {
                let limit = self.intake.database_timeout;
                tracing::error!(?limit, "the database does not answer in time");
                Err(Fault::database_away())
            }
        }
    }

    /// A question to the node, which counts as away when it takes too long.
    pub(crate) async fn node<T, E: Into<Fault>>(
        &self,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Fault> {
        match timeout(self.intake.node_timeout, question).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Fault::node_away()),
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A time of the database's as seconds since 1970.
pub(crate) fn seconds(at: time::OffsetDateTime) -> u64 {
    u64::try_from(at.unix_timestamp()).unwrap_or(0)
}
