//! What is done once, before a service runs: its contracts, its operators, the profile that its users get.

mod deploy;
mod operator;
mod profile;

use std::path::PathBuf;

use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use anyhow::{Context, Result};
use collimate_chain::signer::{PasswordSource, Signer, SignerSource};

pub(crate) use deploy::DeployCommand;
pub(crate) use operator::{OperatorCommand, register};
pub(crate) use profile::ProfileCommand;

/// Environment variable with a private key: 64 hexadecimal digits.
const PRIVATE_KEY: &str = "COLLIMATE_PRIVATE_KEY";

/// The account that pays for transactions. Its key is never an argument.
#[derive(Debug, clap::Args)]
pub(crate) struct AccountArgs {
    /// The account's keystore (Web3 Secret Storage). Default: the key in the environment variable COLLIMATE_PRIVATE_KEY
    #[arg(long, value_name = "FILE", requires = "password_file")]
    keystore: Option<PathBuf>,
    /// A file whose first line is the keystore's password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl AccountArgs {
    fn signer(&self) -> Result<Signer> {
        let source = match (&self.keystore, &self.password_file) {
            (Some(path), Some(password)) => SignerSource::Keystore {
                path: path.clone(),
                password: PasswordSource::File(password.clone()),
            },
            _ => SignerSource::Environment { variable: PRIVATE_KEY.to_owned() },
        };
        Ok(Signer::load(&source)?)
    }
}

/// A node, with a key for transactions.
pub(crate) fn wallet(rpc_url: &str, signer: &Signer) -> Result<DynProvider> {
    // The text is not repeated in the error: URLs of node services hold access keys.
    let wallet = ProviderBuilder::new().wallet(signer.inner().clone());
    Ok(wallet.connect_http(rpc_url.parse().context("the node's URL")?).erased())
}
