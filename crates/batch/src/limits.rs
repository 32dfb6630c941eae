//! Every limit on a batch, in one place.

/// Proofs in a batch.
pub const MAX_PROOFS: usize = 4_096;
/// Bytes of all parts of a batch together: proofs, public inputs and verification keys, each distinct one once.
pub const MAX_BATCH_BYTES: u64 = 256 << 20;
/// Bytes of one part.
pub const MAX_PART_BYTES: u64 = 64 << 20;
/// Bytes of a manifest: an item with the longest numbers has about 900.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// Bytes of a pointer; `AlignedLayerServiceManager.MAX_POINTER_BYTES`.
pub const MAX_POINTER_BYTES: usize = 1_024;
/// Mirrors in a pointer.
pub const MAX_MIRRORS: usize = 8;
/// Proof systems that a task can name: they are bits of 96.
pub const MAX_PROVING_SYSTEM: u16 = 95;
