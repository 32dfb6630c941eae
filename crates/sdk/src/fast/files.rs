//! Proofs from the files that proof systems' own tools write.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use alloy::primitives::Address;
use bytes::Bytes;
use collimate_core::ProgramId;
use collimate_verifiers::{ProgramKey, ProofSystemId, VerifyError, circom::snarkjs, gnark};

use super::{FastError, ProofParts, limits::MAX_FILE_BYTES};

/// Where the parts of a proof are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFiles {
    /// Its proof system.
    pub system: ProofSystemId,
    /// The proof.
    pub proof: PathBuf,
    /// The program.
    pub key: KeyFile,
    /// The public inputs; may be absent where the proof carries them.
    pub public_inputs: Option<InputsFile>,
    /// Who is named as the proof's maker; zero if nobody is.
    pub generator: Address,
}

/// The program of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFile {
    /// A file with the verifying key.
    File(PathBuf),
    /// The program's id.
    Id(ProgramId),
}

/// The public inputs of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputsFile {
    /// A file.
    File(PathBuf),
    /// The bytes themselves.
    Bytes(Bytes),
}

impl ProofFiles {
    /// Reads the files. What tools write in a form of their own becomes the bytes that are verified: snarkjs' JSON files, and gnark's
    /// file of a public witness.
    ///
    /// # Errors
    /// [`FastError::File`]; [`FastError::BadProof`] for a file that is too large; [`FastError::Rejected`] for one in the wrong form.
    pub fn read(&self) -> Result<ProofParts, FastError> {
        let name = self.proof.display().to_string();
        let rejected = |source| FastError::Rejected { name: name.clone(), source };
        let proof = read(&self.proof)?;
        let proof = match self.system {
            ProofSystemId::CircomGroth16Bn254 if is_json(&proof) => {
                snarkjs::proof(&proof).map_err(rejected)?
            }
            _ => proof,
        };
        let key = match &self.key {
            KeyFile::Id(id) => ProgramKey::ProgramId(*id),
            KeyFile::File(path) => {
                ProgramKey::VerifyingKey(key_bytes(self.system, read(path)?).map_err(rejected)?)
            }
        };
        let public_inputs = match &self.public_inputs {
            None => None,
            Some(InputsFile::Bytes(bytes)) => Some(bytes.clone()),
            Some(InputsFile::File(path)) => {
                Some(inputs_bytes(self.system, read(path)?).map_err(rejected)?.into())
            }
        };
        Ok(ProofParts {
            name,
            system: self.system,
            proof: proof.into(),
            key,
            public_inputs,
            generator: self.generator,
        })
    }
}

fn key_bytes(system: ProofSystemId, bytes: Vec<u8>) -> Result<Vec<u8>, VerifyError> {
    match system {
        ProofSystemId::CircomGroth16Bn254 if is_json(&bytes) => snarkjs::verifying_key(&bytes),
        _ => Ok(bytes),
    }
}

fn inputs_bytes(system: ProofSystemId, bytes: Vec<u8>) -> Result<Vec<u8>, VerifyError> {
    /// gnark's file of a public witness begins with three counts of four bytes; words have 32.
    const WITNESS_HEADER_BYTES: usize = 12;
    match system {
        ProofSystemId::CircomGroth16Bn254 if is_json(&bytes) => snarkjs::public_inputs(&bytes),
        ProofSystemId::GnarkGroth16Bn254
        | ProofSystemId::GnarkPlonkBn254
        | ProofSystemId::GnarkPlonkBls12_381
            if bytes.len() % 32 == WITNESS_HEADER_BYTES =>
        {
            gnark::public_inputs(&bytes)
        }
        _ => Ok(bytes),
    }
}

/// Whether a file is JSON of snarkjs, which begins at once. Words never look like it: the first byte of a number below BN254's orders is
/// at most 0x30.
fn is_json(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(b'{' | b'['))
}

/// Reads a whole file, unless it is too large for any proof.
fn read(path: &Path) -> Result<Vec<u8>, FastError> {
    let cannot = |source: io::Error| FastError::File { path: path.to_owned(), source };
    let mut bytes = vec![];
    let file = File::open(path).map_err(cannot)?;
    file.take(MAX_FILE_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
    match bytes.len() as u64 <= MAX_FILE_BYTES {
        true => Ok(bytes),
        false => Err(FastError::BadProof {
            name: path.display().to_string(),
            reason: format!("it has more than {MAX_FILE_BYTES} bytes; give the right file"),
        }),
    }
}
