//! Blobs from a beacon node, by the standard HTTP interface (Beacon API, `getBlobs`).

use std::time::Duration;

use alloy::{
    primitives::{B256, Bytes},
    transports::http::reqwest::{Client, StatusCode, Url},
};
use async_trait::async_trait;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::OnceCell;

use crate::{
    blobs::{BlobLocation, BlobSource},
    error::ChainError,
    provider::{Timeouts, http_client, parse_http_url},
};

/// Longest answer that is read: 21 blobs in hex and some JSON around them.
const MAX_ANSWER_BYTES: usize = 8 << 20;

/// Slots of Ethereum's networks, for nodes that do not publish their configuration.
const DEFAULT_SECONDS_PER_SLOT: u64 = 12;

/// A beacon node.
#[derive(Debug)]
pub struct BeaconBlobs {
    client: Client,
    base: Url,
    clock: OnceCell<SlotClock>,
}

/// From a block's time to its slot.
#[derive(Clone, Copy, Debug)]
struct SlotClock {
    genesis_time: u64,
    seconds_per_slot: u64,
}

impl SlotClock {
    /// The slot of a block: every block's timestamp is the start of its slot.
    const fn slot_at(self, timestamp: u64) -> Option<u64> {
        match timestamp.checked_sub(self.genesis_time) {
            Some(since) => since.checked_div(self.seconds_per_slot),
            None => None,
        }
    }
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Genesis {
    genesis_time: String,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "SECONDS_PER_SLOT")]
    seconds_per_slot: String,
}

impl BeaconBlobs {
    /// Reads from the beacon node at `url`.
    ///
    /// # Errors
    /// [`ChainError::BadUrl`].
    pub fn new(url: &str) -> Result<Self, ChainError> {
        let base = parse_http_url("the beacon node's URL", url)?;
        let timeouts = Timeouts { request: Duration::from_secs(60), ..Timeouts::default() };
        Ok(Self { client: http_client(timeouts)?, base, clock: OnceCell::new() })
    }

    async fn clock(&self) -> Result<SlotClock, ChainError> {
        self.clock
            .get_or_try_init(|| async {
                let genesis: Option<Data<Genesis>> =
                    self.get("the genesis time", "eth/v1/beacon/genesis", &[]).await?;
                let time = genesis.and_then(|genesis| genesis.data.genesis_time.parse().ok());
                let spec: Option<Data<Spec>> =
                    self.get("the configuration", "eth/v1/config/spec", &[]).await?;
                let seconds = match spec {
                    None => Some(DEFAULT_SECONDS_PER_SLOT),
                    Some(spec) => spec.data.seconds_per_slot.parse().ok(),
                };
                match (time, seconds) {
                    (Some(genesis_time), Some(seconds_per_slot)) if seconds_per_slot > 0 => {
                        Ok(SlotClock { genesis_time, seconds_per_slot })
                    }
                    _ => Err(failed("the slot clock", "it names no genesis time or slot length")),
                }
            })
            .await
            .copied()
    }

    async fn blobs(&self, path: &str, query: &[(&str, String)]) -> Result<Vec<Bytes>, ChainError> {
        let answer: Option<Data<Vec<Bytes>>> = self.get("reading blobs", path, query).await?;
        Ok(answer.map(|answer| answer.data).unwrap_or_default())
    }

    /// `None` if the node has nothing there.
    async fn get<T: DeserializeOwned>(
        &self,
        action: &'static str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Option<T>, ChainError> {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/{path}"));
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        // Errors of the HTTP library name the URL, which may hold an access key.
        let mut response = self
            .client
            .get(url)
            .send()
            .await
            .map_err(|error| failed(action, error.without_url()))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            status => return Err(failed(action, format!("HTTP status {status}"))),
        }
        let mut body = Vec::new();
        while let Some(part) =
            response.chunk().await.map_err(|error| failed(action, error.without_url()))?
        {
            if body.len().saturating_add(part.len()) > MAX_ANSWER_BYTES {
                return Err(failed(action, "the answer is too long"));
            }
            body.extend_from_slice(&part);
        }
        if body.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&body).map(Some).map_err(|error| failed(action, error))
    }
}

#[async_trait]
impl BlobSource for BeaconBlobs {
    async fn fetch(
        &self,
        location: BlobLocation,
        versioned_hashes: &[B256],
    ) -> Result<Vec<Bytes>, ChainError> {
        let slot = self.clock().await?.slot_at(location.block_timestamp).ok_or_else(|| {
            failed("finding the slot", "the block is older than the beacon chain: another network?")
        })?;
        let path = format!("eth/v1/beacon/blobs/{slot}");
        let query: Vec<(&str, String)> =
            versioned_hashes.iter().map(|hash| ("versioned_hashes", hash.to_string())).collect();
        let named = self.blobs(&path, &query).await?;
        if named.len() >= versioned_hashes.len() {
            return Ok(named);
        }
        // Nodes differ in how they read a repeated parameter: ask for the whole block then.
        self.blobs(&path, &[]).await
    }
}

fn failed(action: &'static str, reason: impl ToString) -> ChainError {
    ChainError::Beacon { action, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_from_time() {
        // Mainnet began at 1,606,824,023; Dencun began with slot 8,626,176, at 1,710,338,135.
        let clock = SlotClock { genesis_time: 1_606_824_023, seconds_per_slot: 12 };
        assert_eq!(clock.slot_at(1_710_338_135), Some(8_626_176));
        assert_eq!(clock.slot_at(1_606_824_022), None);
    }
}
