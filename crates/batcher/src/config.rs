//! What can be set. Every default is meant for production on a small machine.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use alloy::{
    primitives::{Address, aliases::U96},
    providers::DynProvider,
};
use collimate_batch::limits::{MAX_BATCH_BYTES, MAX_PROOFS};
use collimate_chain::{follower::FollowConfig, signer::Signer, tx::TxManager};
use collimate_http::Rate;
use collimate_objects::Objects;
use collimate_store::Store;
use collimate_verifiers::{ProofSystems, VerifierPool};
use prometheus::Registry;
use reqwest::Url;

use crate::price::{GasSchedule, PricePolicy};

/// Settings of a batcher.
#[derive(Clone, Debug)]
pub struct BatcherConfig {
    /// Where to listen; port 0 takes any free one. Default 127.0.0.1:8548.
    pub listen: SocketAddr,
    /// The `BatcherPaymentService`. The service manager is the one that it names.
    pub payment_service: Address,
    /// Base addresses of the data services that have what is put into the object store, as operators reach them: at least one.
    pub mirrors: Vec<Url>,
    /// How requests are taken.
    pub intake: IntakeConfig,
    /// When a batch is closed.
    pub closing: ClosingConfig,
    /// How prices are made.
    pub prices: PricePolicy,
    /// Pause between two looks at the chain when there is nothing to do. Default 1 s.
    pub poll_interval: Duration,
    /// How the chain is read. Its `lag` has to be 0: tasks are seen with their block.
    pub follow: FollowConfig,
    /// Blocks on top of a task's end before its payment is settled or given back. Default 3.
    pub settle_after: u64,
    /// How long files stay that no group needs.
    pub retention: RetentionConfig,
}

/// How long files stay in the object store of groups that never got on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How long after they were stored last; longer than a group takes from its files to its acceptance. Default 1 hour.
    pub keep_unused: Duration,
    /// Pause between two looks for such files. Default 10 minutes.
    pub look_every: Duration,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        let (keep_unused, look_every) = (Duration::from_secs(3_600), Duration::from_secs(600));
        Self { keep_unused, look_every }
    }
}

/// How requests are taken.
#[derive(Clone, Debug)]
pub struct IntakeConfig {
    /// Connections at once; further ones wait in the system's backlog. Default 1024.
    pub max_connections: NonZeroUsize,
    /// Connections at once of one client address; further ones are closed. Default 256.
    pub max_connections_per_client: NonZeroUsize,
    /// How many proxies in front append to `X-Forwarded-For`. With 0, the default, the header is not looked at.
    pub trusted_proxies: usize,
    /// Time for a request's head, also on a connection that is kept. Default 15 s.
    pub header_timeout: Duration,
    /// Time for a whole upload. Default 120 s: 256 MiB at 18 Mbit/s.
    pub upload_timeout: Duration,
    /// Time without a byte after which an upload is given up, and for which it may be behind the pace that its files need to come in
    /// `upload_timeout`, or [`LEAST_PACE`](crate::limits::LEAST_PACE) if that is more. Default 10 s.
    pub idle_timeout: Duration,
    /// Time that an upload waits for its turn, for room in the spool, or for a verifier before it is answered with "busy".
    /// Default 30 s.
    pub queue_timeout: Duration,
    /// A proof that takes longer to verify is a failed one: operators would give it up too. Its thread is lost until it ends by
    /// itself. Default 20 s.
    pub verification_timeout: Duration,
    /// Time for one step in the database before it counts as away. Default 5 s.
    pub database_timeout: Duration,
    /// Time for one question to the Ethereum node. Default 5 s.
    pub node_timeout: Duration,
    /// Time that clients get to finish when the batcher stops. Default 20 s.
    pub stop_timeout: Duration,
    /// Uploads at once. Default 64.
    pub uploads: NonZeroUsize,
    /// Uploads at once of one client address. Default 16.
    pub uploads_per_client: NonZeroUsize,
    /// Where uploads are spooled. Default: the system's folder for temporary files.
    pub spool_dir: PathBuf,
    /// Bytes of all uploads together in that folder. Default 4 GiB; at least `max_group_bytes`.
    pub spool_bytes: u64,
    /// Proofs handed to the verifiers at once, each of at most some 8.3 MB. Default: two for each processor.
    pub verifications: NonZeroUsize,
    /// Requests of one client address. Default 300 a second, 600 at once; `None` for no limit.
    pub client_rate: Option<Rate>,
    /// New groups of one account. Default 5 a second, 50 at once; `None` for no limit.
    pub account_rate: Option<Rate>,
    /// Proofs of a group. Default 4,096, a batch's.
    pub max_group_proofs: u32,
    /// Bytes of a group's files. Default 256 MiB, a batch's.
    pub max_group_bytes: u64,
    /// How far a deadline must be at least: enough for a batch and its transaction. Default 120 s.
    pub min_deadline: Duration,
    /// How far it may be at most: a balance is reserved until then. Default 1 day.
    pub max_deadline: Duration,
    /// Groups of one account that wait at a time. Default 64.
    pub max_pending_groups: u32,
    /// Groups that wait at a time, of all accounts. Default 20,000.
    pub max_waiting_groups: u32,
    /// How long a wallet's signatures are not taken after one of them did not hold in its batch. Default 1 day.
    pub wallet_ban: Duration,
    /// How often a stream of events looks for the next one. Default 250 ms.
    pub event_interval: Duration,
    /// Streams of events at once. Default 256.
    pub max_event_streams: NonZeroUsize,
    /// Streams of events at once of one client address. Default 32.
    pub max_event_streams_per_client: NonZeroUsize,
}

/// When a batch is closed, and what it has at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosingConfig {
    /// Blocks that the first group waits for others. Default 1.
    pub blocks: u64,
    /// Bytes of waiting groups at which nothing is waited for. Default 32 MiB.
    pub enough_bytes: u64,
    /// Waiting proofs at which nothing is waited for. Default 1,024.
    pub enough_proofs: u64,
    /// Bytes of a batch at most. Default 256 MiB.
    pub max_bytes: u64,
    /// Proofs of a batch at most. Default 4,096.
    pub max_proofs: u64,
    /// Gas of a task's transaction at most. Default 14 million, of the 16.7 million that there are.
    pub max_gas: u64,
    /// Wallets' groups in a batch at most: each may be verified at the batcher's expense. Default 16.
    pub max_wallets: u32,
    /// A group whose deadline is nearer than this is dropped: its transaction could come too late. Default 45 s.
    pub deadline_margin: Duration,
}

impl Default for ClosingConfig {
    fn default() -> Self {
        Self {
            blocks: 1,
            enough_bytes: 32 << 20,
            enough_proofs: 1_024,
            max_bytes: MAX_BATCH_BYTES,
            max_proofs: MAX_PROOFS as u64,
            max_gas: 14_000_000,
            max_wallets: 16,
            deadline_margin: Duration::from_secs(45),
        }
    }
}

impl Default for IntakeConfig {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            max_connections: count(1024),
            max_connections_per_client: count(256),
            trusted_proxies: 0,
            header_timeout: Duration::from_secs(15),
            upload_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(10),
            queue_timeout: Duration::from_secs(30),
            verification_timeout: Duration::from_secs(20),
            database_timeout: Duration::from_secs(5),
            node_timeout: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(20),
            uploads: count(64),
            uploads_per_client: count(16),
            spool_dir: std::env::temp_dir(),
            spool_bytes: 4 << 30,
            verifications: processors.saturating_mul(count(2)),
            client_rate: Some(Rate { per_second: 300, burst: 600 }),
            account_rate: Some(Rate { per_second: 5, burst: 50 }),
            max_group_proofs: MAX_PROOFS as u32,
            max_group_bytes: MAX_BATCH_BYTES,
            min_deadline: Duration::from_secs(120),
            max_deadline: Duration::from_secs(24 * 3600),
            max_pending_groups: 64,
            max_waiting_groups: 20_000,
            wallet_ban: Duration::from_secs(24 * 3600),
            event_interval: Duration::from_millis(250),
            max_event_streams: count(256),
            max_event_streams_per_client: count(32),
        }
    }
}

impl Default for PricePolicy {
    /// A tenth of a gwei of tip, a gwei for responders, batches of 16, and no floor.
    fn default() -> Self {
        Self {
            gas: GasSchedule::default(),
            tip: 100_000_000,
            response_tip: 1_000_000_000,
            floor: 0,
            expected_proofs: 16,
        }
    }
}

impl BatcherConfig {
    /// The defaults, for a payment service and data services.
    #[must_use]
    pub fn new(listen: SocketAddr, payment_service: Address, mirrors: Vec<Url>) -> Self {
        Self {
            listen,
            payment_service,
            mirrors,
            intake: IntakeConfig::default(),
            closing: ClosingConfig::default(),
            prices: PricePolicy::default(),
            poll_interval: Duration::from_secs(1),
            follow: FollowConfig::default(),
            settle_after: 3,
            retention: RetentionConfig::default(),
        }
    }
}

/// What a batcher is given.
#[derive(Debug)]
pub struct BatcherParts {
    /// Groups and batches. Several batchers may share one.
    pub store: Store,
    /// Files, manifests: what the data services serve.
    pub objects: Objects,
    /// Verifying threads.
    pub verifiers: VerifierPool,
    /// What is taken.
    pub systems: ProofSystems,
    /// A connection to the node.
    pub provider: DynProvider,
    /// Sends as the batcher's account, and keeps its transactions in the same database.
    pub transactions: TxManager,
    /// The batcher's key, which signs receipts: the same account that sends.
    pub signer: Signer,
    /// Where metrics are registered; `/metrics` shows all of it, also what others registered.
    pub registry: Registry,
}

/// The bit of a proof system in the contract's sets.
pub(crate) fn bit(id: u16) -> U96 {
    U96::from(1) << usize::from(id)
}

/// A constant that is not zero.
const fn count(n: usize) -> NonZeroUsize {
    match NonZeroUsize::new(n) {
        Some(n) => n,
        None => NonZeroUsize::MIN,
    }
}
