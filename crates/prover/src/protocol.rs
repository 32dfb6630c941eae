//! What the proving process answers over HTTP.

use serde::{Deserialize, Serialize};

use crate::JobId;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Accepted, waiting for its turn.
    Queued,
    /// Being proven.
    Proving,
    /// Its output is in the object store.
    Done,
    /// It cannot be proven, or was tried as often as allowed; the reason says why.
    Failed,
}

/// What the engine is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The engine loads its parameters: once in a process's life.
    Starting,
    /// The recursive proofs are fetched and verified natively.
    Checking,
    /// The program runs and its shards are proven.
    Core,
    /// Recursion: deferred proofs and the tree over them.
    Recursion,
    /// A compressed proof is shrunk and wrapped in the field of Ethereum's curve.
    Wrapping,
    /// The circuit for Ethereum is proven.
    Circuit,
    /// The result is verified natively and stored.
    Storing,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct JobProgress {
    /// What the engine is busy with.
    pub phase: Phase,
    /// Proofs of the engine that are finished: shards and recursion steps.
    pub steps_done: u32,
    /// How many there will be, by estimate.
    pub steps_total: u32,
    /// Seconds since proving began.
    pub elapsed_s: f64,
}

/// The answer to a question about a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStatus {
    /// The job.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// How often proving was begun.
    pub attempts: u32,
    /// Why it failed, is tried again, or waits.
    pub reason: Option<String>,
    /// How far it is, while it is being proven.
    pub progress: Option<JobProgress>,
}

/// What the proving process says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProverInfo {
    /// The engine: `cpu`, `cuda` or `network`.
    pub engine: String,
    /// The settings it runs with, in words.
    pub tuning: String,
    /// Whether the engine's arithmetic is the patched one.
    pub patched: bool,
    /// Whether the engine has loaded its parameters.
    pub ready: bool,
    /// The most memory this process held, in bytes.
    pub peak_memory_bytes: u64,
}
