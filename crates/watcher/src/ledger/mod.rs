//! What the watcher found, on disk: from it a restart goes on.
//!
//! A file of lines that only grows; each is an [`Entry`]. The state of the watcher is what its entries make of an empty one, so what is
//! in memory and what a restart reads are the same. An entry is on disk before anything follows from it.

mod entry;
mod lines;
mod state;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::primitives::{Address, B256};
use tokio::task::spawn_blocking;

pub use entry::Outcome;
pub(crate) use entry::{Entry, SignedBatch, Started};
pub(crate) use state::{Batch, State};

use crate::WatcherError;
use lines::Lines;

/// The version of entries that is written and read.
const VERSION: u32 = 1;

/// The ledger and what it makes; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// Locked while an entry is written and applied: entries take effect in the order in which they are on disk.
    lines: Arc<Mutex<Lines>>,
    state: Arc<Mutex<State>>,
}

/// What a ledger must be of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) chain_id: u64,
    pub(crate) service_manager: Address,
    pub(crate) seed: Option<B256>,
}

impl Ledger {
    /// Opens a ledger and takes its lock; a new one begins at block `first_block()`.
    pub(crate) fn open(
        path: &Path,
        identity: Identity,
        first_block: u64,
    ) -> Result<Self, WatcherError> {
        let mut state = State::default();
        let mut lines = Lines::open(path, |json| {
            let entry: Entry = serde_json::from_str(json).map_err(|error| error.to_string())?;
            state.apply(&entry)
        })?;
        let started = state.started().cloned();
        let state = Mutex::new(state);
        match started {
            Some(started) => check(path, &started, identity)?,
            None => {
                let entry = Entry::Started(Started {
                    version: VERSION,
                    chain_id: identity.chain_id,
                    service_manager: identity.service_manager,
                    first_block,
                    seed: identity.seed.unwrap_or_else(|| B256::from(rand::random::<[u8; 32]>())),
                });
                write(&mut lines, &state, &[entry])?;
            }
        }
        Ok(Self { lines: Arc::new(Mutex::new(lines)), state: Arc::new(state) })
    }

    /// Puts entries on disk, then applies them.
    pub(crate) async fn append(&self, entries: Vec<Entry>) -> Result<(), WatcherError> {
        let (lines, state) = (Arc::clone(&self.lines), Arc::clone(&self.state));
        // Waiting for the disk must not hold up other tasks of the runtime.
        let written = spawn_blocking(move || {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            write(&mut lines, &state, &entries)
        });
        written.await.unwrap_or(Err(WatcherError::Stopped))
    }

    /// Looks at what the entries made.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the file back: from here on nothing is written.
    pub(crate) fn close(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).close();
    }
}

fn check(path: &Path, started: &Started, identity: Identity) -> Result<(), WatcherError> {
    let other = |what| Err(WatcherError::OtherLedger { path: path.to_owned(), what });
    match () {
        () if started.version != VERSION => other("version"),
        () if started.chain_id != identity.chain_id => other("chain id"),
        () if started.service_manager != identity.service_manager => other("contract"),
        () if identity.seed.is_some_and(|seed| seed != started.seed) => other("seed"),
        () => Ok(()),
    }
}

/// On disk first; what cannot be applied is a fault of this program.
fn write(lines: &mut Lines, state: &Mutex<State>, entries: &[Entry]) -> Result<(), WatcherError> {
    let json: Result<Vec<_>, _> = entries.iter().map(serde_json::to_string).collect();
    lines.append(&json.map_err(|error| lines.fault(error.to_string()))?)?;
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let applied = entries.iter().try_for_each(|entry| state.apply(entry));
    applied.map_err(|reason| lines.fault(reason))
}
