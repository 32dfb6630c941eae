//! Every limit of a batcher that is no setting, in one place.

use std::time::Duration;

use collimate_api::authorisation::MAX_SIGNATURE_BYTES;

/// Bytes of the form's authorisation: a signature in hexadecimal, and short fields.
pub const MAX_AUTHORIZATION_BYTES: usize = 2 * MAX_SIGNATURE_BYTES + 2_048;
/// Bytes of the form's list of items, for each item: one has some 900 without spaces.
pub const MAX_ITEM_BYTES: usize = 1_200;
/// Bytes of a form beside its fields' content, for each field: separators and heads.
pub const MAX_FIELD_HEAD_BYTES: usize = 1_024;
/// Bytes that are written to the spool at once.
pub const SPOOL_WRITE_BYTES: usize = 128 << 10;
/// The spool's room is counted in these.
pub const SPOOL_UNIT: u64 = 1 << 10;
/// Bytes a second that an upload has to come with in the long run; files of many megabytes, with what brings them in the time for an upload.
pub const LEAST_PACE: u64 = 32 << 10;
/// Groups that are looked at for a batch, those that offer most: a batch has fewer, by its gas.
pub const MAX_CANDIDATES: u32 = 2_000;
/// How often a batch is chosen again without those whose authorisation does not hold any more, before the next block.
pub const MAX_CHOICES: usize = 8;
/// Questions to the node at once.
pub const NODE_QUESTIONS: usize = 16;
/// Questions to the object store at once.
pub const STORE_QUESTIONS: usize = 16;
/// Unused files that are taken away in one transaction, for which whoever stores one of them waits.
pub const UNUSED_FILES: u32 = 100;
/// Trees of batches in memory: one has up to 400 kB.
pub const REMEMBERED_TREES: usize = 32;
/// Prices that are told of past batches.
pub const LAST_PRICES: u32 = 20;
/// Gas that a wallet has to check a signature: `BatcherPaymentService.WALLET_GAS`.
pub const WALLET_GAS: u64 = 100_000;
/// Pause after a step that failed; doubled after each further one.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two tries.
pub const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Pause before the lock is asked for again.
pub const LOCK_PAUSE: Duration = Duration::from_secs(2);
/// How long readiness waits for each thing.
pub const READY_LIMIT: Duration = Duration::from_secs(2);
/// How soon a pool of verifiers that others use, too, is asked again when it is full.
pub const BUSY_PAUSE: Duration = Duration::from_millis(50);
