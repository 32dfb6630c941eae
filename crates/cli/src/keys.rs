//! Whose key signs: a keystore file or the environment, never an argument.

use std::{
    env,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use alloy::primitives::Address;
use clap::Args;
use collimate_chain::{keystore, signer::SignerSource};
use collimate_sdk::{Authorise, ContractWallet, Signer};

use crate::{error::CliError, home::default_wallet};

/// Environment variable with a private key: 64 hexadecimal digits.
pub(crate) const PRIVATE_KEY: &str = "COLLIMATE_PRIVATE_KEY";
/// Environment variable with a keystore's password.
const PASSWORD: &str = "COLLIMATE_PASSWORD";

/// The account's key.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Key")]
pub(crate) struct KeyArgs {
    /// The keystore file. Default: the key in the environment variable COLLIMATE_PRIVATE_KEY, or else the wallet that
    /// `collimate wallet new` made
    #[arg(long, value_name = "FILE", env = "COLLIMATE_KEYSTORE", hide_env_values = true)]
    pub(crate) keystore: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: PasswordArgs,
}

/// Where a keystore's password is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Key")]
pub(crate) struct PasswordArgs {
    /// A file whose first line is the keystore's password. Default: the environment variable COLLIMATE_PASSWORD, or else
    /// you are asked
    #[arg(long, value_name = "FILE", env = "COLLIMATE_PASSWORD_FILE", hide_env_values = true)]
    password_file: Option<PathBuf>,
}

/// Where the key is.
enum Place {
    Keystore(PathBuf),
    Environment,
}

impl KeyArgs {
    /// Loads the key; asks for the keystore's password if need be.
    pub(crate) fn signer(&self) -> Result<Signer, CliError> {
        match self.place()? {
            Place::Environment => {
                Ok(Signer::load(&SignerSource::Environment { variable: PRIVATE_KEY.to_owned() })?)
            }
            Place::Keystore(path) => {
                let password = self.password.existing(&path)?;
                Ok(Signer::open_keystore(&path, &password)?)
            }
        }
    }

    /// The account. A keystore that states its address needs no password.
    pub(crate) fn address(&self) -> Result<Address, CliError> {
        if let Place::Keystore(path) = self.place()?
            && let Some(address) = keystore::stated_address(&path)?
        {
            return Ok(address);
        }
        Ok(self.signer()?.address())
    }

    /// The account that is named, or else the key's.
    pub(crate) fn address_or(&self, named: Option<Address>) -> Result<Address, CliError> {
        named.map_or_else(|| self.address(), Ok)
    }

    /// Who signs, for the contract wallet that is named, or else for the key's own account.
    pub(crate) fn authorise(
        &self,
        wallet: Option<Address>,
    ) -> Result<Box<dyn Authorise>, CliError> {
        let owner = self.signer()?;
        let signer: Box<dyn Authorise> = match wallet {
            Some(address) => Box::new(ContractWallet { address, owner }),
            None => Box::new(owner),
        };
        Ok(signer)
    }

    fn place(&self) -> Result<Place, CliError> {
        if let Some(path) = &self.keystore {
            return Ok(Place::Keystore(path.clone()));
        }
        if env::var_os(PRIVATE_KEY).is_some_and(|value| !value.is_empty()) {
            return Ok(Place::Environment);
        }
        let missing = CliError::Missing {
            what: "the account's key",
            remedy: "make one with `collimate wallet new`, name a keystore with --keystore, or set COLLIMATE_PRIVATE_KEY",
        };
        match default_wallet() {
            Ok(path) if path.is_file() => Ok(Place::Keystore(path)),
            _ => Err(missing),
        }
    }
}

impl PasswordArgs {
    /// The password of a keystore that exists.
    fn existing(&self, keystore: &Path) -> Result<String, CliError> {
        match self.given()? {
            Some(password) => Ok(password),
            None => ask(&format!("Password of {}: ", keystore.display())),
        }
    }

    /// The password of a keystore to be made: asked for twice.
    pub(crate) fn new_password(&self) -> Result<String, CliError> {
        let password = match self.given()? {
            Some(password) => password,
            None => {
                let password = ask("New password: ")?;
                if ask("The same again: ")? != password {
                    return Err(CliError::Malformed {
                        what: "the password".to_owned(),
                        reason: "the second one is another".to_owned(),
                        remedy: "try again; nothing was written",
                    });
                }
                password
            }
        };
        if password.is_empty() {
            return Err(CliError::Malformed {
                what: "the password".to_owned(),
                reason: "it is empty".to_owned(),
                remedy: "choose one that cannot be guessed; it protects the key's file",
            });
        }
        Ok(password)
    }

    fn given(&self) -> Result<Option<String>, CliError> {
        if let Some(path) = &self.password_file {
            let text = crate::input::read_text(path, "a password", 4096)?;
            return Ok(Some(text.lines().next().unwrap_or_default().to_owned()));
        }
        match env::var(PASSWORD) {
            Ok(password) => Ok(Some(password)),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(CliError::Malformed {
                what: format!("the environment variable {PASSWORD}"),
                reason: "not text".to_owned(),
                remedy: "set it to the keystore's password",
            }),
        }
    }
}

/// Asks for a secret on the terminal, without showing it.
pub(crate) fn ask(prompt: &str) -> Result<String, CliError> {
    let missing = CliError::Missing {
        what: "the password",
        remedy: "there is no terminal to ask on: give --password-file, or set COLLIMATE_PASSWORD",
    };
    if !io::stdin().is_terminal() {
        return Err(missing);
    }
    rpassword::prompt_password(prompt).map_err(|_| missing)
}

/// Asks for a yes, unless it was given before; anything else is a no.
pub(crate) fn consent(given: bool, question: &str) -> Result<(), CliError> {
    if given {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::Missing {
            what: "your consent",
            remedy: "there is no terminal to ask on: give --yes",
        });
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(CliError::Runtime)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(CliError::Declined),
    }
}
