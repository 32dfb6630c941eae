//! `[database]`.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

/// PostgreSQL.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// `postgres://…`. Without one a server is started in `folder`. `DATABASE_URL` says the same.
    #[serde(skip_serializing)]
    pub url: Option<String>,
    /// The cluster of a server of our own.
    pub folder: PathBuf,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: None, folder: "postgres".into() }
    }
}

/// The URL may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_ref().map(|_| "…");
        f.debug_struct("Database").field("url", &url).field("folder", &self.folder).finish()
    }
}
