//! Amounts of ether, as people write them.

use alloy::primitives::{U256, utils::parse_ether};
use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer};

/// An amount as it is written: from the environment and the command line 0.5 comes as a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Text(String),
    Whole(u64),
    Fraction(f64),
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Text(text) => text,
            Amount::Whole(number) => number.to_string(),
            Amount::Fraction(number) => number.to_string(),
        }
    }
}

pub(super) fn amount<'a, D: Deserializer<'a>>(from: D) -> Result<String, D::Error> {
    Amount::deserialize(from).map(Into::into)
}

pub(super) fn optional_amount<'a, D: Deserializer<'a>>(
    from: D,
) -> Result<Option<String>, D::Error> {
    Option::<Amount>::deserialize(from).map(|amount| amount.map(Into::into))
}

/// Reads an amount of ether.
pub(crate) fn ether(name: &str, text: &str) -> Result<U256> {
    parse_ether(text).with_context(|| format!("[DMN-061] {name}: {text} is no amount of ether"))
}
