//! Native verification of proofs: limits, one trait for every proof system, and errors with stable codes.
//!
//! ```text
//!  Submission ──▶ VerifierPool ──▶ ProofSystem::verify ──▶ VerifiedProof | VerifyError [VER-…]
//!  (proof, key,    bounded queue,    size, parse, version,
//!   public values) catch_unwind      key, digest, proof
//! ```
//!
//! What is accepted of SP1's compressed proofs is exactly what the aggregation programs claim in the zkVM: the key's eight words and the
//! SHA-256 digest of the public values. The zkVM's executor does not check such claims, so a proof that was not
//! verified against the same pair here would fail a whole run, late.
//!
//! | module | proof systems | program id |
//! |---|---|---|
//! | [`sp1`] | SP1 6: compressed, Groth16, Plonk | `bytes32()` of the verifying key |
//! | `risc0` | RISC Zero 3: composite, succinct, Groth16; 2.2 and 2.3: succinct, Groth16 | image id |
//! | `gnark` | Groth16 over BN254, Plonk over BN254 and BLS12-381 | keccak256 of the verifying key |
//! | `circom` | snarkjs' Groth16 over BN254 | keccak256 of the verifying key |
//!
//! Each has its number in `ProofSystemId`, by which contracts and batches name it, and its page in
//! `docs/proof-systems`; `ProofSystems` is what one process verifies. All but SP1 are behind the feature `every-system`, which is on
//! by default.
//!
//! A compressed proof file of SP1 has one accepted encoding: it is parsed, encoded again and compared. Not covered by the
//! proof are its version label, which must be the current one, and the optional `tee_proof` at its end, which is
//! ignored.
//!
//! # Adding a proof system
//! 1. Implement [`ProofSystem`]; name its limits in [`limits`].
//! 2. Give it the next number in `ProofSystemId`. A number is never used again for another verifier.
//! 3. `tests/suite/<system>.rs`: one accepting test, and one for each thing it rejects, with a real proof; a line in
//!    `tests/suite/honest.rs`, by which it takes part in what all systems must reject, and in the benchmark.
//! 4. `docs/proof-systems/<system>.md`: what is taken, in which bytes, and how to make it.
//! 5. Nothing else changes: pool, gateway and operators work on `dyn ProofSystem`.

mod canonical;
#[cfg(feature = "every-system")]
pub mod circom;
#[cfg(feature = "every-system")]
mod circuit;
mod error;
#[cfg(feature = "every-system")]
pub mod gnark;
#[cfg(feature = "every-system")]
mod id;
pub mod limits;
mod pool;
#[cfg(feature = "every-system")]
pub mod risc0;
pub mod sp1;
mod system;
#[cfg(feature = "every-system")]
mod systems;

pub use error::VerifyError;
#[cfg(feature = "every-system")]
pub use id::{ProofSystemId, UnknownProofSystem};
pub use pool::VerifierPool;
pub use system::{ProgramKey, ProofSystem, Sp1Claims, Submission, VerifiedProof, verify_guarded};
#[cfg(feature = "every-system")]
pub use systems::ProofSystems;
