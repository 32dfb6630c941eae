use std::{fmt, net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use alloy::{
    primitives::{Address, B256},
    providers::DynProvider,
};
use collimate_batch::DownloadSettings;
use collimate_http::ServerLimits;
use collimate_tasks::WatchSettings;
use collimate_verifiers::ProofSystems;
use prometheus::Registry;
use reqwest::Url;

use crate::WatcherError;

/// How many proofs of a batch are checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Share of a batch's proofs, from 0 to 1; rounded up.
    pub share: f64,
    /// Proofs of each batch at least, if it has so many; one or more, since only what is downloaded is known to be available.
    pub at_least: NonZeroUsize,
    /// Proofs of each batch at most.
    pub at_most: NonZeroUsize,
}

impl Default for Sampling {
    /// A twentieth, at least 2 and at most 64.
    fn default() -> Self {
        let one = NonZeroUsize::MIN;
        Self { share: 0.05, at_least: one.saturating_add(1), at_most: one.saturating_add(63) }
    }
}

impl Sampling {
    /// Every proof of every batch.
    #[must_use]
    pub const fn everything() -> Self {
        Self { share: 1.0, at_least: NonZeroUsize::MIN, at_most: NonZeroUsize::MAX }
    }

    /// Proofs of a batch of `leaves` that are checked.
    #[must_use]
    pub fn count(&self, leaves: usize) -> usize {
        // Batches have some thousand proofs, which a float counts exactly.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "between zero and the number of leaves"
        )]
        let share = (leaves as f64 * self.share).ceil() as usize;
        share.max(self.at_least.get()).min(self.at_most.get()).min(leaves)
    }
}

/// How a watcher works.
#[derive(Clone)]
pub struct WatcherConfig {
    /// Where it answers about what it found; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What its connections are held to.
    pub connections: ServerLimits,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// What it found: a file of its own, on a disk that survives a restart. It has the seed in it.
    pub ledger: PathBuf,
    /// Folder for files of evidence; made if absent.
    pub evidence: PathBuf,
    /// Block at which a new ledger begins; the newest if absent.
    pub first_block: Option<u64>,
    /// How the chain is followed.
    pub watch: WatchSettings,
    /// How batches are downloaded.
    pub download: DownloadSettings,
    /// How many proofs of a batch are checked.
    pub sampling: Sampling,
    /// Decides, with a task's id, which of them. Whoever knows it can hide a bad proof, so by default a new ledger gets a random
    /// one.
    pub seed: Option<B256>,
    /// Threads that verify.
    pub verifier_threads: NonZeroUsize,
    /// After this time a verification is not waited for any more. Its thread is lost until it ends by itself.
    pub verification_timeout: Duration,
    /// Batches in work at once.
    pub max_batches: NonZeroUsize,
    /// Proofs of one batch that are downloaded and verified at once.
    pub parallel_proofs: NonZeroUsize,
    /// Files of all proofs in memory at once, in bytes; at least [`LEAST_MEMORY_BYTES`](crate::limits::LEAST_MEMORY_BYTES).
    pub memory_bytes: u64,
    /// Rounds through all mirrors, with growing pauses between them, after which an object counts as unavailable.
    pub download_tries: NonZeroUsize,
    /// Gets a `POST` with JSON for each proof that nobody should have signed: `alert` is `mismatch` or `unsignable`.
    pub alert_webhook: Option<Url>,
}

impl fmt::Debug for WatcherConfig {
    /// Without the seed, and the webhook's address, which may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatcherConfig")
            .field("listen", &self.listen)
            .field("service_manager", &self.service_manager)
            .field("ledger", &self.ledger)
            .field("sampling", &self.sampling)
            .finish_non_exhaustive()
    }
}

impl WatcherConfig {
    /// Keeps ledger and evidence in a folder; checks a twentieth of each batch, with a thread for each processor, 4 batches at once
    /// in 64 MiB, a minute a proof and 12 rounds for a download, with two and a half minutes of pauses.
    #[must_use]
    pub fn new(listen: SocketAddr, service_manager: Address, folder: PathBuf) -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let more = |count: usize| NonZeroUsize::MIN.saturating_add(count);
        Self {
            listen,
            connections: ServerLimits::default(),
            service_manager,
            ledger: folder.join("ledger"),
            evidence: folder.join("evidence"),
            first_block: None,
            watch: WatchSettings::default(),
            download: DownloadSettings::default(),
            sampling: Sampling::default(),
            seed: None,
            verifier_threads: processors,
            verification_timeout: Duration::from_secs(60),
            max_batches: more(3),
            parallel_proofs: processors,
            memory_bytes: 64 << 20,
            download_tries: more(11),
            alert_webhook: None,
        }
    }

    /// Whether a watcher can start with it.
    ///
    /// # Errors
    /// [`WatcherError::Config`] with what is wrong.
    pub fn check(&self) -> Result<(), WatcherError> {
        let unusable = |reason: String| Err(WatcherError::Config { reason });
        let Sampling { share, at_least, at_most } = self.sampling;
        if !(0.0..=1.0).contains(&share) || at_least > at_most {
            return unusable(format!(
                "a share of {share} of each batch, from {at_least} to {at_most} proofs, is no sample"
            ));
        }
        match &self.alert_webhook {
            // The address may hold a key, and stays out of the text.
            Some(url) if !matches!(url.scheme(), "http" | "https") => {
                unusable("the webhook is neither http nor https".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// What a watcher is given.
#[derive(Debug)]
pub struct WatcherParts {
    /// The Ethereum node.
    pub provider: DynProvider,
    /// What it verifies.
    pub systems: ProofSystems,
    /// Where its metrics are registered.
    pub metrics: Registry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_share_within_bounds() {
        let sampling = Sampling::default();
        for (leaves, count) in [(0, 0), (1, 1), (2, 2), (40, 2), (41, 3), (1_000, 50), (4_096, 64)]
        {
            assert_eq!(sampling.count(leaves), count, "{leaves}");
        }
        assert_eq!(Sampling::everything().count(4_096), 4_096);
    }

    #[test]
    fn samples_that_are_none_are_refused() {
        let mut config =
            WatcherConfig::new("127.0.0.1:0".parse().unwrap(), Address::ZERO, "/nowhere".into());
        config.check().unwrap();
        for share in [-0.1, 1.1, f64::NAN] {
            config.sampling.share = share;
            assert_eq!(config.check().unwrap_err().code(), "WAT-001", "{share}");
        }
        config.sampling = Sampling { at_most: NonZeroUsize::MIN, ..Sampling::default() };
        assert_eq!(config.check().unwrap_err().code(), "WAT-001");
    }
}
