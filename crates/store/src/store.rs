//! The connection to the database.

use std::io::ErrorKind;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::StoreError;

/// Connections each process keeps at most. Queries are short; more would only queue inside the server.
const MAX_CONNECTIONS: u32 = 10;

/// How long a query waits for a connection, which covers a restart of the server.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause before a connection is tried again that the server reset.
const RESET_PAUSE: Duration = Duration::from_millis(100);

/// Pages join a few rows by their keys. The planner takes merge joins for cheap that read an index from its beginning to the page:
/// 140 ms instead of 1 ms in the middle of a million proofs (`benches/million.rs`).
const PLANNING: &str = "SET enable_mergejoin = off";

/// The database, with its schema up to date. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: PgPool,
    pub(crate) options: PgConnectOptions,
}

/// The contract that runs are submitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deployment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the `AlignedProofAggregationService`.
    pub contract: [u8; 20],
}

impl Store {
    /// Connects to a `postgres://` URL and brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Url`] for what is no URL, [`StoreError::Database`] when the server does not answer,
    /// [`StoreError::Migrate`] when the schema is not ours or newer.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        // The URL may hold a password: the error must not repeat it. The driver does not look at the scheme, and would
        // go looking for a PostgreSQL on another database's machine.
        let not_ours = || StoreError::Url("it is no postgres:// URL".into());
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(not_ours());
        }
        let options =
            PgConnectOptions::from_str(url).map_err(|_| not_ours())?.application_name("collimate");
        let pool = PgPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // Not a startup option: poolers such as PgBouncer refuse those.
            .after_connect(|connection, _| {
                Box::pin(async move { sqlx::raw_sql(PLANNING).execute(connection).await.map(drop) })
            });
        let began = Instant::now();
        let pool = loop {
            match pool.clone().connect_with(options.clone()).await {
                // A server that is being started again resets connections; the driver waits only for one that refuses them.
                Err(sqlx::Error::Io(error))
                    if error.kind() == ErrorKind::ConnectionReset
                        && began.elapsed() < ACQUIRE_TIMEOUT =>
                {
                    tokio::time::sleep(RESET_PAUSE).await;
                }
                connected => break connected?,
            }
        };
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool, options })
    }

    /// Asks the server whether it is there, for readiness.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it is not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query!(r#"SELECT 1 AS "one!""#).fetch_one(&self.pool).await?;
        Ok(())
    }

    /// The name of the object store that the rows refer to, if it was given one.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the server does not answer.
    pub async fn object_store_name(&self) -> Result<Option<String>, StoreError> {
        let name = sqlx::query_scalar!("SELECT name FROM object_store");
        Ok(name.fetch_optional(&self.pool).await?)
    }

    /// Notes the object store's name unless there is one, and returns the one that is noted.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for an empty name, [`StoreError::Database`] when the server does not answer.
    pub async fn note_object_store(&self, name: &str) -> Result<String, StoreError> {
        let noted = sqlx::query!(
            "INSERT INTO object_store (name) VALUES ($1) ON CONFLICT (only_one) DO NOTHING",
            name
        );
        noted.execute(&self.pool).await?;
        Ok(sqlx::query_scalar!("SELECT name FROM object_store").fetch_one(&self.pool).await?)
    }

    /// Waits for the queries in progress and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// The database's integers are signed.
pub(crate) fn to_i64(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange { what, value })
}

/// For columns whose CHECK excludes negative numbers.
pub(crate) fn to_u64(value: i64) -> u64 {
    value.unsigned_abs()
}

/// For columns whose CHECK excludes negative numbers.
pub(crate) fn to_u32(value: i32) -> u32 {
    value.unsigned_abs()
}

/// Reasons come from other programs' errors, which can be of any length.
pub(crate) fn short(reason: &str) -> String {
    reason.chars().filter(|c| *c != '\0').take(4096).collect()
}

/// How long ago something happened; zero for what the database's clock has ahead of ours.
pub fn age_of(at: time::OffsetDateTime) -> Duration {
    (time::OffsetDateTime::now_utc() - at).try_into().unwrap_or(Duration::ZERO)
}
