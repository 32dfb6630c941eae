//! Settings of the engine and the allocator, chosen by cores and memory.
//!
//! The engine reads its worker counts, and jemalloc its options, from the environment when the
//! process starts. So the process picks them, says what it picked, and starts itself again with
//! them; whatever the environment already sets stays as it is.

use std::{convert::Infallible, env, os::unix::process::CommandExt, process::Command};

use clap::ValueEnum;

use crate::memory;

/// Set in the environment of a process that was started with its settings.
pub const TUNED: &str = "COLLIMATE_PROVER_TUNING";
/// Where jemalloc, built with its default prefix, reads its options.
const MALLOC: &str = "_RJEM_MALLOC_CONF";
/// How many GiB the process may hold before it gives unused pages back.
const KEEP: &str = "COLLIMATE_PROVER_KEEP_GIB";
/// jemalloc gives no pages back by itself.
const KEEP_PAGES: (&str, &str) =
    (MALLOC, "narenas:1,thp:always,metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1");

/// How much memory proving may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MemoryProfile {
    /// Chosen by this machine's memory.
    Auto,
    /// One proof at a time, 11 GB at the peak.
    Low,
    /// Pages are kept until little of the machine's memory is left: 18 GB at the peak on 24 GB.
    Normal,
    /// The engine's own worker counts, meant for 16 cores and 64 GB or more.
    Large,
}

/// One proof at a time, with as little prepared for the next ones as there can be.
///
/// The first three are settings of our patch: how many provers run, how many of the five recursion keys
/// (1 GiB each, with codewords) are kept, and that codewords are made again for their openings.
const ONE_AT_A_TIME: [(&str, &str); 12] = [
    ("SP1_WORKER_NUM_PROVERS", "1"),
    ("SP1_WORKER_RECURSION_KEYS", "1"),
    ("SP1_WORKER_DROP_CODEWORDS", "1"),
    ("SP1_WORKER_NUM_RECURSION_EXECUTOR_WORKERS", "1"),
    ("SP1_WORKER_RECURSION_EXECUTOR_BUFFER_SIZE", "1"),
    ("SP1_WORKER_RECURSION_PROVER_BUFFER_SIZE", "1"),
    ("SP1_WORKER_NUM_PREPARE_REDUCE_WORKERS", "1"),
    ("SP1_WORKER_PREPARE_REDUCE_BUFFER_SIZE", "1"),
    ("SP1_WORKER_NUM_DEFERRED_WORKERS", "1"),
    ("SP1_WORKER_DEFERRED_BUFFER_SIZE", "1"),
    ("SP1_WORKER_NUM_SETUP_WORKERS", "1"),
    ("SP1_WORKER_NORMALIZE_PROGRAM_CACHE_SIZE", "1"),
];

/// Names and values that the environment should hold.
struct Choice {
    words: String,
    settings: Vec<(&'static str, &'static str)>,
}

const GIB: u64 = 1 << 30;

/// Memory that is left to others, and to growth between two looks, when pages are kept.
const MARGIN: u64 = 13 * GIB / 2;
/// The same where the process was told how much to keep.
const LEAST_MARGIN: u64 = 3 * GIB;

/// How many bytes the process may hold before it gives unused pages back, which jemalloc itself never
/// does in the normal and the low profile.
pub fn keep_pages_up_to() -> u64 {
    let but = |margin| memory::total().saturating_sub(margin);
    let asked = env::var(KEEP).ok().and_then(|gib| gib.parse::<u64>().ok());
    asked.map_or(but(MARGIN), |gib| but(LEAST_MARGIN).min(gib.saturating_mul(GIB)))
}

fn choose(profile: MemoryProfile, cores: usize, memory: u64) -> Choice {
    let profile = match profile {
        MemoryProfile::Auto if cores >= 16 && memory >= 60 * GIB => MemoryProfile::Large,
        MemoryProfile::Auto if memory >= 22 * GIB => MemoryProfile::Normal,
        MemoryProfile::Auto => MemoryProfile::Low,
        other => other,
    };
    let few_workers =
        [("SP1_WORKER_NUM_CORE_WORKERS", "1"), ("SP1_WORKER_NUM_RECURSION_PROVER_WORKERS", "1")];
    let (name, settings) = match profile {
        MemoryProfile::Low => (
            "low memory, one prover, pages kept up to 10 GiB",
            [&few_workers[..], &ONE_AT_A_TIME, &[KEEP_PAGES, (KEEP, "10")]].concat(),
        ),
        MemoryProfile::Large => (
            "large machine, the engine's own worker counts",
            vec![(MALLOC, "thp:always,metadata_thp:auto,dirty_decay_ms:10000,muzzy_decay_ms:0")],
        ),
        MemoryProfile::Normal | MemoryProfile::Auto => (
            "one core and one recursion worker, pages kept",
            [&few_workers[..], &[KEEP_PAGES]].concat(),
        ),
    };
    Choice { words: format!("{name} ({cores} cores, {} GiB)", memory / GIB), settings }
}

/// The settings that this process was started with, in words; none if they are still to be chosen.
pub fn chosen() -> Option<String> {
    env::var(TUNED).ok()
}

/// Starts this process again with the right settings. Returns only if that fails.
pub fn start_again(profile: MemoryProfile) -> std::io::Result<Infallible> {
    let cores = std::thread::available_parallelism()?.get();
    let choice = choose(profile, cores, memory::total());
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1)).env(TUNED, &choice.words);
    for (name, value) in choice.settings {
        if env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    Err(command.exec())
}

/// Starts this process again, as whoever started it would. Returns only if that fails.
pub fn start_anew() -> std::io::Result<Infallible> {
    let mut command = Command::new(env::current_exe()?);
    Err(command.args(env::args_os().skip(1)).env_remove(TUNED).exec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(choice: &Choice, name: &str) -> Option<&'static str> {
        choice.settings.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
    }

    #[test]
    fn small_machines_get_one_worker_of_each_kind() {
        for memory in [16 * GIB, 24 * GIB] {
            let choice = choose(MemoryProfile::Auto, 2, memory);
            assert_eq!(value(&choice, "SP1_WORKER_NUM_RECURSION_PROVER_WORKERS"), Some("1"));
        }
    }

    #[test]
    fn little_is_kept_where_memory_is_scarce() {
        let keeps = |memory| value(&choose(MemoryProfile::Auto, 2, memory), KEEP);
        assert_eq!(keeps(23 * GIB), None);
        assert_eq!(keeps(16 * GIB), Some("10"));
    }

    #[test]
    fn large_machines_keep_the_engines_worker_counts() {
        let choice = choose(MemoryProfile::Auto, 32, 128 * GIB);
        assert_eq!(value(&choice, "SP1_WORKER_NUM_CORE_WORKERS"), None);
    }
}
