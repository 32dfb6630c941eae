use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// An amount in wei. In JSON and text it is a decimal string, since numbers of that size do not survive every JSON reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wei(pub u128);

/// A text that is no amount of wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount of wei is a decimal number below 2^128, as a string")]
pub struct NotWei;

impl fmt::Display for Wei {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Wei {
    type Err = NotWei;

    fn from_str(text: &str) -> Result<Self, NotWei> {
        // `u128` takes a sign, which is not part of the form.
        match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().map(Self).map_err(|_| NotWei),
            false => Err(NotWei),
        }
    }
}

impl Serialize for Wei {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Wei {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
