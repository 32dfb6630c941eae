//! Every limit on what a verifier takes, in one place.
//!
//! Parsed structures are larger than their bytes: an empty inner vector is 8 bytes in a file and 24 in memory, a map's
//! entry up to six times its bytes. The parser never reserves more than 1 MiB ahead of the bytes that it has seen, so
//! a hostile file of the maximal size costs at most about 30 MiB while it is refused.

/// A compressed SP1 proof has a fixed shape of about 1.27 MB, besides its public values.
pub const MAX_COMPRESSED_PROOF_BYTES: usize = 4 << 20;

/// A composite receipt of RISC Zero has about 220 kB for each segment of an execution; verifying takes its time for
/// each of them. Longer executions are compressed to one succinct receipt.
pub const MAX_RISC0_COMPOSITE_BYTES: usize = 8 << 20;

/// A succinct receipt of RISC Zero has one shape of about 223 kB, besides its journal.
pub const MAX_RISC0_SUCCINCT_BYTES: usize = 1 << 20;

/// A Groth16 proof over BN254 has 164 bytes from gnark, 32 more for each commitment, and 256 from snarkjs; a seal of RISC Zero
/// has 260.
pub const MAX_GROTH16_PROOF_BYTES: usize = 1 << 10;

/// A Plonk proof of gnark has 520 bytes over BN254, 664 over BLS12-381.
pub const MAX_PLONK_PROOF_BYTES: usize = 2 << 10;

/// How many commitments (`api.Commit`) a circuit of gnark may have: each is a point more in the proof, and a pairing more for
/// Groth16, a number more for Plonk. gnark's range checks and emulated fields share one.
pub const MAX_GNARK_COMMITMENTS: u32 = 8;

/// Verifying keys of Groth16 have a point for each public input, of which [`MAX_PUBLIC_VALUES_BYTES`] has 2,048: 131 kB, half
/// of that from gnark, which adds 132 bytes for each commitment and 8 for each public input that is hashed with it.
/// Those of gnark's Plonk have 49 kB.
pub const MAX_CIRCUIT_KEY_BYTES: usize = 160 << 10;

/// A file of snarkjs, before it is converted. Numbers are written in decimal and one key has 1 kB a public input.
pub const MAX_SNARKJS_FILE_BYTES: usize = 4 << 20;

/// Groth16 (356 bytes) and Plonk (964 bytes) proofs in the form that `ISP1Verifier` takes.
pub const MAX_ONCHAIN_PROOF_BYTES: usize = 2 << 10;

/// Public values are hashed in the zkVM and are calldata of `verifyProofInclusion`: both make long ones dear.
pub const MAX_PUBLIC_VALUES_BYTES: usize = 64 << 10;

/// A bincode `SP1VerifyingKey` has 104 bytes.
pub const MAX_VERIFYING_KEY_BYTES: usize = 1 << 10;

/// The label of the circuit version in a proof file, `v6.1.0`.
pub const MAX_VERSION_LABEL_BYTES: usize = 32;

/// Refuses a part by its size alone.
pub(crate) fn within(
    part: &'static str,
    bytes: usize,
    limit: usize,
    remedy: &'static str,
) -> Result<(), crate::VerifyError> {
    if bytes <= limit {
        Ok(())
    } else {
        Err(crate::VerifyError::TooLarge { part, bytes, limit, remedy })
    }
}
