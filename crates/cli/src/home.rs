//! The folder with the user's things: profiles, wallet, transactions on their way.

use std::{env, path::PathBuf};

use crate::error::CliError;

/// `$COLLIMATE_HOME`, `$XDG_CONFIG_HOME/collimate` or `$HOME/.config/collimate`. It need not exist.
pub(crate) fn home() -> Result<PathBuf, CliError> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("COLLIMATE_HOME")
        .or_else(|| set("XDG_CONFIG_HOME").map(|folder| folder.join("collimate")))
        .or_else(|| set("HOME").map(|folder| folder.join(".config/collimate")))
        .ok_or(CliError::Missing {
            what: "the folder for your settings",
            remedy: "set COLLIMATE_HOME, or HOME",
        })
}

/// The wallet that is used where no other is named.
pub(crate) fn default_wallet() -> Result<PathBuf, CliError> {
    Ok(home()?.join("wallet.json"))
}

/// Where deposits on their way are remembered.
pub(crate) fn journal() -> Result<PathBuf, CliError> {
    Ok(home()?.join("transactions"))
}

/// Where consents to pay for groups of proofs are remembered.
pub(crate) fn groups() -> Result<PathBuf, CliError> {
    Ok(home()?.join("groups"))
}
