//! Verification keys that were downloaded: a batch often has many proofs of one circuit.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use alloy::primitives::B256;
use bytes::Bytes;
use collimate_batch::Part;

use crate::limits::CACHED_KEYS;

/// Keys by their hashes, so what one batch brought can serve another: the bytes are the same.
#[derive(Debug, Default)]
pub(crate) struct KeyCache(Mutex<HashMap<(B256, B256), Bytes>>);

impl KeyCache {
    pub(crate) fn get(&self, part: &Part) -> Option<Bytes> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = keys.get(&(part.sha256, part.keccak256))?;
        (found.len() as u64 == part.bytes).then(|| found.clone())
    }

    pub(crate) fn put(&self, part: &Part, bytes: Bytes) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= CACHED_KEYS {
            keys.clear();
        }
        keys.insert((part.sha256, part.keccak256), bytes);
    }
}
