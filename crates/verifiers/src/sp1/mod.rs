//! SP1: compressed proofs, which aggregation takes, and the Groth16 and Plonk forms that Ethereum verifies.

mod compressed;
mod file;
mod key;
mod onchain;

pub use compressed::Sp1Compressed;
pub use onchain::{Sp1Groth16, Sp1Groth16Under, Sp1Plonk};

/// The version of SP1's circuits that is verified; `sp1-verifier` pins their keys.
pub const CIRCUIT_VERSION: &str = "v6.1.0";
