//! The proving process, started and watched by the daemon.
//!
//! It is started again when it dies, with growing pauses; the job that killed it counts its attempts
//! on disk, so it cannot keep the process from other work for ever. Its standard input is a pipe from
//! here: when the daemon dies, however it dies, the pipe closes and the prover stops.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{
    process::{Child, ChildStdin, Command},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// A process that lived this long was healthy: the next pause starts small again.
const HEALTHY_AFTER: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How long a clean stop may take before the process is killed.
const GRACE: Duration = Duration::from_secs(10);

/// What the process is started with.
#[derive(Debug, Clone)]
pub(crate) struct ProverProcess {
    /// The `collimate-prover` binary.
    pub binary: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The object store that it shares with the aggregator.
    pub objects: String,
    /// Its job records.
    pub state: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// Which circuit keys it wraps proofs under, `release` or `dev`; by default its own default.
    pub circuit: Option<&'static str>,
}

/// A running process. When the pipe closes, the process stops.
#[derive(Debug)]
struct Running {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl ProverProcess {
    /// Finds the binary: as given, beside this program, or where `make` puts it.
    pub(crate) fn find(given: Option<PathBuf>) -> Result<PathBuf> {
        if let Some(path) = given {
            if !path.is_file() {
                bail!("[DMN-010] there is no prover at {}: give another --prover", path.display());
            }
            return Ok(path);
        }
        let beside = std::env::current_exe()?.with_file_name("collimate-prover");
        let built = Path::new("prover/target/release/collimate-prover").to_owned();
        [beside, built].into_iter().find(|path| path.is_file()).context(
            "[DMN-010] collimate-prover is not built: run 'make prover', or name it with --prover or COLLIMATE_PROVER",
        )
    }

    /// Starts the process and keeps it running until the token is cancelled.
    pub(crate) fn supervise(self, shutdown: CancellationToken) -> Result<JoinHandle<()>> {
        let first = self.spawn()?;
        Ok(tokio::spawn(async move { self.watch(first, shutdown).await }))
    }

    fn spawn(&self) -> Result<Running> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("[DMN-011] cannot write {}", self.log.display()))?;
        let mut child = Command::new(&self.binary)
            .arg("serve")
            .arg("--exit-with-stdin")
            .args(["--listen", &self.listen.to_string(), "--objects", &self.objects])
            .arg("--state")
            .arg(&self.state)
            .args(self.circuit.into_iter().flat_map(|circuit| ["--circuit", circuit]))
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("[DMN-012] cannot start {}", self.binary.display()))?;
        // Waiting for a child closes its standard input, unless somebody else holds it.
        let pipe = child.stdin.take();
        Ok(Running { child, pipe })
    }

    async fn watch(self, mut running: Running, shutdown: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = Instant::now();
            tokio::select! {
                status = running.child.wait() => self.report(&status),
                () = shutdown.cancelled() => return stop(running).await,
            }
            if started.elapsed() > HEALTHY_AFTER {
                pause = FIRST_PAUSE;
            }
            loop {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = shutdown.cancelled() => return,
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                match self.spawn() {
                    Ok(next) => {
                        running = next;
                        break;
                    }
                    Err(error) => tracing::error!("{error:#}"),
                }
            }
        }
    }

    fn report(&self, status: &std::io::Result<ExitStatus>) {
        let status = status.as_ref().map_or_else(ToString::to_string, ToString::to_string);
        tracing::warn!(
            status,
            log = %self.log.display(),
            "[DMN-013] the proving process ended and is started again"
        );
    }
}

/// Closes the pipe, which tells the process to stop, and kills it if it does not.
async fn stop(running: Running) {
    let Running { mut child, pipe } = running;
    drop(pipe);
    if timeout(GRACE, child.wait()).await.is_err() {
        tracing::warn!("the proving process did not stop in time and is killed");
        if let Err(error) = child.kill().await {
            tracing::warn!(%error, "it cannot be killed");
        }
    }
}
