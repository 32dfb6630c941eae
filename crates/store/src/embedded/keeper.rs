//! The thread that owns the server's process.
//!
//! It is a thread of its own because the parent-death signal follows the thread that started the child, not the
//! process: a thread of a pool would end, and the server with it.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use crate::StoreError;

/// How often the thread looks at the server, and how long a start waits between two questions.
const POLL: Duration = Duration::from_millis(100);

/// How long a server may recover before it takes connections. Recovery replays at most a few minutes of log.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// Starts that fail at once are tried again: processes of a killed server may hold its memory for a moment.
const START_ATTEMPTS: u32 = 5;

/// The pause between two such starts.
const START_PAUSE: Duration = Duration::from_secs(1);

/// Keeps a server running until it is told to stop, or dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
    pid: Arc<AtomicU32>,
}

impl Keeper {
    /// Starts the server and returns when it takes connections.
    pub(super) fn start(cluster: Cluster) -> Result<Self, StoreError> {
        let (stop, stopped) = mpsc::channel();
        let (report, started) = mpsc::channel();
        let pid = Arc::new(AtomicU32::new(0));
        let shared = Arc::clone(&pid);
        let thread = thread::Builder::new()
            .name("postgres-keeper".into())
            .spawn(move || {
                let ended = keep(&cluster, &stopped, &report, &shared);
                cluster.remove_socket_dir();
                ended
            })
            .map_err(|e| super::io_error(std::path::Path::new("postgres-keeper"), e))?;
        let mut keeper = Self { stop: Some(stop), thread: Some(thread), pid };
        match started.recv() {
            Ok(()) => Ok(keeper),
            // The thread ended without a report: its result says why.
            Err(_) => match keeper.stop() {
                Err(e) => Err(e),
                Ok(()) => Err(StoreError::Inconsistent("the server stopped as it started".into())),
            },
        }
    }

    /// The server's process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        Some(self.pid.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }

    /// Stops the server; does nothing the second time.
    pub(super) fn stop(&mut self) -> Result<(), StoreError> {
        // The thread takes the end of the channel for the request.
        self.stop = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(StoreError::Inconsistent("the server's thread panicked".into())),
            None => Ok(()),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "the database server did not stop cleanly");
        }
    }
}

/// The thread's life.
fn keep(
    cluster: &Cluster,
    stopped: &Receiver<()>,
    report: &Sender<()>,
    pid: &AtomicU32,
) -> Result<(), StoreError> {
    loop {
        let Some(mut child) = start(cluster, stopped)? else { return Ok(()) };
        pid.store(child.id(), Ordering::Relaxed);
        // Nobody listens after the first start.
        let _ = report.send(());
        loop {
            match stopped.recv_timeout(POLL) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    pid.store(0, Ordering::Relaxed);
                    return stop(cluster, &mut child);
                }
            }
            if let Ok(Some(status)) = child.try_wait() {
                pid.store(0, Ordering::Relaxed);
                tracing::warn!(%status, "the database server ended unasked; starting it again");
                break;
            }
        }
    }
}

/// Starts the server and waits until it takes connections; `None` when told to stop meanwhile.
fn start(cluster: &Cluster, stopped: &Receiver<()>) -> Result<Option<Child>, StoreError> {
    let is_told_to_stop =
        |wait| !matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
    for _ in 0..START_ATTEMPTS {
        let mut child = cluster.spawn()?;
        let deadline = Instant::now() + READY_TIMEOUT;
        while matches!(child.try_wait(), Ok(None)) {
            if cluster.is_ready() {
                return Ok(Some(child));
            }
            if is_told_to_stop(POLL) {
                return stop(cluster, &mut child).map(|()| None);
            }
            if Instant::now() > deadline {
                stop(cluster, &mut child)?;
                return Err(cluster.failed("waiting for PostgreSQL to take connections"));
            }
        }
        if is_told_to_stop(START_PAUSE) {
            return Ok(None);
        }
    }
    Err(cluster.failed("starting PostgreSQL"))
}

/// Stops the server: fast, then at once, then by force. Each leaves a cluster that recovers.
fn stop(cluster: &Cluster, child: &mut Child) -> Result<(), StoreError> {
    if matches!(child.try_wait(), Ok(Some(_))) {
        return Ok(());
    }
    let stopped = cluster.stop("fast").or_else(|_| cluster.stop("immediate"));
    if stopped.is_err() {
        // It may have ended before it could be asked, which is what was wanted.
        if matches!(child.try_wait(), Ok(Some(_))) {
            return Ok(());
        }
        // What cannot be killed has ended meanwhile.
        let _ = child.kill();
    }
    // Reaps it: it has ended, or is about to.
    let _ = child.wait();
    stopped
}
