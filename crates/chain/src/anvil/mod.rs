//! A local Ethereum node for development and tests: anvil as a child process, with blobs.
//!
//! The guard ends the process when it is dropped. A start can also adopt a node that an earlier, killed process left behind
//! ([`AnvilOptions::pid_file`]): a chain must not end because a client of it was killed.

mod binary;
mod keys;
mod process;
mod state;
mod warm_up;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::{primitives::U64, providers::Provider};
pub use binary::find_anvil;
pub use keys::{DEVELOPMENT_CHAIN_ID, DEVELOPMENT_KEYS, development_signer};
use process::Process;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{
    error::ChainError,
    provider::{Timeouts, connect, wait_until_ready},
};

/// When the node makes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mining {
    /// One for each transaction.
    #[default]
    Instant,
    /// One each so many seconds, with or without transactions.
    Every(u64),
    /// When `evm_mine` or `anvil_mine` asks for one.
    Manual,
}

/// How to start a node.
#[derive(Clone, Debug)]
pub struct AnvilOptions {
    /// The binary; `None` searches, see [`find_anvil`].
    pub binary: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// When blocks are made.
    pub mining: Mining,
    /// File from which the chain is loaded, if it exists, and to which it is written every 5 seconds and at the end.
    pub state: Option<PathBuf>,
    /// File for the node's output; `None` takes a temporary one.
    pub log: Option<PathBuf>,
    /// File that names the running process: a node that is found through it still running is adopted, not started again.
    pub pid_file: Option<PathBuf>,
    /// Time for it to answer.
    pub patience: Duration,
}

impl Default for AnvilOptions {
    fn default() -> Self {
        Self {
            binary: None,
            port: 0,
            mining: Mining::default(),
            state: None,
            log: None,
            pid_file: None,
            patience: Duration::from_secs(30),
        }
    }
}

/// A running node. Dropping it ends the process at once; [`stop`](Self::stop) lets it write its state.
#[derive(Debug)]
pub struct Anvil {
    process: Process,
    port: u16,
    pid_file: Option<PathBuf>,
    state: Option<PathBuf>,
    // Dropped last: holds the log while the process may write to it.
    _scratch: Option<tempfile::TempDir>,
}

/// Content of the pid file.
#[derive(Debug, Serialize, Deserialize)]
struct Running {
    pid: i32,
    port: u16,
}

impl Anvil {
    /// Starts a node, or adopts the one that the pid file names, and waits until it answers.
    ///
    /// # Errors
    /// [`ChainError::AnvilMissing`]; [`ChainError::PortInUse`]; [`ChainError::AnvilFailed`] with the end of its log.
    pub async fn start(options: AnvilOptions) -> Result<Self, ChainError> {
        if let Some(adopted) = adopt(&options).await {
            return Ok(adopted);
        }
        let binary = find_anvil(options.binary.as_deref())?;
        if let Some(state) = &options.state {
            state::settle(state).map_err(failed("its state cannot be read"))?;
        }
        let scratch = match options.log {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(failed("its log cannot be created"))?),
        };
        let log = match (&options.log, &scratch) {
            (Some(log), _) => log.clone(),
            (None, Some(folder)) => folder.path().join("anvil.log"),
            (None, None) => PathBuf::from("/dev/null"),
        };
        let mut process = Process::spawn(&binary, &arguments(&options), &log)?;
        let port = listening_port(&mut process, &log, &options).await?;
        let AnvilOptions { pid_file, state, .. } = options.clone();
        let anvil = Self { process, port, pid_file, state, _scratch: scratch };
        let provider = connect(&anvil.url(), Timeouts::default())?;
        wait_until_ready(&provider, Some(DEVELOPMENT_CHAIN_ID), options.patience).await?;
        if let Some(path) = &options.pid_file {
            let running = Running { pid: anvil.pid(), port };
            let text = serde_json::to_vec(&running)
                .map_err(|error| ChainError::Internal(error.to_string()))?;
            std::fs::write(path, text).map_err(failed("its pid file cannot be written"))?;
        }
        Ok(anvil)
    }

    /// Has the node load KZG's trusted setup now, beside whatever else happens. By itself it would do so at its first blob
    /// transaction, which then waits for three seconds.
    pub fn preload_kzg(&self) {
        let url = self.url();
        tokio::spawn(async move {
            if let Err(error) = warm_up::evaluate_a_point(&url).await {
                tracing::debug!(%error, "the node's first blob transaction will take longer");
            }
        });
    }

    /// URL of its JSON-RPC and beacon interfaces.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Process id.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Lets it end in order, so that it writes its state; kills it if it does not end within `patience`.
    ///
    /// # Errors
    /// [`ChainError::AnvilFailed`] if it had to be killed.
    pub async fn stop(mut self, patience: Duration) -> Result<(), ChainError> {
        self.process.terminate();
        let deadline = Instant::now() + patience;
        while self.process.is_running() {
            if Instant::now() >= deadline {
                let reason = "it did not end when it was asked to, so it was killed".to_owned();
                return Err(ChainError::AnvilFailed { reason });
            }
            sleep(Duration::from_millis(20)).await;
        }
        if let Some(state) = &self.state {
            state::settle(state).map_err(failed("its state cannot be written"))?;
        }
        Ok(())
    }

    /// Takes the newest blocks away, as a reorganisation does, on a node that mines each transaction at once.
    ///
    /// A block's state can be read a moment before the block is the head; a rollback in that moment takes away another block and
    /// leaves a pool that mines nothing more. So this waits until nothing is being mined.
    ///
    /// # Errors
    /// [`ChainError::Node`]; [`ChainError::AnvilFailed`] if transactions stay in its pool.
    pub async fn roll_back(&self, blocks: u64) -> Result<(), ChainError> {
        #[derive(Debug, PartialEq, Eq, Deserialize)]
        struct Pool {
            pending: U64,
            queued: U64,
        }
        let node = connect(&self.url(), Timeouts::default())?;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let pool = node.raw_request::<_, Pool>("txpool_status".into(), ());
            let pool = pool.await.map_err(ChainError::node("txpool_status"))?;
            if pool == (Pool { pending: U64::ZERO, queued: U64::ZERO }) {
                break;
            }
            if Instant::now() >= deadline {
                let reason = format!("it does not mine what it has: {pool:?}");
                return Err(ChainError::AnvilFailed { reason });
            }
            sleep(Duration::from_millis(10)).await;
        }
        let done = node.raw_request("anvil_rollback".into(), (blocks,));
        done.await.map_err(ChainError::node("anvil_rollback"))
    }

    /// Leaves the process running when this guard is dropped.
    pub fn keep_running(mut self) {
        self.process.release();
        self.pid_file = None;
    }

    /// Freezes the process (SIGSTOP): requests hang, as with a node in trouble.
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.process.thaw();
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        if let Some(path) = self.pid_file.take() {
            drop(std::fs::remove_file(path));
        }
    }
}

fn arguments(options: &AnvilOptions) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--hardfork",
        "osaka",
        "--host",
        "127.0.0.1",
        // Six blobs with cell proofs are 1.7 MB of JSON; anvil's limit is 2 MB.
        "--no-request-size-limit",
        // `finalized` then follows the head by blocks, not by minutes.
        "--slots-in-an-epoch",
        "1",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    add("--port", options.port.to_string());
    add("--chain-id", DEVELOPMENT_CHAIN_ID.to_string());
    match options.mining {
        Mining::Instant => {}
        Mining::Every(seconds) => add("--block-time", seconds.to_string()),
        Mining::Manual => {}
    }
    if let Some(state) = &options.state {
        if state.exists() {
            add("--load-state", state.display().to_string());
        }
        add("--dump-state", state::written(state).display().to_string());
        add("--state-interval", "5".to_owned());
        arguments.push("--preserve-historical-states".to_owned());
    }
    if options.mining == Mining::Manual {
        arguments.push("--no-mining".to_owned());
    }
    arguments
}

/// The node that the pid file names, if it lives, is an anvil and answers.
async fn adopt(options: &AnvilOptions) -> Option<Anvil> {
    let path = options.pid_file.as_ref()?;
    let running: Running = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let process = Process::adopt(running.pid)?;
    let provider = connect(&format!("http://127.0.0.1:{}", running.port), Timeouts::default());
    let ready =
        wait_until_ready(&provider.ok()?, Some(DEVELOPMENT_CHAIN_ID), Duration::from_secs(5)).await;
    if ready.is_err() {
        process.disown();
        return None;
    }
    tracing::info!(pid = running.pid, port = running.port, "adopted a running development chain");
    let AnvilOptions { pid_file, state, .. } = options.clone();
    Some(Anvil { process, port: running.port, pid_file, state, _scratch: None })
}

/// Waits for the line in which the node names its port.
async fn listening_port(
    process: &mut Process,
    log: &Path,
    options: &AnvilOptions,
) -> Result<u16, ChainError> {
    let deadline = Instant::now() + options.patience;
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Listening on "));
        if let Some(port) = line.and_then(|line| line.rsplit(':').next()?.trim().parse().ok()) {
            return Ok(port);
        }
        let ended = !process.is_running();
        if ended && text.contains("Address already in use") {
            return Err(ChainError::PortInUse { port: options.port });
        }
        if ended || Instant::now() >= deadline {
            let what = if ended { "it ended" } else { "it does not listen" };
            let tail: Vec<&str> = text.lines().rev().take(5).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            let reason = format!("{what}; its log ends with: {}", tail.join(" | "));
            return Err(ChainError::AnvilFailed { reason });
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn failed(what: &'static str) -> impl FnOnce(std::io::Error) -> ChainError {
    move |error| ChainError::AnvilFailed { reason: format!("{what}: {error}") }
}
