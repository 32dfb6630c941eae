//! Progress of the engine, read from its own tracing spans.
//!
//! The engine opens a span for each shard and each recursion proof. Counting how many closed tells
//! how far a job is; how many there will be follows from the number of recursive proofs.

use std::sync::atomic::{AtomicU32, Ordering};

use tracing::{Subscriber, span};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

static SHARDS: AtomicU32 = AtomicU32::new(0);
static RECURSIONS: AtomicU32 = AtomicU32::new(0);

/// Counts the engine's finished proofs.
pub struct StepCounter;

/// The target whose spans the counter needs, at debug level.
pub const ENGINE_SPANS: &str = "sp1_prover::worker::node";

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for StepCounter {
    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        match span.name() {
            "ProveShard" => SHARDS.fetch_add(1, Ordering::Relaxed),
            "RecursionReduce" | "RecursionDeferred" => RECURSIONS.fetch_add(1, Ordering::Relaxed),
            _ => return,
        };
    }
}

/// Finished shards and recursion proofs since the last [`reset`].
pub fn steps() -> (u32, u32) {
    (SHARDS.load(Ordering::Relaxed), RECURSIONS.load(Ordering::Relaxed))
}

/// Starts counting for a new job.
pub fn reset() {
    SHARDS.store(0, Ordering::Relaxed);
    RECURSIONS.store(0, Ordering::Relaxed);
}

/// Shards of a small program: its execution, and its global memory.
const SHARDS_OF_SMALL_PROGRAM: u32 = 2;
/// The engine's tree of recursion proofs joins up to four at a time.
const ARITY: u32 = 4;

/// How many of the engine's proofs a job with `deferred` recursive proofs needs, by estimate: its
/// shards (each with its first recursion proof), one for each recursive proof, and the tree above.
pub fn expected_steps(deferred: u32, shards_seen: u32) -> u32 {
    let shards = shards_seen.max(SHARDS_OF_SMALL_PROGRAM);
    let mut width = shards.saturating_add(deferred);
    let mut total = width;
    while width > 1 {
        width = width.div_ceil(ARITY);
        total = total.saturating_add(width);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_the_tree() {
        assert_eq!(expected_steps(0, 0), 2 + 1);
        assert_eq!(expected_steps(2, 0), 4 + 1);
        assert_eq!(expected_steps(4, 0), 6 + 2 + 1);
        assert_eq!(expected_steps(4, 9), 13 + 4 + 1);
    }
}
