use std::{io, net::SocketAddr, path::PathBuf};

use collimate_objects::ObjectsError;

/// Why the data service cannot work. `Display` starts with the code.
///
/// | code | meaning |
/// |---|---|
/// | DAT-001 | the configuration is not usable |
/// | DAT-002 | it cannot listen |
/// | DAT-003 | the folder holds what was not stored for everybody |
/// | DAT-004 | the folder cannot be marked as public |
/// | OBJ-… | the folder's |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Seen at the start.
    #[error("[DAT-001] the data service's settings cannot be used: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// Usually a port in use.
    #[error(
        "[DAT-002] cannot listen on {address}: {source}; choose another address or stop what uses it"
    )]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Served, it would give away what the other parts keep.
    #[error(
        "[DAT-003] {} has objects that were not stored for everybody to read; give the data service a folder of its own, or, if \
         anybody may read all of it, create the empty file `public` in it", folder.display()
    )]
    NotPublic {
        /// The configured folder.
        folder: PathBuf,
    },
    /// The disk's.
    #[error("[DAT-004] cannot use {}: {source}; check the folder's owner, rights and space", path.display())]
    Mark {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The folder's.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
}

impl DataError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "DAT-001",
            Self::Listen { .. } => "DAT-002",
            Self::NotPublic { .. } => "DAT-003",
            Self::Mark { .. } => "DAT-004",
            Self::Objects(error) => error.code(),
        }
    }
}
