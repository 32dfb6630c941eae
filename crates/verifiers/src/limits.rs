//! Every limit on what a verifier takes, in one place.
//!
//! Parsed structures are larger than their bytes: an empty inner vector is 8 bytes in a file and 24 in memory, a map's
//! entry up to six times its bytes. The parser never reserves more than 1 MiB ahead of the bytes that it has seen, so
//! a hostile file of the maximal size costs at most about 30 MiB while it is refused.

/// A compressed SP1 proof has a fixed shape of about 1.27 MB, besides its public values.
pub const MAX_COMPRESSED_PROOF_BYTES: usize = 4 << 20;

/// Groth16 (356 bytes) and Plonk (868 bytes) proofs in the form that `ISP1Verifier` takes.
pub const MAX_ONCHAIN_PROOF_BYTES: usize = 2 << 10;

/// Public values are hashed in the zkVM and are calldata of `verifyProofInclusion`: both make long ones dear.
pub const MAX_PUBLIC_VALUES_BYTES: usize = 64 << 10;

/// A bincode `SP1VerifyingKey` has 104 bytes.
pub const MAX_VERIFYING_KEY_BYTES: usize = 1 << 10;

/// The label of the circuit version in a proof file, `v6.1.0`.
pub const MAX_VERSION_LABEL_BYTES: usize = 32;
