//! Every limit of a signature aggregator that is no setting, in one place.

use std::time::Duration;

/// Pause after a first failure to respond; doubled after each further one.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two tries.
pub const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Transactions for one task that may be mined without answering it.
pub const MAX_FAILED_RESPONSES: u32 = 3;
/// How long a signature waits for its turn to be verified. A verification takes milliseconds, and no more wait than there are
/// connections; an operator's request ends after 5 s.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Changes of tasks that wait to be taken in.
pub const QUEUED_CHANGES: usize = 1_024;
