//! A PostgreSQL server of our own, for whoever gives no `DATABASE_URL`.
//!
//! ```text
//!   <data_dir>/lock          held while a process of ours runs the server: two never share a cluster
//!   <data_dir>/cluster/      the cluster, owned by the user that runs it
//!   <data_dir>/socket/       the only way in: no TCP port, and a folder that only its owner may enter
//!   <data_dir>/postgres.log
//! ```
//!
//! The binaries are Debian's. Root may not run a server, so root runs it as `postgres` or `nobody`. Durability is
//! PostgreSQL's default: an acknowledged commit is on disk.
//!
//! **Death.** [`EmbeddedPostgres::stop`], and dropping the guard, stop the server the fast way. When this process is
//! killed, the kernel tells the server to stop (parent-death signal); a start right after waits until it did. When the
//! server is killed, it is started again at once, and connection pools reconnect. The server has a process group of
//! its own: Ctrl-C reaches us first, and our last writes still find it.

mod binaries;
mod cluster;
mod keeper;
mod user;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::StoreError;
use binaries::Binaries;
use cluster::Cluster;
use keeper::Keeper;
use user::ServerUser;

/// The superuser of the cluster and the name of the database.
const NAME: &str = "collimate";

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    url: String,
    // Declared before the lock, and so dropped before it: the lock goes when the server has stopped.
    keeper: Keeper,
    _lock: File,
}

impl EmbeddedPostgres {
    /// Starts the server on this folder, making the cluster when there is none. Returns when it takes connections.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::NoUnprivilegedUser`], [`StoreError::DataDirInUse`],
    /// [`StoreError::Io`] and [`StoreError::Server`]: each says what to do.
    pub async fn start(data_dir: &Path) -> Result<Self, StoreError> {
        let data_dir = data_dir.to_owned();
        let started = tokio::task::spawn_blocking(move || Self::start_blocking(&data_dir)).await;
        let server = started.map_err(|e| StoreError::Inconsistent(e.to_string()))??;
        server.create_database(NAME).await?;
        Ok(server)
    }

    fn start_blocking(data_dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(data_dir).map_err(|e| io_error(data_dir, e))?;
        let data_dir = data_dir.canonicalize().map_err(|e| io_error(data_dir, e))?;
        let lock = lock_data_dir(&data_dir)?;
        let user = ServerUser::choose(&data_dir)?;
        let binaries = Binaries::find(&data_dir.join("cluster"))?;
        let cluster = Cluster::prepare(&data_dir, binaries, user)?;
        let url = cluster.url(NAME);
        let keeper = Keeper::start(cluster)?;
        Ok(Self { url, keeper, _lock: lock })
    }

    /// The address of the server that another process of ours runs on this folder, which only its user and root may enter.
    ///
    /// # Errors
    /// [`StoreError::Io`] when there is no such folder.
    pub fn url_of_running(data_dir: &Path) -> Result<String, StoreError> {
        let data_dir = data_dir.canonicalize().map_err(|e| io_error(data_dir, e))?;
        Ok(cluster::url(&cluster::socket_dir(&data_dir), NAME))
    }

    /// The address to give to [`crate::Store::connect`].
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.keeper.pid()
    }

    /// Creates a database beside the usual one unless it is there, and returns its address.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] for a name that is not lower-case letters, digits and `_`;
    /// [`StoreError::Database`] when the server fails.
    pub async fn create_database(&self, name: &str) -> Result<String, StoreError> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 63 || !name.chars().all(is_plain) {
            return Err(StoreError::Inconsistent(format!("{name:?} is no name for a database")));
        }
        let mut connection =
            PgConnectOptions::from_str(&self.url)?.database("postgres").connect().await?;
        let known: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
                .bind(name)
                .fetch_one(&mut connection)
                .await?;
        if !known {
            // A name cannot be a parameter; it was checked to be plain.
            let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE \"{name}\""));
            sqlx::raw_sql(statement).execute(&mut connection).await?;
        }
        connection.close().await?;
        let plain = format!("/{NAME}?");
        Ok(self.url.replacen(&plain, &format!("/{name}?"), 1))
    }

    /// Stops the server and returns when it has stopped.
    ///
    /// # Errors
    /// [`StoreError::Server`] when it had to be killed; what was acknowledged is safe even then.
    pub async fn stop(mut self) -> Result<(), StoreError> {
        let stopped = tokio::task::spawn_blocking(move || self.keeper.stop()).await;
        stopped.map_err(|e| StoreError::Inconsistent(e.to_string()))?
    }
}

/// The lock is the operating system's: it is free the moment its holder dies, however that happens.
fn lock_data_dir(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| io_error(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::DataDirInUse(data_dir.to_owned())),
        Err(TryLockError::Error(e)) => Err(io_error(&path, e)),
    }
}

fn io_error(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { path: PathBuf::from(path), source }
}
