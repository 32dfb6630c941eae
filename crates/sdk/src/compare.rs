//! Comparing what was said with what is known.

use std::fmt::Display;

/// Nothing if both are the same; else the error that is made of both, in words.
pub(crate) fn same<T: PartialEq + Display, E>(
    known: &T,
    said: &T,
    error: impl FnOnce(String, String) -> E,
) -> Result<(), E> {
    match known == said {
        true => Ok(()),
        false => Err(error(known.to_string(), said.to_string())),
    }
}

/// Nothing if all of these agree; else the name of the first that does not.
pub(crate) fn all_agree(parts: &[(&'static str, bool)]) -> Result<(), &'static str> {
    match parts.iter().find(|(_, agrees)| !agrees) {
        None => Ok(()),
        Some((name, _)) => Err(*name),
    }
}
