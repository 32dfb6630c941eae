//! How much memory there is, how much this process holds, and the limit on it.

use std::{fs, thread, time::Duration};

/// Exit status of a process that stopped itself because it passed its memory limit.
pub const EXIT_OVER_LIMIT: i32 = 86;

/// The machine's memory in bytes, or the container's limit where that is lower.
pub fn total() -> u64 {
    let machine = field("/proc/meminfo", "MemTotal:").unwrap_or(0);
    match fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|s| s.trim().parse().ok()) {
        Some(limit) if limit < machine => limit,
        _ => machine,
    }
}

/// Memory that a new process could get without swapping, in bytes.
pub fn available() -> u64 {
    field("/proc/meminfo", "MemAvailable:").unwrap_or(0)
}

/// The most memory that this process held so far, in bytes.
pub fn peak() -> u64 {
    field("/proc/self/status", "VmHWM:").unwrap_or(0)
}

/// The memory that this process holds, in bytes.
pub fn resident() -> u64 {
    field("/proc/self/status", "VmRSS:").unwrap_or(0)
}

/// The memory that another process holds, in bytes; nothing if it has ended.
pub fn resident_of(pid: u32) -> u64 {
    field(&format!("/proc/{pid}/status"), "VmRSS:").unwrap_or(0)
}

/// Ends this process as soon as it holds more than `limit` bytes, after calling `last_words`.
///
/// The kernel's own out-of-memory killer takes whichever process it likes; this takes the prover,
/// with a reason that its owner can read.
pub fn limit(limit: u64, last_words: impl Fn(u64) + Send + 'static) {
    thread::spawn(move || {
        loop {
            let resident = resident();
            if resident > limit {
                last_words(resident);
                std::process::exit(EXIT_OVER_LIMIT);
            }
            thread::sleep(Duration::from_millis(200));
        }
    });
}

/// A field of a `/proc` file that is given in kB.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
