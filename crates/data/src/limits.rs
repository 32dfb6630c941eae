//! Every limit of the data service that is no setting, in one place.

use std::time::Duration;

/// Fewest characters of an upload key's secret: what is shorter can be guessed from one signature.
pub const MIN_SECRET_CHARS: usize = 16;
/// Bytes that are read from a file at once.
pub const READ_BYTES: usize = 64 << 10;
/// Memory for uploads is counted in these.
pub const MEMORY_UNIT: u64 = 1 << 10;
/// Most bytes of a request's body that the S3 library may read by itself. It needs none for the requests that pass.
pub const LIBRARY_BODY_BYTES: usize = 4 << 10;
/// How long the folder's health is waited for.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
