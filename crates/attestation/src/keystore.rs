//! Where an operator's secret key comes from: a keystore file or the environment, never an argument.
//!
//! The file has the form of EIP-2335 (version 4: scrypt, SHA-256 checksum, AES-128-CTR), with keys in G2, so its
//! `pubkey` has 96 bytes. Passwords are taken as UTF-8 without control characters; they are not normalised (NFKD), so
//! use ones for which it makes no difference, such as ASCII.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use aes::cipher::{KeyIvInit, StreamCipher};
use rand::TryRngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{AttestationError, SecretKey};

/// scrypt's cost that EIP-2335 recommends: 256 MiB, about a second.
const LOG_N: u8 = 18;
/// Files that ask for more are refused: 1 GiB.
const MAX_LOG_N: u8 = 20;

/// Where the key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// 64 hexadecimal digits in an environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A keystore file.
    Keystore {
        /// The file.
        path: PathBuf,
        /// Where its password is.
        password: PasswordSource,
    },
}

/// Where a keystore's password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// In an environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// In a file, whose last line break does not count.
    File {
        /// The file.
        path: PathBuf,
    },
}

impl KeySource {
    /// Loads the key.
    ///
    /// # Errors
    /// [`AttestationError::Key`] or [`AttestationError::Keystore`]; no error contains key or password.
    pub fn load(&self) -> Result<SecretKey, AttestationError> {
        match self {
            Self::Environment { variable } => {
                let text = from_environment(variable)?;
                let bytes = hex::decode(text.trim().trim_start_matches("0x")).map(Zeroizing::new);
                bytes.ok().and_then(|bytes| SecretKey::from_bytes(&bytes).ok()).ok_or_else(|| {
                    AttestationError::Key {
                        place: format!("environment variable {variable}"),
                        reason: "not 64 hexadecimal digits of a BLS12-381 secret key".to_owned(),
                    }
                })
            }
            Self::Keystore { path, password } => open_keystore(path, &password.load()?),
        }
    }
}

impl PasswordSource {
    fn load(&self) -> Result<Zeroizing<String>, AttestationError> {
        match self {
            Self::Environment { variable } => from_environment(variable),
            Self::File { path } => {
                let text = fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
                    AttestationError::Key {
                        place: format!("password file {}", path.display()),
                        reason: error.to_string(),
                    }
                })?;
                Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
        }
    }
}

fn from_environment(variable: &str) -> Result<Zeroizing<String>, AttestationError> {
    std::env::var(variable).map(Zeroizing::new).map_err(|_| AttestationError::Key {
        place: format!("environment variable {variable}"),
        reason: "not set, or not text".to_owned(),
    })
}

#[derive(Serialize, Deserialize)]
struct Keystore {
    crypto: Crypto,
    #[serde(default)]
    description: String,
    pubkey: String,
    path: String,
    uuid: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Crypto {
    kdf: Module<ScryptParams>,
    checksum: Module<NoParams>,
    cipher: Module<CipherParams>,
}

#[derive(Serialize, Deserialize)]
struct Module<P> {
    function: String,
    params: P,
    message: String,
}

#[derive(Serialize, Deserialize)]
struct ScryptParams {
    dklen: usize,
    n: u64,
    p: u32,
    r: u32,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct NoParams {}

#[derive(Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

/// Writes a new keystore, readable by its owner alone. An existing file is never overwritten.
///
/// # Errors
/// [`AttestationError::Keystore`] if the file exists or cannot be written.
pub fn create_keystore(
    path: &Path,
    key: &SecretKey,
    password: &str,
) -> Result<(), AttestationError> {
    encrypt(key, password, LOG_N)
        .and_then(|text| write_private(path, &text).map_err(|error| error.to_string()))
        .map_err(|reason| AttestationError::Keystore { path: path.to_owned(), reason })
}

/// Opens a keystore.
///
/// # Errors
/// [`AttestationError::Keystore`] if it cannot be read or the password is not its own.
pub fn open_keystore(path: &Path, password: &str) -> Result<SecretKey, AttestationError> {
    fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| decrypt(&text, password))
        .map_err(|reason| AttestationError::Keystore { path: path.to_owned(), reason })
}

fn encrypt(key: &SecretKey, password: &str, log_n: u8) -> Result<String, String> {
    let mut random = [0_u8; 64];
    rand::rngs::OsRng.try_fill_bytes(&mut random).map_err(|error| error.to_string())?;
    let [salt, iv, uuid] = [&random[..32], &random[32..48], &random[48..]].map(hex::encode);
    let kdf = ScryptParams { dklen: 32, n: 1 << log_n, p: 1, r: 8, salt };
    let derived = derive(&kdf, password)?;
    let mut message = key.to_bytes().to_vec();
    apply_cipher(&derived, &iv, &mut message)?;
    let keystore = Keystore {
        crypto: Crypto {
            checksum: Module {
                function: "sha256".to_owned(),
                params: NoParams {},
                message: checksum(&derived, &message),
            },
            kdf: Module { function: "scrypt".to_owned(), params: kdf, message: String::new() },
            cipher: Module {
                function: "aes-128-ctr".to_owned(),
                params: CipherParams { iv },
                message: hex::encode(message),
            },
        },
        description: "Collimate operator, BLS12-381 with public keys in G2".to_owned(),
        pubkey: hex::encode(key.public_key().to_bytes()),
        path: String::new(),
        uuid: random_uuid(&uuid),
        version: 4,
    };
    serde_json::to_string_pretty(&keystore).map_err(|error| error.to_string())
}

fn decrypt(text: &str, password: &str) -> Result<SecretKey, String> {
    let Keystore { crypto, pubkey, version, .. } =
        serde_json::from_str(text).map_err(|error| format!("not an EIP-2335 file: {error}"))?;
    let functions = (
        crypto.kdf.function.as_str(),
        crypto.checksum.function.as_str(),
        crypto.cipher.function.as_str(),
    );
    if version != 4 || functions != ("scrypt", "sha256", "aes-128-ctr") {
        return Err("only version 4 with scrypt, sha256 and aes-128-ctr is supported".to_owned());
    }
    let derived = derive(&crypto.kdf.params, password)?;
    let message = hex::decode(&crypto.cipher.message).map_err(|error| error.to_string())?;
    let mut message = Zeroizing::new(message);
    if checksum(&derived, &message) != crypto.checksum.message.to_lowercase() {
        return Err("wrong password, or a damaged file".to_owned());
    }
    apply_cipher(&derived, &crypto.cipher.params.iv, &mut message)?;
    let key = SecretKey::from_bytes(&message).map_err(|error| error.to_string())?;
    if hex::encode(key.public_key().to_bytes()) != pubkey.trim_start_matches("0x").to_lowercase() {
        return Err("its secret key is not that of its pubkey".to_owned());
    }
    Ok(key)
}

fn derive(params: &ScryptParams, password: &str) -> Result<Zeroizing<[u8; 32]>, String> {
    let log_n = params.n.checked_ilog2().and_then(|log| u8::try_from(log).ok()).unwrap_or(u8::MAX);
    if params.dklen != 32 || !params.n.is_power_of_two() || log_n > MAX_LOG_N {
        return Err(format!("scrypt with dklen 32 and n a power of two up to 2^{MAX_LOG_N} only"));
    }
    if params.r > 8 || params.p > 4 {
        return Err("scrypt with r up to 8 and p up to 4 only".to_owned());
    }
    let scrypt_params = scrypt::Params::new(log_n, params.r, params.p)
        .map_err(|error| format!("scrypt: {error}"))?;
    let salt = hex::decode(&params.salt).map_err(|error| format!("salt: {error}"))?;
    let mut derived = Zeroizing::new([0; 32]);
    scrypt::scrypt(cleaned(password).as_bytes(), &salt, &scrypt_params, derived.as_mut())
        .map_err(|error| format!("scrypt: {error}"))?;
    Ok(derived)
}

/// EIP-2335 strips control characters.
fn cleaned(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.chars().filter(|character| !character.is_control()).collect())
}

fn checksum(derived: &[u8; 32], message: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(&derived[16..]).chain_update(message).finalize())
}

fn apply_cipher(derived: &[u8; 32], iv: &str, message: &mut [u8]) -> Result<(), String> {
    let iv = hex::decode(iv).map_err(|error| format!("iv: {error}"))?;
    ctr::Ctr128BE::<aes::Aes128>::new_from_slices(&derived[..16], &iv)
        .map_err(|error| format!("iv: {error}"))?
        .apply_keystream(message);
    Ok(())
}

/// A version 4 UUID of 32 random hexadecimal digits.
fn random_uuid(digits: &str) -> String {
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-4{c}-8{d}-{e}", c = &c[1..], d = &d[1..])
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_test_vector_of_eip_2335() {
        // The vector's password after its normalisation.
        let params = ScryptParams {
            dklen: 32,
            n: 262_144,
            p: 1,
            r: 8,
            salt: "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3".to_owned(),
        };
        let derived = derive(&params, "testpassword\u{1f511}").unwrap();
        let message = "06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f";
        let mut message = hex::decode(message).unwrap();
        assert_eq!(
            checksum(&derived, &message),
            "d2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484"
        );
        apply_cipher(&derived, "264daa3f303d7259501c93d997d84fe6", &mut message).unwrap();
        assert_eq!(
            hex::encode(message),
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
        );
    }

    #[test]
    fn opens_what_it_wrote_with_the_right_password_only() {
        let key = SecretKey::generate().unwrap();
        let text = encrypt(&key, "correct horse", 4).unwrap();
        let opened = decrypt(&text, "correct horse").unwrap();
        assert_eq!(opened.public_key(), key.public_key());
        assert!(decrypt(&text, "correct horsf").unwrap_err().contains("wrong password"));
        assert!(!text.contains(&hex::encode(*key.to_bytes())));
    }

    #[test]
    fn refuses_what_it_cannot_trust() {
        let text = encrypt(&SecretKey::generate().unwrap(), "p", 4).unwrap();
        for (from, to) in [
            ("\"version\": 4", "\"version\": 3"),
            ("scrypt", "pbkdf2"),
            ("\"n\": 16", "\"n\": 1099511627776"),
            ("\"n\": 16", "\"n\": 0"),
            ("\"dklen\": 32", "\"dklen\": 64"),
            ("\"p\": 1", "\"p\": 1000000"),
            ("\"pubkey\": \"", "\"pubkey\": \"00"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(decrypt(&text.replace(from, to), "p").is_err(), "{from} to {to}");
        }
        assert!(decrypt("{}", "p").is_err());
        assert!(decrypt("", "p").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_keystore_is_its_owners_alone_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operator.json");
        let key = SecretKey::generate().unwrap();
        create_keystore(&path, &key, "password").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(create_keystore(&path, &key, "password").unwrap_err().code(), "ATT-009");
        let password = folder.path().join("password");
        fs::write(&password, "password\n").unwrap();
        let password = PasswordSource::File { path: password };
        let loaded = KeySource::Keystore { path, password }.load().unwrap();
        assert_eq!(loaded.public_key(), key.public_key());
    }

    #[test]
    fn neither_debug_nor_errors_show_the_key() {
        let key = SecretKey::generate().unwrap();
        let digits = hex::encode(*key.to_bytes());
        assert!(!format!("{key:?}").contains(&digits));
        let error = KeySource::Environment { variable: "COLLIMATE_NOT_SET".to_owned() };
        assert_eq!(error.load().unwrap_err().code(), "ATT-008");
    }
}
