//! Statements that host, guests and contracts share: program ids, commitments, tree, blobs, public
//! values, and the guests' own logic. One implementation of every hash, used on both sides of a proof.
//!
//! ```text
//! public values, program id ─▶ Commitment ─▶ leaf ─┐
//!                              Commitment ─▶ leaf ─┼─▶ tree::MerkleTree ─▶ root ─▶ statement::RunStatement
//!                                   │                                                    ▲
//!                                   └─▶ blob::encode ─▶ versioned hashes ─▶ blobs_hash ──┘
//! ```
//!
//! The crate is `no_std` with `alloc`: it is compiled into the zkVM guests (`programs/`) as it is. It does no
//! I/O, has no clock and never panics on outside input.

#![no_std]

extern crate alloc;

pub mod blob;
mod commitment;
mod error;
pub mod guest;
mod hash;
mod program_id;
pub mod statement;
pub mod tree;

pub use commitment::Commitment;
pub use error::Error;
pub use hash::{Hash, keccak256};
pub use program_id::ProgramId;

/// The most proofs that one run covers: six blobs of 3,968 commitments.
pub const MAX_PROOFS_PER_RUN: usize = blob::MAX_BLOBS * blob::COMMITMENTS_PER_BLOB;
