//! The versions of RISC Zero whose proofs are verified. They share the recursion circuit and Groth16's key, and differ in the set of
//! recursion programs: a proof is of one version, and names it by the digest of that version's parameters.

use risc0_zkp::digest;
use risc0_zkvm::{
    Digest, Groth16ReceiptVerifierParameters, SuccinctReceiptVerifierParameters, VerifierContext,
    sha::Digestible,
};

use crate::VerifyError;

/// A version of RISC Zero, as far as parameters differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 2.2 and 2.3. The two before are not taken: RISC Zero stopped their verifiers on chain.
    V2,
    /// 3.0.
    V3,
}

/// Root of the tree of the recursion programs of 2.2 and 2.3. Version 3.0's is the library's own.
const CONTROL_ROOT_V2: Digest =
    digest!("ce52bf56033842021af3cf6db8a50d1b7535c125a34f1a22c6fdcf002c5a1529");

/// Parameters of composite receipts of 2.2 and 2.3. Their segments are of another circuit than 3.0's, so they are only named.
const COMPOSITE_V2: Digest =
    digest!("12d12ff8404824a12d4242993527a6ae5b15037a454e9a8fa682e00b62fdc6f5");

impl Version {
    /// The releases that have these parameters.
    const fn releases(self) -> &'static str {
        match self {
            Self::V2 => "2.2 or 2.3",
            Self::V3 => "3.0",
        }
    }

    /// What proofs are verified with. Development mode, which an environment variable turns on, would accept receipts without a
    /// proof.
    pub(super) fn context(self) -> VerifierContext {
        match self {
            Self::V2 => VerifierContext::empty()
                .with_suites(VerifierContext::default_hash_suites())
                .with_succinct_verifier_parameters(self.succinct())
                .with_groth16_verifier_parameters(self.groth16()),
            Self::V3 => VerifierContext::default().with_dev_mode(false),
        }
    }

    /// The digest by which seals and receipts of Groth16 name this version.
    pub(super) fn groth16_digest(self) -> Digest {
        self.groth16().digest()
    }

    fn succinct(self) -> SuccinctReceiptVerifierParameters {
        let current = SuccinctReceiptVerifierParameters::default();
        match self {
            Self::V2 => {
                SuccinctReceiptVerifierParameters { control_root: CONTROL_ROOT_V2, ..current }
            }
            Self::V3 => current,
        }
    }

    fn groth16(self) -> Groth16ReceiptVerifierParameters {
        let current = Groth16ReceiptVerifierParameters::default();
        match self {
            Self::V2 => {
                Groth16ReceiptVerifierParameters { control_root: CONTROL_ROOT_V2, ..current }
            }
            Self::V3 => current,
        }
    }

    /// The error for a receipt of another version.
    pub(super) fn wrong_parameters(self, found: &Digest) -> VerifyError {
        let is = |version: Self| *found == version.succinct().digest();
        let parameters = format!("with parameters {found}");
        self.wrong(if is(Self::V2) {
            format!("2.2 or 2.3, which risc0-succinct-v2 takes, {parameters}")
        } else if is(Self::V3) {
            format!("3.0, which risc0-succinct takes, {parameters}")
        } else if *found == COMPOSITE_V2 {
            format!(
                "2.2 or 2.3, of which no composite receipts are taken (compress it to a succinct one, \
                 which risc0-succinct-v2 takes), {parameters}"
            )
        } else {
            parameters
        })
    }

    /// The error for a seal of another version.
    pub(super) fn wrong_selector(self, found: [u8; 4]) -> VerifyError {
        let selector = format!("with selector {:08x}", u32::from_be_bytes(found));
        self.wrong(match found {
            [0x73, 0xc4, 0x57, 0xba] => format!("3.0, which risc0-groth16 takes, {selector}"),
            [0xbb, 0x00, 0x1d, 0x44] => {
                format!("2.2 or 2.3, which risc0-groth16-v2 takes, {selector}")
            }
            [0xf5, 0x36, 0x08, 0x5a] => format!("2.1, which is not taken, {selector}"),
            [0x9f, 0x39, 0x69, 0x6c] => format!("2.0, which is not taken, {selector}"),
            _ => selector,
        })
    }

    fn wrong(self, found: String) -> VerifyError {
        VerifyError::WrongVersion { found, expected: self.releases() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each release's own tests pin these digests: they commit to everything that its verifier depends on.
    #[test]
    fn the_parameters_are_those_of_the_releases() {
        for (version, succinct, groth16) in [
            (
                Version::V2,
                digest!("6da21180b0fb9de482aed36931a29b10feeb64fb96de49f2f2e5e119e2bb8cd8"),
                digest!("bb001d444841d70e8bc0c7d034b349044bf3cf0117afb702b2f1e898b7dd13cc"),
            ),
            (
                Version::V3,
                digest!("ece5e9b8ae2cd6ea6b1827b464ff0348f9a7f4decd269c0087fdfd75098da013"),
                digest!("73c457ba541936f0d907daf0c7253a39a9c5c427c225ba7709e44702d3c6eedc"),
            ),
        ] {
            assert_eq!(version.succinct().digest(), succinct);
            assert_eq!(version.groth16_digest(), groth16);
            assert!(!version.context().dev_mode());
        }
    }
}
