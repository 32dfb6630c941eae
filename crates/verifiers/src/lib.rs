//! Native verification of proofs: limits, one trait for every proof system, and errors with stable codes.
//!
//! ```text
//!  Submission ──▶ VerifierPool ──▶ ProofSystem::verify ──▶ VerifiedProof | VerifyError [VER-…]
//!  (proof, key,    bounded queue,    size, parse, version,
//!   public values) catch_unwind      key, digest, proof
//! ```
//!
//! What is accepted here is exactly what the aggregation programs claim in the zkVM: the key's eight words and the
//! SHA-256 digest of the public values. The zkVM's executor does not check such claims, so a proof that was not
//! verified against the same pair here would fail a whole run, late.
//!
//! A compressed proof file has one accepted encoding: it is parsed, encoded again and compared. Not covered by the
//! proof are its version label, which must be the current one, and the optional `tee_proof` at its end, which is
//! ignored.
//!
//! # Adding a proof system
//! 1. Implement [`ProofSystem`]; name its limits in [`limits`].
//! 2. `tests/<system>.rs`: one accepting test, and one for each thing it rejects, with a real proof.
//! 3. Nothing else changes: pool, gateway and operators work on `dyn ProofSystem`.

mod error;
pub mod limits;
mod pool;
pub mod sp1;
mod system;

pub use error::VerifyError;
pub use pool::VerifierPool;
pub use system::{ProgramKey, ProofSystem, Submission, VerifiedProof, verify_guarded};
