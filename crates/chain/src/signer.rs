//! Where signing keys come from: a keystore file or the environment, never an argument.

use std::{env, fmt, fs, path::PathBuf};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use serde::{Deserialize, Serialize};

use crate::error::ChainError;

/// Names a key without holding it. Plain data for configuration files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SignerSource {
    /// An encrypted keystore file (Web3 Secret Storage, as geth and `cast wallet` write it).
    Keystore {
        /// The file.
        path: PathBuf,
        /// Where its password is.
        password: PasswordSource,
    },
    /// An environment variable that holds the private key: 32 bytes in hex.
    Environment {
        /// Name of the variable.
        variable: String,
    },
}

/// Where a keystore's password is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordSource {
    /// The first line of this file.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
}

/// A key that can sign. It shows its address and nothing else.
#[derive(Clone)]
pub struct Signer(PrivateKeySigner);

impl Signer {
    /// Loads the key. Decrypting a keystore takes about a second of processor time: call it at start.
    ///
    /// # Errors
    /// [`ChainError::Signer`], whose text names files and variables but never their content.
    pub fn load(source: &SignerSource) -> Result<Self, ChainError> {
        match source {
            SignerSource::Environment { variable } => Self::from_hex(&read_variable(variable)?)
                .map_err(|reason| ChainError::Signer {
                    reason: format!("the environment variable {variable} {reason}"),
                }),
            SignerSource::Keystore { path, password } => {
                Self::open_keystore(path, &password.read()?)
            }
        }
    }

    /// A key from its 32 bytes in hex, for keys that a program made itself, such as a development chain's.
    ///
    /// # Errors
    /// What is wrong, without repeating the text.
    pub fn from_hex(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text))
            .map_err(|_| "does not hold hex digits")?;
        if bytes.len() != 32 {
            return Err("does not hold 32 bytes");
        }
        PrivateKeySigner::from_slice(&bytes)
            .map(Self)
            .map_err(|_| "does not hold a secp256k1 private key")
    }

    /// Account of this key.
    pub const fn address(&self) -> Address {
        self.0.address()
    }

    /// The library's signer, for what needs it. Its `Debug` shows no secret either.
    pub const fn inner(&self) -> &PrivateKeySigner {
        &self.0
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.address())
    }
}

impl From<PrivateKeySigner> for Signer {
    fn from(signer: PrivateKeySigner) -> Self {
        Self(signer)
    }
}

impl PasswordSource {
    fn read(&self) -> Result<String, ChainError> {
        match self {
            Self::Environment(variable) => read_variable(variable),
            Self::File(path) => {
                let text = fs::read_to_string(path).map_err(|error| ChainError::Signer {
                    reason: format!("cannot read the password file {}: {error}", path.display()),
                })?;
                Ok(text.lines().next().unwrap_or_default().to_owned())
            }
        }
    }
}

fn read_variable(variable: &str) -> Result<String, ChainError> {
    // `VarError` quotes the value when it is not Unicode, so it is not passed on.
    env::var(variable).map_err(|error| ChainError::Signer {
        reason: match error {
            env::VarError::NotPresent => format!("set the environment variable {variable}"),
            env::VarError::NotUnicode(_) => {
                format!("the environment variable {variable} is not text")
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First account of every development chain: no secret.
    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn key_is_read_with_and_without_prefix() {
        for text in [KEY.to_owned(), format!("0x{KEY}\n")] {
            let signer = Signer::from_hex(&text).expect("valid key");
            assert_eq!(signer.address().to_string(), ADDRESS);
        }
    }

    #[test]
    fn debug_shows_the_address_only() {
        let signer = Signer::from_hex(KEY).expect("valid key");
        let shown = format!("{signer:?} {:?}", signer.inner());
        assert!(shown.contains(ADDRESS));
        assert!(!shown.to_lowercase().contains(KEY.get(..16).expect("long")), "{shown}");
    }

    #[test]
    fn malformed_keys_are_refused_without_repeating_them() {
        for text in ["", "0x", "zz", &KEY[2..], &"00".repeat(32), &"ff".repeat(32)] {
            let reason = Signer::from_hex(text).expect_err(text);
            assert!(text.len() < 4 || !reason.contains(text));
        }
    }

    #[test]
    fn keystore_opens_with_its_password_only() {
        let folder = tempfile::tempdir().expect("folder");
        let key = hex::decode(KEY).expect("hex");
        let (_, name) = PrivateKeySigner::encrypt_keystore(
            folder.path(),
            &mut rand_keystore::thread_rng(),
            key,
            "right",
            None,
        )
        .expect("keystore");
        let password_file = folder.path().join("password");
        let source = SignerSource::Keystore {
            path: folder.path().join(name),
            password: PasswordSource::File(password_file.clone()),
        };

        let missing = Signer::load(&source).expect_err("no password file");
        assert!(missing.to_string().contains("password file"), "{missing}");

        fs::write(&password_file, "right\n").expect("write");
        assert_eq!(Signer::load(&source).expect("opens").address().to_string(), ADDRESS);

        fs::write(&password_file, "wr0ng").expect("write");
        let wrong = Signer::load(&source).expect_err("wrong password");
        assert_eq!(wrong.code(), "CHN-050");
        assert!(!format!("{wrong} {wrong:?}").contains("wr0ng"));
    }

    #[test]
    fn missing_variable_is_named() {
        let source = SignerSource::Environment { variable: "COLLIMATE_NO_SUCH_KEY".into() };
        let error = Signer::load(&source).expect_err("not set");
        assert!(error.to_string().contains("COLLIMATE_NO_SUCH_KEY"));
    }
}
