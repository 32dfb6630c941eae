//! What all requests share.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::primitives::Address;
use collimate_api::SigningDomain;
use collimate_chain::signer::Signer;
use collimate_http::{Bounded, Door, EventStreams, RateLimit, Service};
use collimate_objects::Objects;
use collimate_store::{Account, PaymentContract, RunId, Store};
use tokio_util::sync::CancellationToken;

use crate::{
    authorise::Signatures,
    fault::Fault,
    gateway::GatewayDeployment,
    inclusion::{Chain, RunTree},
    metrics::Metrics,
    spool::Spool,
    upload::FormRules,
    verify::Verifiers,
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) objects: Objects,
    pub(crate) verifiers: Verifiers,
    pub(crate) signatures: Signatures,
    pub(crate) receipt_signer: Signer,
    pub(crate) deployment: GatewayDeployment,
    pub(crate) chain: Chain,
    pub(crate) trees: Mutex<Bounded<RunId, Arc<RunTree>>>,
    pub(crate) spool: Spool,
    pub(crate) form: FormRules,
    pub(crate) aligned_form: Option<FormRules>,
    pub(crate) account_rate: RateLimit<Address>,
    pub(crate) inclusion_time: Duration,
    pub(crate) database_timeout: Duration,
    pub(crate) door: Door,
    pub(crate) streams: EventStreams,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: CancellationToken,
}

impl Service for Shared {
    type Fault = Fault;

    fn door(&self) -> &Door {
        &self.door
    }
}

impl Shared {
    /// With whom nonces and credits count.
    pub(crate) fn payments(&self) -> PaymentContract {
        PaymentContract {
            chain_id: self.deployment.chain_id,
            address: self.deployment.payment_service.into_array(),
        }
    }

    /// Where signatures hold.
    pub(crate) fn domain(&self) -> SigningDomain {
        let GatewayDeployment { chain_id, payment_service, .. } = self.deployment;
        SigningDomain { chain_id, payment_service }
    }

    pub(crate) async fn account(&self, address: &Address) -> Result<Account, Fault> {
        self.database(self.store.account(&self.payments(), &address.into_array())).await
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
