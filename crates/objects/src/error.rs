//! What can go wrong, and what the reader can do about it.

use std::error::Error as _;
use std::io;

use thiserror::Error;

/// An object could not be stored or read.
#[derive(Debug, Error)]
pub enum ObjectsError {
    /// The address of the store is not understood.
    #[error(
        "[OBJ-001] object store address {address:?}: {reason}; use a folder's path, or s3://bucket/prefix"
    )]
    Address {
        /// The address as given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no object of that name.
    #[error("[OBJ-002] no object {name}: it was never stored here, or was removed")]
    NotFound {
        /// The name that was asked for.
        name: String,
    },
    /// The bytes do not have the hash that names them.
    #[error(
        "[OBJ-003] object {name} is damaged: its bytes do not have the hash of its name; \
         check the disk, restore the object from a backup, or submit or prove it again"
    )]
    Corrupt {
        /// The damaged object.
        name: String,
    },
    /// The bytes are more than what is allowed.
    #[error("[OBJ-004] object {name} has {bytes} bytes, {limit} are allowed")]
    TooLarge {
        /// The object.
        name: String,
        /// Its size in bytes.
        bytes: u64,
        /// The limit that holds, in bytes.
        limit: u64,
    },
    /// The disk, or the quota on it, is full. Nothing was stored.
    #[error(
        "[OBJ-005] no space left for object {name}; nothing was stored: free space, or move the \
         object store to a larger disk or to S3, and try again"
    )]
    Full {
        /// The object that found no room.
        name: String,
    },
    /// The store may not be written or read with the rights at hand.
    #[error(
        "[OBJ-006] access denied for {name}: check the folder's owner and rights, or the S3 credentials and policy"
    )]
    Denied {
        /// The object or folder.
        name: String,
    },
    /// Not 64 hex digits.
    #[error("[OBJ-007] malformed object key: 64 hex digits are expected")]
    MalformedKey,
    /// The disk or the S3 service failed.
    #[error("[OBJ-008] object store failed at {name}: {source}; it is safe to try again")]
    Backend {
        /// The object or folder.
        name: String,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store has no identity: what is at its address is most likely not the store.
    #[error(
        "[OBJ-009] the object store has lost its file `identity`, so nothing is concluded from what it lacks: \
         is its disk mounted, is this its address? After a restore, restore that file, too"
    )]
    Absent,
}

impl ObjectsError {
    /// The stable code, the same in logs, tables and answers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address { .. } => "OBJ-001",
            Self::NotFound { .. } => "OBJ-002",
            Self::Corrupt { .. } => "OBJ-003",
            Self::TooLarge { .. } => "OBJ-004",
            Self::Full { .. } => "OBJ-005",
            Self::Denied { .. } => "OBJ-006",
            Self::MalformedKey => "OBJ-007",
            Self::Backend { .. } => "OBJ-008",
            Self::Absent => "OBJ-009",
        }
    }

    /// Whether the same call can succeed later without anybody changing the data.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Backend { .. } | Self::Absent)
    }

    /// Sorts an error of the operating system.
    pub(crate) fn from_io(name: impl Into<String>, source: io::Error) -> Self {
        let name = name.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { name },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { name },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Denied { name }
            }
            _ => Self::Backend { name, source: source.into() },
        }
    }

    /// Sorts an error of the store by what the reader has to do about it.
    pub(crate) fn from_store(name: impl Into<String>, source: object_store::Error) -> Self {
        let name = name.into();
        match &source {
            object_store::Error::NotFound { .. } => return Self::NotFound { name },
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => return Self::Denied { name },
            _ => {}
        }
        // The operating system's reason is some levels down, wrapped by the folder's own errors.
        let mut cause = source.source();
        while let Some(error) = cause {
            match error.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                    return Self::Full { name };
                }
                Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
                    return Self::Denied { name };
                }
                _ => cause = error.source(),
            }
        }
        Self::Backend { name, source: source.into() }
    }
}
