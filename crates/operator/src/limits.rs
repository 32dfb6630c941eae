//! Every limit of an operator that is no setting, in one place.

use std::time::Duration;

/// Pause after a first failure; doubled after each further one.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two tries.
pub const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Verification keys that are remembered between proofs.
pub const CACHED_KEYS: usize = 64;
/// Signatures on their way at once.
pub const MAX_DELIVERIES: usize = 64;
/// Changes of tasks that wait for the worker.
pub const QUEUED_CHANGES: usize = 1_024;
/// Least memory for files of batches: the largest proof with its public inputs and its key fits.
pub const LEAST_MEMORY_BYTES: u64 = 16 << 20;
/// Longest text of a reason that is shown.
pub const MAX_REASON_CHARS: usize = 600;
