//! Gets a batch from mirrors that may lie, stall, or never end.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use collimate_core::Hash;
use collimate_objects::Key;
use reqwest::{Client, Url, redirect::Policy};
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    BatchError, Manifest, Part, Pointer,
    address::{PublicResolver, is_public},
    limits::MAX_MANIFEST_BYTES,
    pointer::check_mirror,
};

/// How a downloader behaves.
#[derive(Debug, Clone)]
pub struct DownloadSettings {
    /// Data services that are asked before those that a batch names. They may be anywhere.
    pub mirrors: Vec<Url>,
    /// Whether mirrors that a batch names may have addresses that are not public: on a development machine alone.
    pub allow_private: bool,
    /// Time until a mirror answers, and the longest silence of it.
    pub patience: Duration,
    /// Time for a whole object at each mirror: this, and a second for each 256 KiB.
    pub object_timeout: Duration,
}

impl Default for DownloadSettings {
    fn default() -> Self {
        Self {
            mirrors: vec![],
            allow_private: false,
            patience: Duration::from_secs(5),
            object_timeout: Duration::from_secs(10),
        }
    }
}

/// Slowest mirror that is waited for, in bytes a second.
const SLOWEST: u64 = 256 << 10;
/// Longest text of a mirror's failure that is kept.
const MAX_REASON_CHARS: usize = 200;
/// Mirrors whose failures are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// Gets objects from mirrors. Clones share what they learned of them.
#[derive(Debug, Clone)]
pub struct Downloader {
    settings: DownloadSettings,
    /// For the owner's own mirrors.
    trusted: Client,
    /// For those that strangers name.
    guarded: Client,
    /// How often each mirror failed since it last answered: the others are asked first.
    failures: Arc<Mutex<HashMap<String, u32>>>,
}

impl Downloader {
    /// A downloader with these settings.
    ///
    /// # Errors
    /// [`BatchError::Client`]; [`BatchError::Pointer`] for one of the owner's mirrors.
    pub fn new(settings: DownloadSettings) -> Result<Self, BatchError> {
        for mirror in &settings.mirrors {
            check_mirror(mirror)
                .map_err(|reason| BatchError::Pointer { reason: format!("{mirror}: {reason}") })?;
        }
        let client = || {
            Client::builder()
                .connect_timeout(settings.patience)
                .read_timeout(settings.patience)
                .redirect(Policy::none())
                .no_proxy()
        };
        let guarded = match settings.allow_private {
            true => client(),
            false => client().dns_resolver(Arc::new(PublicResolver)),
        };
        let failed = |error: reqwest::Error| BatchError::Client { reason: error.to_string() };
        Ok(Self {
            trusted: client().build().map_err(failed)?,
            guarded: guarded.build().map_err(failed)?,
            settings,
            failures: Arc::default(),
        })
    }

    /// The manifest of a task's batch.
    ///
    /// # Errors
    /// [`BatchError::Unavailable`]; whatever is wrong with the manifest, [`BatchError::WrongRoot`] among it.
    pub async fn manifest(&self, pointer: &Pointer, root: &Hash) -> Result<Manifest, BatchError> {
        let bytes = self.object(pointer, pointer.manifest(), MAX_MANIFEST_BYTES).await?;
        let manifest = Manifest::from_bytes(&bytes)?;
        manifest.check_root(root)?;
        Ok(manifest)
    }

    /// A file of the batch, with the hashes and the length that the manifest names.
    ///
    /// # Errors
    /// [`BatchError::Unavailable`]; [`BatchError::WrongPart`] if no bytes can fit the description.
    pub async fn part(&self, pointer: &Pointer, part: &Part) -> Result<Bytes, BatchError> {
        let bytes = self.object(pointer, &part.key(), part.bytes).await?;
        let (part, checked) = (part.clone(), bytes.clone());
        let check = spawn_blocking(move || part.check(&checked)).await;
        check.map_err(|error| BatchError::Client { reason: error.to_string() })??;
        Ok(bytes)
    }

    /// The object with this name, from whichever mirror has it.
    async fn object(
        &self,
        pointer: &Pointer,
        key: &Key,
        max_bytes: u64,
    ) -> Result<Bytes, BatchError> {
        let limit = self.settings.object_timeout + Duration::from_secs(max_bytes / SLOWEST);
        let (mut reasons, mut forbidden, mut asked) = (vec![], None, false);
        for (mirror, client) in self.mirrors(pointer) {
            if let Err(error) = self.allowed(mirror, client) {
                reasons.push(error.to_string());
                forbidden = Some(error);
                continue;
            }
            asked = true;
            let reason = match timeout(limit, get(client, mirror, key, max_bytes)).await {
                Ok(Ok(bytes)) => {
                    self.remember(mirror, false);
                    return Ok(bytes);
                }
                Ok(Err(reason)) => reason,
                Err(_) => format!("took longer than {} s", limit.as_secs()),
            };
            self.remember(mirror, true);
            tracing::debug!(%mirror, %key, reason, "a mirror did not help");
            let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
            reasons.push(format!("{mirror} {reason}"));
        }
        match forbidden {
            // No other try would end otherwise.
            Some(error) if !asked => Err(error),
            _ => Err(BatchError::Unavailable { key: *key, reasons: reasons.join("; ") }),
        }
    }

    /// The owner's mirrors and then the batch's, those without failures first.
    fn mirrors<'a>(&'a self, pointer: &'a Pointer) -> Vec<(&'a Url, &'a Client)> {
        let own = self.settings.mirrors.iter().map(|mirror| (mirror, &self.trusted));
        let named = pointer.mirrors().iter().map(|mirror| (mirror, &self.guarded));
        let mut mirrors: Vec<_> = own.chain(named).collect();
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        mirrors.sort_by_key(|(mirror, _)| failures.get(mirror.as_str()).copied().unwrap_or(0));
        mirrors
    }

    fn remember(&self, mirror: &Url, failed: bool) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failed {
            false => {
                failures.remove(mirror.as_str());
            }
            true => {
                if failures.len() >= MAX_REMEMBERED {
                    failures.clear();
                }
                let count = failures.entry(mirror.to_string()).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// A host that is an address is not resolved, so it is looked at here.
    fn allowed(&self, mirror: &Url, client: &Client) -> Result<(), BatchError> {
        if std::ptr::eq(client, &raw const self.trusted) || self.settings.allow_private {
            return Ok(());
        }
        let host = mirror.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal.is_ok_and(|address| !is_public(&address)) {
            false => Ok(()),
            true => Err(BatchError::Forbidden {
                address: mirror.to_string(),
                reason: "it is not a public address",
            }),
        }
    }
}

/// Reads one object of limited size and checks its hash.
async fn get(client: &Client, mirror: &Url, key: &Key, max_bytes: u64) -> Result<Bytes, String> {
    let url = format!("{}/objects/{key}", mirror.as_str().trim_end_matches('/'));
    let mut response = client.get(url).send().await.map_err(|error| told(&error))?;
    if !response.status().is_success() {
        return Err(format!("answered {}", response.status()));
    }
    let too_long = || format!("sends more than the {max_bytes} bytes that it has");
    if response.content_length().is_some_and(|length| length > max_bytes) {
        return Err(too_long());
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| told(&error))? {
        if (bytes.len() as u64).saturating_add(chunk.len() as u64) > max_bytes {
            return Err(too_long());
        }
        bytes.extend_from_slice(&chunk);
    }
    let bytes = bytes.freeze();
    // Megabytes: off the threads that serve everybody.
    let hashed = bytes.clone();
    let found = spawn_blocking(move || Key::of(&hashed)).await;
    match found.map_err(|error| error.to_string())? == *key {
        true => Ok(bytes),
        false => Err("sent other bytes".to_owned()),
    }
}

/// The innermost reason, without the URL, which is named beside it.
fn told(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}
