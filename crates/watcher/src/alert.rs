//! Evidence on disk, and whoever is to be told of it.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::primitives::{Address, B256};
use collimate_evidence::Evidence;
use reqwest::{Client, Url, redirect::Policy};
use serde_json::json;
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    WatcherConfig, WatcherError,
    ledger::Outcome,
    limits::{ALERT_TIMEOUT, ALERT_TRIES, FIRST_PAUSE, MAX_PAUSE},
    metrics::Metrics,
};

/// Writes evidence and raises alerts.
#[derive(Debug)]
pub(crate) struct Alarm {
    folder: PathBuf,
    webhook: Option<Url>,
    client: Client,
    chain_id: u64,
    service_manager: Address,
    metrics: Metrics,
}

impl Alarm {
    pub(crate) fn new(
        config: &WatcherConfig,
        chain_id: u64,
        metrics: Metrics,
    ) -> Result<Self, WatcherError> {
        let folder = config.evidence.clone();
        fs::create_dir_all(&folder)
            .map_err(|source| WatcherError::Evidence { path: folder.clone(), source })?;
        let client = Client::builder()
            .timeout(ALERT_TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| WatcherError::Config { reason: error.to_string() })?;
        let webhook = config.alert_webhook.clone();
        let service_manager = config.service_manager;
        Ok(Self { folder, webhook, client, chain_id, service_manager, metrics })
    }

    /// Where the evidence about a proof is.
    pub(crate) fn file_of(&self, task: B256, leaf: u32) -> PathBuf {
        self.folder.join(format!("{task}-{leaf}.json"))
    }

    /// Puts evidence on disk, whole or not at all.
    pub(crate) async fn keep(&self, evidence: &Evidence) -> Result<(), WatcherError> {
        let path = self.file_of(evidence.task_id, evidence.leaf);
        let json = evidence.to_json()?;
        let (folder, file) = (self.folder.clone(), path.clone());
        let written = spawn_blocking(move || write(&folder, &file, &json)).await;
        written
            .unwrap_or_else(|error| Err(io::Error::other(error)))
            .map_err(|source| WatcherError::Evidence { path, source })
    }

    /// Tells what was found of a proof that operators signed; returns whether the webhook took it, or there is none.
    pub(crate) async fn raise(&self, task: B256, leaf: u32, outcome: &Outcome) -> bool {
        let (alert, code) = (outcome.as_str(), outcome.code());
        // That a proof is not taken shows itself to whoever has the same verifier.
        let is_proven = matches!(outcome, Outcome::Mismatch { .. });
        let evidence = is_proven.then(|| self.file_of(task, leaf).display().to_string());
        tracing::error!(
            %task,
            leaf,
            alert,
            code,
            evidence = evidence.as_deref(),
            "operators signed a batch with a proof that does not hold, or that no verifier takes"
        );
        let Some(url) = &self.webhook else { return true };
        let body = json!({
            "alert": alert,
            "chainId": self.chain_id,
            "serviceManager": self.service_manager,
            "taskId": task,
            "leaf": leaf,
            "code": code,
            "evidence": evidence,
        });
        let mut pause = FIRST_PAUSE;
        for _ in 0..ALERT_TRIES {
            let sent = self.client.post(url.clone()).json(&body).send().await;
            let problem = match sent.and_then(|answer| answer.error_for_status()) {
                Ok(_) => {
                    self.metrics.alerts.with_label_values(&["delivered"]).inc();
                    return true;
                }
                // The address may hold a key.
                Err(error) => error.without_url().to_string(),
            };
            tracing::warn!(%task, leaf, problem, "the webhook did not take an alert");
            sleep(pause).await;
            pause = longer(pause);
        }
        self.metrics.alerts.with_label_values(&["failed"]).inc();
        tracing::error!(%task, leaf, "nobody was told of an alert: the webhook does not answer");
        false
    }
}

fn longer(pause: Duration) -> Duration {
    pause.saturating_mul(4).min(MAX_PAUSE)
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    fs::File::open(folder)?.sync_all()
}
