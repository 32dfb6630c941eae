//! `collimate wallet`.

use std::{env, path::PathBuf};

use alloy::primitives::Address;
use clap::{Args, Subcommand};
use collimate_sdk::Signer;
use serde::Serialize;

use crate::{
    error::CliError,
    home::default_wallet,
    keys::{KeyArgs, PRIVATE_KEY, PasswordArgs, ask},
    outcome::{Outcome, Progress},
};

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A keystore is a file that geth and `cast wallet` read too. Keep a copy of it: nobody can restore a key.\n\n\
    Examples:\n  \
    collimate wallet new\n  \
    collimate wallet new keys/prover.json --password-file password\n  \
    collimate wallet import               (asks for the key; it is never an argument)\n  \
    collimate wallet address"
)]
pub(crate) struct WalletArgs {
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum WalletCommand {
    /// Make a new key and write its keystore
    New(FileArgs),
    /// Write the keystore of a key that exists: from COLLIMATE_PRIVATE_KEY, or else you are asked
    Import(FileArgs),
    /// Print the account's address
    Address(KeyArgs),
}

#[derive(Debug, Clone, Args)]
struct FileArgs {
    /// The keystore to write; an existing file is never replaced. Default: the wallet that other commands use
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Debug, Serialize)]
struct Report {
    address: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    keystore: Option<PathBuf>,
}

pub(crate) fn run(args: &WalletArgs, progress: Progress) -> Result<Outcome, CliError> {
    match &args.command {
        WalletCommand::New(file) => {
            let password = file.password.new_password()?;
            file.write(&Signer::random(), &password, progress)
        }
        WalletCommand::Import(file) => {
            let signer = existing_key()?;
            let password = file.password.new_password()?;
            file.write(&signer, &password, progress)
        }
        WalletCommand::Address(key) => {
            let address = key.address()?;
            let report = Report { address, keystore: None };
            Ok(Outcome::new(&report, vec![("", address.to_string())]))
        }
    }
}

impl FileArgs {
    fn write(
        &self,
        signer: &Signer,
        password: &str,
        progress: Progress,
    ) -> Result<Outcome, CliError> {
        let path = match &self.file {
            Some(path) => path.clone(),
            None => default_wallet()?,
        };
        signer.create_keystore(&path, password)?;
        progress.say("keep a copy of this file and its password: nobody can restore them");
        let rows = vec![
            ("address", signer.address().to_string()),
            ("keystore", path.display().to_string()),
        ];
        let report = Report { address: signer.address(), keystore: Some(path) };
        Ok(Outcome::new(&report, rows))
    }
}

/// The key from the environment or the terminal.
fn existing_key() -> Result<Signer, CliError> {
    let text = match env::var(PRIVATE_KEY) {
        Ok(text) => text,
        Err(_) => ask("Private key (64 hexadecimal digits): ").map_err(|_| CliError::Missing {
            what: "the key",
            remedy: "there is no terminal to ask on: set COLLIMATE_PRIVATE_KEY",
        })?,
    };
    Signer::from_hex(&text).map_err(|reason| CliError::Malformed {
        what: "the private key".to_owned(),
        reason: format!("it {reason}"),
        remedy: "give 64 hexadecimal digits",
    })
}
