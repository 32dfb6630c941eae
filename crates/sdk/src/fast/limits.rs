//! Every limit of fast mode's user side, in one place.

use std::time::Duration;

pub use crate::http::POLLS_BEFORE_EVENTS;

/// Bytes of a file that is read as a proof, a key or public inputs: above every proof system's own limit, which is checked
/// after it. It keeps a mistaken name from filling the memory.
pub const MAX_FILE_BYTES: u64 = 16 << 20;
/// Siblings of a path: a batch has at most 2^12 proofs, in groups or not, so a tree of trees is at most this high.
pub const MAX_PATH: usize = 24;
/// Bytes of a bundle's file: public inputs of 64 KiB in hexadecimal, and some.
pub const MAX_BUNDLE_BYTES: u64 = 1 << 20;
/// Blocks of one `eth_getLogs` request at first; halved when the node finds that too much.
pub const BLOCKS_PER_REQUEST: u64 = 2_000;
/// Pause between two questions to the chain while something is waited for.
pub const CHAIN_POLL: Duration = Duration::from_millis(500);
/// Bytes of an upload that are handed over at a time: what progress is told by.
pub const UPLOAD_CHUNK_BYTES: usize = 64 << 10;
/// How often a group is signed anew because its nonce was used meanwhile.
pub const NONCE_ATTEMPTS: u32 = 3;
/// Longest time that an authorisation is made to hold because a batcher wants it: until its end it can be charged.
pub const MAX_LIFETIME: Duration = Duration::from_secs(86_400);
