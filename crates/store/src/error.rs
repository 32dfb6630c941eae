//! What can go wrong, and what the reader can do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The store refused or failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The server is away, or a query failed.
    #[error(
        "[STO-001] the database failed: {0}; if it is down, start it: nothing acknowledged is lost"
    )]
    Database(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error(
        "[STO-002] the schema could not be migrated: {0}; the database belongs to another version of the program"
    )]
    Migrate(#[source] Box<sqlx::migrate::MigrateError>),
    /// There is no such row.
    #[error("[STO-003] no {what} {id}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        id: String,
    },
    /// The row is not in the status from which the step is allowed: it was done already, or by somebody else.
    #[error(
        "[STO-004] {what} {id} is {found}, the step needs {needed}; read it again before deciding"
    )]
    WrongStatus {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        id: String,
        /// The status it has.
        found: String,
        /// The status, or statuses, the step starts from.
        needed: String,
    },
    /// The schema refuses the change: the caller has an error.
    #[error("[STO-005] the schema refuses the change: {0}; please report this")]
    Refused(String),
    /// The server's binaries are not on this machine.
    #[error(
        "[STO-006] no PostgreSQL {version}in {}: run `apt-get install postgresql`, or set DATABASE_URL to a server",
        searched.display()
    )]
    NotInstalled {
        /// The version that is needed and a space, or nothing when any will do.
        version: String,
        /// Where binaries were looked for.
        searched: PathBuf,
    },
    /// The server, or one of its tools, did not do its work.
    #[error("[STO-007] {step} failed: {output}; the whole log is {}", log.display())]
    Server {
        /// What was attempted.
        step: &'static str,
        /// The end of what it said.
        output: String,
        /// Where the rest is.
        log: PathBuf,
    },
    /// Another process runs the embedded server on this folder.
    #[error("[STO-008] {} is in use by another collimated: stop it, or choose another folder", .0.display())]
    DataDirInUse(PathBuf),
    /// A file or folder could not be read or written.
    #[error("[STO-009] {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Root may not run the server, and there is nobody else to run it as.
    #[error(
        "[STO-010] PostgreSQL does not run as root, and there is no user `postgres` or `nobody`: add one, \
         start the program as another user, or set DATABASE_URL"
    )]
    NoUnprivilegedUser,
    /// The database's disk is full.
    #[error("[STO-011] the database's disk is full; nothing was changed: free space and try again")]
    Full,
    /// A number that the database has no room for.
    #[error("[STO-012] {what} {value} is out of range")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// Rows contradict each other.
    #[error("[STO-013] {0}; nothing was changed: please report this")]
    Inconsistent(String),
    /// The server cannot be reached at the given address.
    #[error("[STO-014] DATABASE_URL is not usable: {0}")]
    Url(String),
    /// Another process follows the same events on the same database.
    #[error(
        "[STO-015] the cursor {0} was moved by another process: nothing was stored; go on from the cursor that is stored now"
    )]
    CursorMoved(String),
    /// The request's nonce is not the account's next one: it was used, or one before it was not. Nothing was spent.
    #[error(
        "[STO-016] the account's next nonce is {expected}; nothing was spent: sign again with it"
    )]
    WrongNonce {
        /// The nonce that the next request must have.
        expected: u64,
    },
    /// The account has no credit that is confirmed, not expired and not spent. Nothing was spent.
    #[error(
        "[STO-017] the account has no credit left; nothing was spent: buy credits, or wait until a payment is confirmed"
    )]
    NoCredit,
}

impl StoreError {
    /// The stable code, the same in logs, tables and answers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Database(_) => "STO-001",
            Self::Migrate(_) => "STO-002",
            Self::NotFound { .. } => "STO-003",
            Self::WrongStatus { .. } => "STO-004",
            Self::Refused(_) => "STO-005",
            Self::NotInstalled { .. } => "STO-006",
            Self::Server { .. } => "STO-007",
            Self::DataDirInUse(_) => "STO-008",
            Self::Io { .. } => "STO-009",
            Self::NoUnprivilegedUser => "STO-010",
            Self::Full => "STO-011",
            Self::OutOfRange { .. } => "STO-012",
            Self::Inconsistent(_) => "STO-013",
            Self::Url(_) => "STO-014",
            Self::CursorMoved(_) => "STO-015",
            Self::WrongNonce { .. } => "STO-016",
            Self::NoCredit => "STO-017",
        }
    }

    /// Whether the same call can succeed later without anybody changing the data.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Full | Self::CursorMoved(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else { return Self::Database(error) };
        match database.code().as_deref() {
            // disk_full
            Some("53100") => Self::Full,
            // guard_status() and every constraint
            Some(code) if code == "CO001" || code.starts_with("23") => {
                Self::Refused(database.message().to_owned())
            }
            _ => Self::Database(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migrate(Box::new(error))
    }
}
