//! Wrapping a compressed proof for Ethereum.
//!
//! ```text
//! compressed ──▶ shrink, wrap ──▶ witness ──▶ prove the circuit ──▶ verify natively ──▶ proof that the contract takes
//!                (collimate-prover stage)     (collimate-gnark)
//! artifacts:  constraints ──▶ compile the circuit ──▶ set up its keys
//! ```
//!
//! Each arrow is a stage: a process of its own, since each takes most of a machine's memory, with files in between. A stage
//! whose output is there is not run again, so what dies is started anew from the last file.
//!
//! | stage | memory | disk |
//! |---|---|---|
//! | shrink and wrap | 13 GiB and more | 1 MB |
//! | compile | 9 GiB, 17 where there are | 1.6 GB |
//! | set up | 13 GiB | 5.9 GB |
//! | prove | 13 GiB, 16 where there are | 1 kB |

mod artifacts;
mod build;
mod clock;
pub mod commands;
mod install;
mod pipeline;
mod stage;

#[cfg(test)]
pub use artifacts::Mode;
pub use artifacts::{Artifacts, ArtifactsOptions};
pub use clock::WrapClock;
pub use pipeline::{Step, Wrapper, work_folder};
