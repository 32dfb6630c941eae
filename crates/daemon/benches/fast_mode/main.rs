//! Fast mode as its users meet it: `cargo bench --profile release -p collimate-daemon --bench fast_mode`.
//!
//! Real services as processes of their own: a devnet (a node with a block a second, PostgreSQL, data service, four operators, signature
//! aggregator, batcher) and, for whole batches, a batcher beside it, whose memory is then a batcher's alone. The clients are here. One
//! of the parts behind it, `-- latency`, `-- batch` or `-- largest`, limits it to that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failed step is a failed benchmark, and this is its report"
)]

mod batch;
mod batcher;
mod latency;
mod network;
#[path = "../../tests/suite/services/process.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod process;
mod proofs;

use network::Network;

/// Proofs of a large batch of small ones, and who sends them.
const SMALL_PROOFS: usize = 1_000;
const CLIENTS: usize = 200;
/// Who sends the proofs of the largest batch.
const CLIENTS_OF_LARGEST: usize = 30;

fn main() {
    // `cargo test --benches` runs this, too, without the argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let part = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let is_wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let network = Network::start().await;
        if is_wanted("latency") {
            latency::run(&network).await;
        }
        if is_wanted("batch") {
            batch::run(&network, "batch", &proofs::small(SMALL_PROOFS), CLIENTS).await;
        }
        if is_wanted("largest") {
            batch::run(&network, "largest", &proofs::largest_batch(), CLIENTS_OF_LARGEST).await;
        }
    });
}
