//! gnark: Groth16 over BN254, Plonk over BN254 and BLS12-381.
//!
//! Keys and proofs are the bytes of gnark's `WriteTo`, compressed points, the key formats of gnark 0.10 to 0.14 for
//! Plonk and from 0.11 on for Groth16. The program id is keccak256 of the key's file. Of a Plonk key of gnark 0.15 the
//! first 16 bytes, zeros and the format's number, are left out.
//!
//! Circuits may have commitments (`api.Commit`, and what uses it, such as range checks and emulated fields).

mod curve;
mod groth16;
mod hash_to_field;
mod plonk;
mod witness;

pub use groth16::GnarkGroth16Bn254;
pub use plonk::{GnarkPlonkBls12_381, GnarkPlonkBn254};
pub use witness::public_inputs;
