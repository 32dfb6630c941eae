//! circom's circuits, proven with snarkjs: Groth16 over BN254.
//!
//! snarkjs writes JSON, of which one proof has any number of spellings. What is verified are the words that the
//! precompiles of Ethereum take (EIP-197), one encoding for each key and proof; [`snarkjs`] makes them from its files.
//!
//! | part | bytes |
//! |---|---|
//! | point of G1 | x, y: big-endian, 32 bytes each; zeros are the point at infinity |
//! | point of G2 | imaginary and real part of x, then of y |
//! | key | α in G1, β, γ, δ in G2, then a point of G1 for the constant one and for each public input (`IC`) |
//! | proof | A in G1, B in G2, C in G1: 256 bytes |
//! | public inputs | a word each |
//!
//! The program id is keccak256 of the key's bytes.

mod groth16;
pub mod snarkjs;

pub use groth16::CircomGroth16Bn254;
