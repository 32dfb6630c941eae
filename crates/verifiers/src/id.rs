use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;

use crate::{
    ProofSystem,
    circom::CircomGroth16Bn254,
    gnark::{GnarkGroth16Bn254, GnarkPlonkBls12_381, GnarkPlonkBn254},
    risc0::{Risc0Composite, Risc0Groth16, Risc0Groth16V2, Risc0Succinct, Risc0SuccinctV2},
    sp1::{Sp1Compressed, Sp1Groth16, Sp1Plonk},
};

/// Every proof system by its number, which commitments of fast mode contain and by which governance disables one.
///
/// Numbers are at most [`Self::MAX`], and are never used again for another verifier: one that verifies something else, such
/// as the next version's circuits, gets a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ProofSystemId {
    /// [`Sp1Compressed`]
    Sp1Compressed = 0,
    /// [`Sp1Groth16`]
    Sp1Groth16 = 1,
    /// [`Sp1Plonk`]
    Sp1Plonk = 2,
    /// [`Risc0Composite`]
    Risc0Composite = 3,
    /// [`Risc0Succinct`]
    Risc0Succinct = 4,
    /// [`Risc0Groth16`]
    Risc0Groth16 = 5,
    /// [`GnarkGroth16Bn254`]
    GnarkGroth16Bn254 = 6,
    /// [`GnarkPlonkBn254`]
    GnarkPlonkBn254 = 7,
    /// [`GnarkPlonkBls12_381`]
    GnarkPlonkBls12_381 = 8,
    /// [`CircomGroth16Bn254`]
    CircomGroth16Bn254 = 9,
    /// [`Risc0SuccinctV2`]
    Risc0SuccinctV2 = 10,
    /// [`Risc0Groth16V2`]
    Risc0Groth16V2 = 11,
}

/// A number or name of no proof system.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("[VER-019] there is no proof system {0}; docs/proof-systems lists them")]
pub struct UnknownProofSystem(String);

impl UnknownProofSystem {
    /// The stable code, of the same list as those of [`crate::VerifyError`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        "VER-019"
    }
}

impl ProofSystemId {
    /// The contracts keep 96 bits of which systems are disabled.
    pub const MAX: u16 = 95;

    /// All of them, by number.
    pub const ALL: [Self; 12] = [
        Self::Sp1Compressed,
        Self::Sp1Groth16,
        Self::Sp1Plonk,
        Self::Risc0Composite,
        Self::Risc0Succinct,
        Self::Risc0Groth16,
        Self::GnarkGroth16Bn254,
        Self::GnarkPlonkBn254,
        Self::GnarkPlonkBls12_381,
        Self::CircomGroth16Bn254,
        Self::Risc0SuccinctV2,
        Self::Risc0Groth16V2,
    ];

    /// The number, as contracts take it.
    #[must_use]
    pub fn number(self) -> u16 {
        u16::from(self as u8)
    }

    /// The name in the API, settings and logs: that of the verifier.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sp1Compressed => "sp1-compressed",
            Self::Sp1Groth16 => "sp1-groth16",
            Self::Sp1Plonk => "sp1-plonk",
            Self::Risc0Composite => "risc0-composite",
            Self::Risc0Succinct => "risc0-succinct",
            Self::Risc0Groth16 => "risc0-groth16",
            Self::GnarkGroth16Bn254 => "gnark-groth16-bn254",
            Self::GnarkPlonkBn254 => "gnark-plonk-bn254",
            Self::GnarkPlonkBls12_381 => "gnark-plonk-bls12-381",
            Self::CircomGroth16Bn254 => "circom-groth16-bn254",
            Self::Risc0SuccinctV2 => "risc0-succinct-v2",
            Self::Risc0Groth16V2 => "risc0-groth16-v2",
        }
    }

    /// Builds its verifier. Keep it: that of SP1's compressed proofs takes time to build.
    #[must_use]
    pub fn verifier(self) -> Arc<dyn ProofSystem> {
        match self {
            Self::Sp1Compressed => Arc::new(Sp1Compressed::default()),
            Self::Sp1Groth16 => Arc::new(Sp1Groth16),
            Self::Sp1Plonk => Arc::new(Sp1Plonk),
            Self::Risc0Composite => Arc::new(Risc0Composite),
            Self::Risc0Succinct => Arc::new(Risc0Succinct),
            Self::Risc0Groth16 => Arc::new(Risc0Groth16),
            Self::GnarkGroth16Bn254 => Arc::new(GnarkGroth16Bn254),
            Self::GnarkPlonkBn254 => Arc::new(GnarkPlonkBn254),
            Self::GnarkPlonkBls12_381 => Arc::new(GnarkPlonkBls12_381),
            Self::CircomGroth16Bn254 => Arc::new(CircomGroth16Bn254),
            Self::Risc0SuccinctV2 => Arc::new(Risc0SuccinctV2),
            Self::Risc0Groth16V2 => Arc::new(Risc0Groth16V2),
        }
    }
}

impl fmt::Display for ProofSystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ProofSystemId {
    type Err = UnknownProofSystem;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|id| id.name() == name);
        named.ok_or_else(|| UnknownProofSystem(format!("named {}", name.escape_default())))
    }
}

impl TryFrom<u16> for ProofSystemId {
    type Error = UnknownProofSystem;

    fn try_from(number: u16) -> Result<Self, Self::Error> {
        let numbered = Self::ALL.into_iter().find(|id| id.number() == number);
        numbered.ok_or_else(|| UnknownProofSystem(format!("number {number}")))
    }
}
