//! RISC Zero: composite and succinct receipts, and the Groth16 seals that Ethereum verifies.
//!
//! The program id is the image id. Receipts are bincode of `risc0_zkvm::Receipt`, and carry their journal; a seal is
//! the bytes that `IRiscZeroVerifier.verify` takes, and its journal is given beside it.
//!
//! Verified are version 3.0, and of 2.2 and 2.3 succinct receipts and seals: the same circuit and key with other parameters.
//!
//! What a receipt proves is bound by its seal, but not every byte of the file is: a claim may be pruned to its digest,
//! and still is the same claim.

mod groth16;
mod receipt;
mod version;

pub use groth16::{Risc0Groth16, Risc0Groth16V2};
pub use receipt::{Risc0Composite, Risc0Succinct, Risc0SuccinctV2};

use collimate_core::ProgramId;

use crate::{ProgramKey, VerifyError};

/// The image id; there is no other key.
fn image_id(key: &ProgramKey) -> Result<ProgramId, VerifyError> {
    match key {
        ProgramKey::ProgramId(id) => Ok(*id),
        ProgramKey::VerifyingKey(_) => Err(VerifyError::MalformedKey {
            reason: "a program of RISC Zero is named by its image id; give it as the program id"
                .to_owned(),
        }),
    }
}
