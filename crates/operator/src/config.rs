use std::{
    collections::BTreeMap, net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc,
    time::Duration,
};

use alloy::{
    primitives::{Address, U256, aliases::U96},
    providers::DynProvider,
};
use collimate_attestation::SecretKey;
use collimate_batch::{DownloadSettings, limits::MAX_PROVING_SYSTEM};
use collimate_http::ServerLimits;
use collimate_tasks::WatchSettings;
use collimate_verifiers::ProofSystem;
use prometheus::Registry;
use reqwest::Url;

use crate::OperatorError;

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
    /// Files of all batches in memory at once, in bytes; at least [`LEAST_MEMORY_BYTES`](crate::limits::LEAST_MEMORY_BYTES).
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

/// Verifiers by the id of their proof system.
#[derive(Debug, Clone, Default)]
pub struct ProofSystems(BTreeMap<u16, Arc<dyn ProofSystem>>);

impl ProofSystems {
    /// These verifiers.
    ///
    /// # Errors
    /// [`OperatorError::Config`]: none, an id twice, or one that no task can name.
    pub fn new(
        systems: impl IntoIterator<Item = (u16, Arc<dyn ProofSystem>)>,
    ) -> Result<Self, OperatorError> {
        let mut by_id = BTreeMap::new();
        for (id, system) in systems {
            if id > MAX_PROVING_SYSTEM || by_id.insert(id, system).is_some() {
                let reason = format!("proof system {id} is named twice, or is no proof system");
                return Err(OperatorError::Config { reason });
            }
        }
        match by_id.is_empty() {
            true => Err(OperatorError::Config { reason: "it has no proof systems".to_owned() }),
            false => Ok(Self(by_id)),
        }
    }

    /// The verifier of a proof system.
    #[must_use]
    pub fn get(&self, id: u16) -> Option<&Arc<dyn ProofSystem>> {
        self.0.get(&id)
    }

    /// Their ids as bits.
    #[must_use]
    pub fn bits(&self) -> U96 {
        self.0.keys().fold(U96::ZERO, |bits, id| bits | U96::from(1) << usize::from(*id))
    }
}
