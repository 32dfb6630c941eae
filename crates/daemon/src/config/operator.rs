//! `[operator]`.

use std::{net::SocketAddr, path::PathBuf};

use alloy::primitives::Address;
use collimate_attestation::{KeySource, PasswordSource};
use serde::{Deserialize, Serialize};

/// An operator that verifies final proofs and signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorSettings {
    /// The account that is registered.
    pub account: Address,
    /// The BLS key's keystore (EIP-2335).
    pub keystore: PathBuf,
    /// A file with its password.
    pub password_file: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it signed; on a disk that survives a restart, the operator's own.
    pub journal: PathBuf,
}

impl OperatorSettings {
    /// Where the BLS key is.
    pub(crate) fn key(&self) -> KeySource {
        let password = PasswordSource::File { path: self.password_file.clone() };
        KeySource::Keystore { path: self.keystore.clone(), password }
    }
}
