//! Bincode with one accepted encoding: what is read is written again and compared.

use std::io::{self, Write};

use bincode::Options;
use serde::{Serialize, de::DeserializeOwned};

/// Reads one value and returns what follows it. Nothing is reserved beyond the bytes that are there.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), String> {
    let mut rest = bytes;
    let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let value = bincode::options()
        .with_fixint_encoding()
        .allow_trailing_bytes()
        .with_limit(limit)
        .deserialize_from(&mut rest)
        .map_err(|error| error.to_string())?;
    Ok((value, rest))
}

/// Whether `bytes` is the encoding of `value`: field elements are reduced, maps in order and without repetition.
pub(crate) fn is_encoding_of<T: Serialize>(bytes: &[u8], value: &T) -> bool {
    let mut expected = Expected(bytes);
    bincode::serialize_into(&mut expected, value).is_ok() && expected.0.is_empty()
}

/// Compares what is written with bytes in hand, so that no second copy is made.
struct Expected<'a>(&'a [u8]);

impl Write for Expected<'_> {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(written).ok_or(io::ErrorKind::InvalidData)?;
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
