//! Fast mode from its user's side.

mod accounts;
mod batcher;
mod bundles;
mod direct;
mod fake_batcher;
mod proofs;
mod through_a_batcher;

use std::path::PathBuf;

use alloy::primitives::Address;
use collimate_sdk::{
    FastProof,
    fast::{KeyFile, ProofFiles, ProofSystemId},
};

/// One of the repository's own proofs, verified.
pub(crate) fn sample(name: &str, generator: Address) -> FastProof {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proofs");
    let files = ProofFiles {
        system: ProofSystemId::Sp1Compressed,
        proof: folder.join(format!("{name}.proof")),
        key: KeyFile::File(folder.join(format!("{name}.vk"))),
        public_inputs: None,
        generator,
    };
    FastProof::verify(files.read().unwrap()).unwrap()
}

/// Something that is described like a proof, and is none: for what does not look at it.
pub(crate) fn described(number: u8) -> FastProof {
    use collimate_sdk::{
        ProgramId,
        fast::{ProgramKey, ProofParts},
    };
    FastProof::unverified(ProofParts {
        name: format!("number {number}"),
        system: ProofSystemId::Risc0Groth16,
        proof: vec![number; 100].into(),
        key: ProgramKey::ProgramId(ProgramId([7; 32])),
        public_inputs: Some(vec![number; 40].into()),
        generator: Address::repeat_byte(0xab),
    })
    .unwrap()
}
