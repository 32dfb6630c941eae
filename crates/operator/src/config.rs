use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::DynProvider,
};
use collimate_attestation::SecretKey;
use collimate_batch::DownloadSettings;
use collimate_http::ServerLimits;
use collimate_tasks::WatchSettings;
use collimate_verifiers::ProofSystems;
use prometheus::Registry;
use reqwest::Url;

/// How an operator works.
#[derive(Debug, Clone)]
pub struct OperatorConfig {
    /// Where it answers about tasks; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What its connections are held to.
    pub connections: ServerLimits,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// What it signed; its own, on a disk that survives a restart.
    pub journal: PathBuf,
    /// Base addresses of the signature aggregators that get its signatures.
    pub aggregators: Vec<Url>,
    /// How tasks are followed.
    pub watch: WatchSettings,
    /// How batches are downloaded.
    pub download: DownloadSettings,
    /// Threads that verify.
    pub verifier_threads: NonZeroUsize,
    /// A proof that takes longer to verify is a failed one. Its thread is lost until it ends by itself.
    pub verification_timeout: Duration,
    /// Batches in work at once.
    pub max_batches: NonZeroUsize,
    /// Files of all batches in memory at once, in bytes; at least [`LEAST_MEMORY_BYTES`](crate::limits::LEAST_MEMORY_BYTES). Each of
    /// `max_batches` has its part of it, at least as much.
    pub memory_bytes: u64,
    /// Proofs of one batch that are downloaded and verified at once.
    pub parallel_proofs: NonZeroUsize,
    /// A batch that takes longer gives its turn to the next. It keeps what is verified already.
    pub turn: Duration,
    /// Pause after which an aggregator gets a signature again, while the task is open: it may have been restarted.
    pub repeat_after: Duration,
    /// For one request to an aggregator.
    pub request_timeout: Duration,
    /// Tasks that pay less for their response, in wei, are not looked at: nobody would answer them.
    pub least_fee_limit: U256,
}

impl OperatorConfig {
    /// With a thread for each processor, 8 batches at once in 256 MiB, a minute a turn and 30 s a proof.
    #[must_use]
    pub fn new(listen: SocketAddr, service_manager: Address, journal: PathBuf) -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            listen,
            connections: ServerLimits::default(),
            service_manager,
            journal,
            aggregators: vec![],
            watch: WatchSettings::default(),
            download: DownloadSettings::default(),
            verifier_threads: processors,
            verification_timeout: Duration::from_secs(30),
            max_batches: NonZeroUsize::MIN.saturating_add(7),
            memory_bytes: 256 << 20,
            parallel_proofs: processors.saturating_mul(NonZeroUsize::MIN.saturating_add(3)),
            turn: Duration::from_secs(60),
            repeat_after: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            least_fee_limit: U256::ZERO,
        }
    }
}

/// What an operator is given.
#[derive(Debug)]
pub struct OperatorParts {
    /// The Ethereum node.
    pub provider: DynProvider,
    /// The operator's BLS key.
    pub key: SecretKey,
    /// What it verifies.
    pub systems: ProofSystems,
    /// Where its metrics are registered.
    pub metrics: Registry,
}
