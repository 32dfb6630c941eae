use tiny_keccak::{Hasher, Keccak};

/// A 32-byte hash: a tree's node or leaf, a blob's versioned hash, or a hash of those.
pub type Hash = [u8; 32];

/// Keccak-256 of the concatenated parts, as Solidity's `keccak256`.
#[must_use]
pub fn keccak256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Keccak::v256();
    for part in parts {
        hasher.update(part);
    }
    let mut hash = [0; 32];
    hasher.finalize(&mut hash);
    hash
}

/// Text form of 32-byte values: `0x` and 64 digits when written, `0x` optional when read; in formats
/// that no human reads, the bytes.
macro_rules! hex_text {
    ($name:ident) => {
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl core::str::FromStr for $name {
            type Err = crate::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::hash::parse_hex(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::hash::hash_serde::serialize(&self.0, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::hash::hash_serde::deserialize(deserializer).map(Self)
            }
        }
    };
}
pub(crate) use hex_text;

pub(crate) fn parse_hex(text: &str) -> Result<Hash, crate::Error> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
        .map_err(|_| crate::Error::NotHex32)?;
    Ok(bytes)
}

/// Serde form of a [`Hash`] field: `#[serde(with = "hash_serde")]`.
pub(crate) mod hash_serde {
    use alloc::{format, string::String};

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(hash: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.serialize_str(&format!("0x{}", hex::encode(hash)))
        } else {
            hash.serialize(s)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
        if d.is_human_readable() {
            super::parse_hex(&String::deserialize(d)?).map_err(D::Error::custom)
        } else {
            <[u8; 32]>::deserialize(d)
        }
    }
}
