//! Keystore files: Web3 Secret Storage, as geth and `cast wallet` write and read them.
//!
//! The file holds the account's address in the clear, so that it can be shown without the password. Its key derivation is
//! the library's (scrypt, N = 8,192), which slows a thief down and no more: choose a password that cannot be guessed.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use serde_json::Value;

use crate::{error::ChainError, signer::Signer};

/// Longest keystore that is read, in bytes; they have about 500.
const MAX_BYTES: u64 = 64 << 10;

impl Signer {
    /// A new key from the operating system's randomness.
    #[must_use]
    pub fn random() -> Self {
        Self::from(PrivateKeySigner::random_with(&mut rand_keystore::rngs::OsRng))
    }

    /// Opens a keystore. Takes about a tenth of a second.
    ///
    /// # Errors
    /// [`ChainError::Signer`], whose text names the file but never its content or the password.
    pub fn open_keystore(path: &Path, password: &str) -> Result<Self, ChainError> {
        read(path)?;
        // The library's own error is dropped: it may quote what it read.
        PrivateKeySigner::decrypt_keystore(path, password).map(Self::from).map_err(|_| {
            fault(format!(
                "the keystore {} cannot be decrypted: wrong password, or not a keystore",
                path.display()
            ))
        })
    }

    /// Writes the key to a new keystore that its owner alone can read. An existing file is never replaced: it may be the
    /// only copy of a key.
    ///
    /// # Errors
    /// [`ChainError::Signer`] if the file exists or cannot be written.
    pub fn create_keystore(&self, path: &Path, password: &str) -> Result<(), ChainError> {
        let cannot = |error: io::Error| {
            fault(match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    format!("{} exists already; choose another name", path.display())
                }
                _ => format!("cannot write the keystore {}: {error}", path.display()),
            })
        };
        if path.exists() {
            return Err(cannot(io::ErrorKind::AlreadyExists.into()));
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder).map_err(cannot)?;
        // Both temporary things are private to the owner, so there is no moment at which others can read the key's file.
        let private = tempfile::tempdir_in(folder).map_err(cannot)?;
        let json = self.encrypt(private.path(), password).map_err(cannot)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
        file.write_all(&json).map_err(cannot)?;
        file.as_file().sync_all().map_err(cannot)?;
        file.persist_noclobber(path).map(drop).map_err(|error| cannot(error.error))
    }

    fn encrypt(&self, folder: &Path, password: &str) -> io::Result<Vec<u8>> {
        let mut random = rand_keystore::rngs::OsRng;
        let key = self.inner().to_bytes();
        let name = "keystore";
        PrivateKeySigner::encrypt_keystore(folder, &mut random, key, password, Some(name))
            .map_err(|error| io::Error::other(error.to_string()))?;
        let mut json: Value = serde_json::from_slice(&fs::read(folder.join(name))?)?;
        if let Value::Object(fields) = &mut json {
            fields.insert("address".to_owned(), hex::encode(self.address()).into());
        }
        Ok(serde_json::to_vec_pretty(&json)?)
    }
}

/// The address that a keystore states. It is a label: only decryption shows whose key it is. `None` where there is none.
///
/// # Errors
/// [`ChainError::Signer`] if the file cannot be read or is no keystore.
pub fn stated_address(path: &Path) -> Result<Option<Address>, ChainError> {
    let not_one = || fault(format!("{} is not a keystore", path.display()));
    let json: Value = serde_json::from_slice(&read(path)?).map_err(|_| not_one())?;
    if json.get("crypto").or_else(|| json.get("Crypto")).is_none() {
        return Err(not_one());
    }
    match json.get("address").and_then(Value::as_str) {
        Some(text) => text.parse().map(Some).map_err(|_| not_one()),
        None => Ok(None),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ChainError> {
    let cannot =
        |error: io::Error| fault(format!("cannot read the keystore {}: {error}", path.display()));
    if fs::metadata(path).map_err(cannot)?.len() > MAX_BYTES {
        return Err(fault(format!("{} is too large for a keystore", path.display())));
    }
    fs::read(path).map_err(cannot)
}

fn fault(reason: String) -> ChainError {
    ChainError::Signer { reason }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_keystore_is_private_names_its_address_and_opens_with_its_password_only() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("deep/er/wallet.json");
        let signer = Signer::random();
        signer.create_keystore(&path, "right").expect("written");
        assert_eq!(fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o600);
        assert_eq!(stated_address(&path).expect("read"), Some(signer.address()));
        let opened = Signer::open_keystore(&path, "right").expect("opens");
        assert_eq!(opened.address(), signer.address());
        let wrong = Signer::open_keystore(&path, "wr0ng").expect_err("wrong password");
        assert!(!format!("{wrong} {wrong:?}").contains("wr0ng"));
        // Nothing else stays in the folder.
        assert_eq!(fs::read_dir(path.parent().expect("folder")).expect("read").count(), 1);
    }

    #[test]
    fn an_existing_file_is_never_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("wallet.json");
        Signer::random().create_keystore(&path, "one").expect("written");
        let before = fs::read(&path).expect("read");
        let error = Signer::random().create_keystore(&path, "two").expect_err("exists");
        assert!(error.to_string().contains("exists"), "{error}");
        assert_eq!(fs::read(&path).expect("read"), before);
    }

    #[test]
    fn what_is_no_keystore_has_no_address() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("wallet.json");
        for text in ["", "{}", r#"{"address":"00"}"#, r#"{"crypto":{},"address":"00"}"#] {
            fs::write(&path, text).expect("write");
            assert_eq!(stated_address(&path).expect_err(text).code(), "CHN-050");
        }
        fs::write(&path, r#"{"crypto":{}}"#).expect("write");
        assert_eq!(stated_address(&path).expect("a keystore"), None);
        assert_eq!(
            stated_address(&folder.path().join("none")).expect_err("none").code(),
            "CHN-050"
        );
    }
}
