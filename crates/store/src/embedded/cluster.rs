//! The cluster on disk: made once, cleared of what a killed predecessor left, and how to run it.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sha2::{Digest, Sha256};

use super::binaries::Binaries;
use super::user::ServerUser;
use super::{NAME, io_error};
use crate::StoreError;

/// A Unix socket's path has at most 107 bytes; this leaves room for the file's own name.
const MAX_SOCKET_DIR_BYTES: usize = 88;

/// How long a server gets to stop, in seconds. It has to write out what is in memory, on a slow disk perhaps.
const STOP_SECONDS: u32 = 60;

/// A cluster that is ready to be started.
#[derive(Debug)]
pub(super) struct Cluster {
    folder: PathBuf,
    socket_dir: PathBuf,
    log: PathBuf,
    binaries: Binaries,
    user: ServerUser,
}

impl Cluster {
    /// Makes the cluster unless it is there, and stops or clears away what a killed predecessor left.
    /// The caller holds the data folder's lock.
    pub(super) fn prepare(
        data_dir: &Path,
        binaries: Binaries,
        user: ServerUser,
    ) -> Result<Self, StoreError> {
        let cluster = Self {
            folder: data_dir.join("cluster"),
            socket_dir: socket_dir(data_dir),
            log: data_dir.join("postgres.log"),
            binaries,
            user,
        };
        if cluster.folder.join("PG_VERSION").exists() {
            cluster.end_predecessor()?;
        } else {
            cluster.initialise(data_dir)?;
        }
        cluster.make_socket_dir()?;
        Ok(cluster)
    }

    /// Runs initdb beside the final place and renames, so that a cluster is whole or absent.
    fn initialise(&self, data_dir: &Path) -> Result<(), StoreError> {
        let unfinished = data_dir.join("cluster.unfinished");
        remove_dir(&unfinished)?;
        remove_dir(&self.folder)?;
        private_dir(&unfinished)?;
        self.user.own(&unfinished)?;
        let mut initdb = self.user.command(self.binaries.program("initdb"), false);
        initdb.arg("-D").arg(&unfinished).args(["-U", NAME, "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--data-checksums", "--auth-local=trust", "--auth-host=reject"]);
        self.run("initdb", &mut initdb)?;
        fs::rename(&unfinished, &self.folder).map_err(|e| io_error(&self.folder, e))?;
        File::open(data_dir).and_then(|dir| dir.sync_all()).map_err(|e| io_error(data_dir, e))
    }

    /// A server that outlived its parent is stopped. A pid file whose number now belongs to another program would
    /// keep the server from starting, and is removed.
    fn end_predecessor(&self) -> Result<(), StoreError> {
        let pid_file = self.folder.join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&pid_file) else { return Ok(()) };
        let pid: Option<u32> = text.lines().next().and_then(|line| line.trim().parse().ok());
        let command_line =
            pid.and_then(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok()).unwrap_or_default();
        let ours = self.folder.as_os_str().as_encoded_bytes();
        if command_line.split(|byte| *byte == 0).any(|argument| argument == ours) {
            tracing::info!("stopping the database server that a killed process left");
            return match self.stop("fast") {
                // It was told to stop when its parent died, and did so while we asked.
                Err(_) if !pid_file.exists() => Ok(()),
                stopped => stopped,
            };
        }
        match fs::remove_file(&pid_file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error(&pid_file, e)),
            _ => Ok(()),
        }
    }

    /// The socket's folder, empty. Whoever can enter it can do everything in the database.
    fn make_socket_dir(&self) -> Result<(), StoreError> {
        if let Ok(found) = fs::symlink_metadata(&self.socket_dir) {
            let us = fs::metadata("/proc/self").map(|us| us.uid()).unwrap_or(0);
            let is_ours = found.uid() == us || self.user.uid() == Some(found.uid());
            if !found.is_dir() || !is_ours {
                let source = std::io::Error::other("is somebody else's: remove it");
                return Err(io_error(&self.socket_dir, source));
            }
            remove_dir(&self.socket_dir)?;
        }
        private_dir(&self.socket_dir)?;
        self.user.own(&self.socket_dir)
    }

    /// Removes the socket's folder, which may be in `/tmp`. What stays is cleared away at the next start.
    pub(super) fn remove_socket_dir(&self) {
        let _ = remove_dir(&self.socket_dir);
    }

    /// The address of a database of this cluster.
    pub(super) fn url(&self, database: &str) -> String {
        url(&self.socket_dir, database)
    }

    /// Starts the server. It stops when the calling thread ends.
    pub(super) fn spawn(&self) -> Result<Child, StoreError> {
        let open_log = || File::options().create(true).append(true).open(&self.log);
        let (out, err) = open_log()
            .and_then(|out| Ok((out.try_clone()?, out)))
            .map_err(|e| io_error(&self.log, e))?;
        let mut server = self.user.command(self.binaries.program("postgres"), true);
        server.arg("-D").arg(&self.folder).arg("-k").arg(&self.socket_dir);
        for setting in [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            // What was acknowledged is on disk. These are the defaults; nobody's postgresql.auto.conf may say otherwise.
            "fsync=on",
            "full_page_writes=on",
            "synchronous_commit=on",
            "max_connections=60",
            "shared_buffers=64MB",
            "logging_collector=off",
            "log_checkpoints=off",
            "log_line_prefix=%m [%p] ",
        ] {
            server.arg("-c").arg(setting);
        }
        server.stdin(Stdio::null()).stdout(out).stderr(err);
        server.spawn().map_err(|e| self.server_error("starting PostgreSQL", e.to_string()))
    }

    /// Whether the server takes connections.
    pub(super) fn is_ready(&self) -> bool {
        let mut ask = self.user.command(self.binaries.program("pg_isready"), false);
        ask.arg("-q").arg("-h").arg(&self.socket_dir).args(["-U", NAME, "-d", "postgres"]);
        ask.status().is_ok_and(|status| status.success())
    }

    /// Stops the server, `fast` or `immediate`, and waits until it has stopped.
    pub(super) fn stop(&self, mode: &str) -> Result<(), StoreError> {
        let mut stop = self.user.command(self.binaries.program("pg_ctl"), false);
        stop.arg("stop").arg("-D").arg(&self.folder).args(["-s", "-w", "-m", mode]);
        stop.arg("-t").arg(STOP_SECONDS.to_string());
        self.run("stopping PostgreSQL", &mut stop)
    }

    /// An error with the end of the server's log.
    pub(super) fn failed(&self, step: &'static str) -> StoreError {
        let log = fs::read(&self.log).unwrap_or_default();
        self.server_error(step, tail(&log))
    }

    fn run(&self, step: &'static str, command: &mut Command) -> Result<(), StoreError> {
        let output = command
            .stdin(Stdio::null())
            .output()
            .map_err(|e| self.server_error(step, e.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(self.server_error(step, tail(&said)))
    }

    fn server_error(&self, step: &'static str, output: String) -> StoreError {
        StoreError::Server { step, output, log: self.log.clone() }
    }
}

/// The only way into the server of a data folder, by its canonical path.
pub(super) fn socket_dir(data_dir: &Path) -> PathBuf {
    let within = data_dir.join("socket");
    if within.as_os_str().len() <= MAX_SOCKET_DIR_BYTES {
        return within;
    }
    let hash = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Path::new("/tmp").join(format!("collimate-{name}"))
}

/// The address of a database of the server behind this folder.
pub(super) fn url(socket_dir: &Path, database: &str) -> String {
    let mut host = String::new();
    for byte in socket_dir.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                host.push(char::from(*byte));
            }
            _ => host.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("postgres://{NAME}@localhost/{database}?host={host}")
}

/// The last lines of what a program said.
fn tail(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(6)).copied().collect::<Vec<_>>().join(" | ")
}

fn private_dir(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new().mode(0o700).create(path).map_err(|e| io_error(path, e))
}

fn remove_dir(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(io_error(path, e)),
        _ => Ok(()),
    }
}
