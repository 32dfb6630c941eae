//! Every limit of a watcher that is no setting, in one place.

use std::time::Duration;

/// Pause after a first failure; doubled after each further one.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two tries.
pub const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Batches that are remembered one by one; of older ones, which are done, the sums.
pub const KEPT_BATCHES: usize = 10_000;
/// Blocks that are remembered to recognise reorganisations by, besides the newest: deeper ones are not survived without reading
/// again.
pub const KEPT_BLOCKS: u64 = 64;
/// Blocks without a batch after which the ledger notes how far it has come.
pub const CHECKPOINT_BLOCKS: u64 = 256;
/// Changes that wait for the worker.
pub const QUEUED_CHANGES: usize = 1_024;
/// Batches in the list that is answered over HTTP, newest first.
pub const LISTED_BATCHES: usize = 100;
/// Least memory for proofs: the largest with its public inputs and its key fits.
pub const LEAST_MEMORY_BYTES: u64 = 16 << 20;
/// Longest line of the ledger, in bytes.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Tries to tell the webhook of an alert.
pub const ALERT_TRIES: u32 = 5;
/// For each of them.
pub const ALERT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest text of a reason that is passed on.
pub const MAX_REASON_CHARS: usize = 600;
