//! Every limit on evidence, in one place.

/// Bytes of a file: the largest proof that a verifier takes (8 MiB), a manifest (4 MiB), public inputs and a key, all in hex, and
/// what is around them.
pub const MAX_EVIDENCE_BYTES: u64 = 32 << 20;
