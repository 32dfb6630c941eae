//! Reading and writing the guests' inputs: numbers are 4 bytes little-endian, lists start with their
//! length, and nothing may follow the end.

use alloc::vec::Vec;

use crate::Error;

pub(super) fn put_u32(out: &mut Vec<u8>, value: usize) -> Result<(), Error> {
    // A list of 2^32 entries is no proof's or run's; the count in the error saturates nowhere.
    let value = u32::try_from(value).map_err(|_| Error::TooManyProofs { count: value })?;
    out.extend_from_slice(&value.to_le_bytes());
    Ok(())
}

#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Error::InputTooShort)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Error::InputTooShort)?;
        self.0 = rest;
        Ok(*bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    /// A list's length. Every entry takes `entry_bytes` at least, so a length that the rest of the input
    /// cannot hold is refused before anything is allocated for it.
    pub(super) fn length(&mut self, entry_bytes: usize) -> Result<usize, Error> {
        let length = self.u32()? as usize;
        match length.checked_mul(entry_bytes) {
            Some(bytes) if bytes <= self.0.len() => Ok(length),
            _ => Err(Error::InputTooShort),
        }
    }

    pub(super) fn end(&self) -> Result<(), Error> {
        match self.0.len() {
            0 => Ok(()),
            extra => Err(Error::TrailingInput { extra }),
        }
    }
}
