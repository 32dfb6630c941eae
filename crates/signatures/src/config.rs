use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::DynProvider,
};
use collimate_chain::tx::{TxManager, TxStore};
use collimate_http::ServerLimits;
use collimate_tasks::WatchSettings;
use prometheus::Registry;

/// How a signature aggregator works.
#[derive(Debug, Clone)]
pub struct SignaturesConfig {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What its connections are held to.
    pub connections: ServerLimits,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// How tasks are followed.
    pub watch: WatchSettings,
    /// Signatures that are verified at once; further ones wait for their turn.
    pub max_verifications: NonZeroUsize,
    /// Time for the rest of the operators after a quorum has signed: each that is absent costs gas. Several aggregators take
    /// different ones, so that they do not all respond at once.
    pub linger: Duration,
    /// Wei that a response may cost beyond the task's fee limit, which is all that is paid back.
    pub subsidy: U256,
    /// Wei that a response may cost at most, whatever its task pays.
    pub max_cost: U256,
}

impl SignaturesConfig {
    /// With a quarter of a second for the rest, no subsidy, and at most 0.1 ether a response.
    #[must_use]
    pub fn new(listen: SocketAddr, service_manager: Address) -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            listen,
            connections: ServerLimits::default(),
            service_manager,
            watch: WatchSettings::default(),
            max_verifications: processors.saturating_mul(NonZeroUsize::MIN.saturating_add(1)),
            linger: Duration::from_millis(250),
            subsidy: U256::ZERO,
            max_cost: U256::from(100_000_000_000_000_000_u128),
        }
    }
}

/// What a signature aggregator is given.
#[derive(Debug)]
pub struct SignaturesParts {
    /// The Ethereum node.
    pub provider: DynProvider,
    /// Sends the responses.
    pub transactions: TxManager,
    /// Where that manager keeps its transactions.
    pub store: Arc<dyn TxStore>,
    /// Where its metrics are registered.
    pub metrics: Registry,
}
