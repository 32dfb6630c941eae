//! Takes a key or a proof apart, and says of which byte it could make nothing.

use super::encoding::{Element, Marks, Point};
use crate::VerifyError;

/// Which of the two is read: their errors differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The verifying key.
    Key,
    /// The proof.
    Proof,
}

impl Part {
    /// The error for a part that cannot be read.
    pub(crate) fn fault(self, reason: impl Into<String>) -> VerifyError {
        let reason = reason.into();
        match self {
            Self::Key => VerifyError::MalformedKey { reason },
            Self::Proof => VerifyError::Malformed { reason },
        }
    }
}

/// The bytes that are not read yet.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    part: Part,
    total: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(part: Part, bytes: &'a [u8]) -> Self {
        Self { part, total: bytes.len(), rest: bytes }
    }

    /// The error for something wrong in what was read last.
    pub(crate) fn fault(&self, what: &str) -> VerifyError {
        let at = self.total.saturating_sub(self.rest.len());
        self.part.fault(format!("{what}, before byte {at}"))
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], VerifyError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| self.fault("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, VerifyError> {
        let bytes = self.take(4)?.try_into();
        bytes.map(u32::from_be_bytes).map_err(|_| self.fault("no number of 4 bytes"))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, VerifyError> {
        let bytes = self.take(8)?.try_into();
        bytes.map(u64::from_be_bytes).map_err(|_| self.fault("no number of 8 bytes"))
    }

    pub(crate) fn element<F: Element>(&mut self) -> Result<F, VerifyError> {
        F::read(self.take(F::BYTES)?).ok_or_else(|| self.fault("a field element is not reduced"))
    }

    pub(crate) fn compressed<P: Point>(&mut self, marks: &Marks) -> Result<P, VerifyError> {
        P::read_compressed(self.take(P::BYTES)?, marks)
            .ok_or_else(|| self.fault("not the encoding of a point of the group"))
    }

    pub(crate) fn raw<P: Point>(&mut self) -> Result<P, VerifyError> {
        P::read_raw(self.take(P::BYTES.saturating_mul(2))?)
            .ok_or_else(|| self.fault("not the encoding of a point of the group"))
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Nothing may follow.
    pub(crate) fn finish(self) -> Result<(), VerifyError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.part.fault(format!("{} bytes follow", self.rest.len())))
        }
    }
}
