//! What the event says of where the batch is: `v1 <sha256 of the manifest> <mirror> [<mirror> …]`.

use std::{fmt, str::FromStr};

use collimate_objects::Key;
use reqwest::Url;

use crate::{
    BatchError,
    limits::{MAX_MIRRORS, MAX_POINTER_BYTES},
};

const VERSION: &str = "v1";

/// Where a batch is: the manifest's name, and data services that have it and all its files.
///
/// Object `k` of mirror `https://host/path` is at `https://host/path/objects/<k>`, `k` in lower-case hex: what a folder or a bucket
/// of [`Objects`](collimate_objects::Objects) has at this name, and S3's `GetObject` with path-style addresses answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    manifest: Key,
    mirrors: Vec<Url>,
}

impl Pointer {
    /// Points at a manifest.
    ///
    /// # Errors
    /// [`BatchError::Pointer`]: no mirror or too many, one that is not plain HTTP(S), or a text that is too long for the contract.
    pub fn new(manifest: Key, mirrors: Vec<Url>) -> Result<Self, BatchError> {
        let wrong = |reason: String| BatchError::Pointer { reason };
        if mirrors.is_empty() || mirrors.len() > MAX_MIRRORS {
            return Err(wrong(format!(
                "{} mirrors, from 1 to {MAX_MIRRORS} are allowed",
                mirrors.len()
            )));
        }
        for mirror in &mirrors {
            check_mirror(mirror).map_err(|reason| wrong(format!("{mirror}: {reason}")))?;
        }
        let pointer = Self { manifest, mirrors };
        match pointer.to_string().len() <= MAX_POINTER_BYTES {
            true => Ok(pointer),
            false => Err(wrong(format!("it is longer than {MAX_POINTER_BYTES} bytes"))),
        }
    }

    /// The manifest's name.
    #[must_use]
    pub const fn manifest(&self) -> &Key {
        &self.manifest
    }

    /// The data services, in the order of preference.
    #[must_use]
    pub fn mirrors(&self) -> &[Url] {
        &self.mirrors
    }
}

/// Whether this can be a mirror's base address: HTTP(S), no credentials, no query, no fragment.
pub(crate) fn check_mirror(mirror: &Url) -> Result<(), &'static str> {
    match () {
        () if !matches!(mirror.scheme(), "http" | "https") => Err("neither http nor https"),
        () if mirror.host().is_none() => Err("no host"),
        () if !mirror.username().is_empty() || mirror.password().is_some() => {
            Err("it has credentials")
        }
        () if mirror.query().is_some() || mirror.fragment().is_some() => {
            Err("it has a query or fragment")
        }
        () => Ok(()),
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION} {}", self.manifest)?;
        self.mirrors.iter().try_for_each(|mirror| write!(f, " {mirror}"))
    }
}

impl FromStr for Pointer {
    type Err = BatchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason: &str| BatchError::Pointer { reason: reason.to_owned() };
        if text.len() > MAX_POINTER_BYTES {
            return Err(wrong("it is too long"));
        }
        let mut words = text.split(' ');
        if words.next() != Some(VERSION) {
            return Err(wrong("it does not begin with 'v1 '"));
        }
        let manifest = words.next().and_then(|word| word.parse().ok());
        let manifest = manifest.ok_or_else(|| wrong("it has no SHA-256 of a manifest"))?;
        let mirrors: Result<Vec<Url>, _> = words.map(Url::parse).collect();
        Self::new(manifest, mirrors.map_err(|error| wrong(&error.to_string()))?)
    }
}
