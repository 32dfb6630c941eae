//! Values that come as a file or as hexadecimal text.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use alloy::primitives::Bytes;
use clap::{Args, ValueEnum};
use collimate_core::ProgramId;
use collimate_verifiers::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError, limits,
    sp1::{Sp1Compressed, Sp1Groth16, Sp1Plonk},
    verify_guarded,
};

use crate::error::CliError;

/// Which program a proof file is of, and what it shows.
#[derive(Debug, Clone, Args)]
pub(crate) struct ProofArgs {
    /// The program's verifying key: a bincode file of `SP1VerifyingKey`. Default: `<stem>.vk` or `program_vk.bin` beside
    /// the proof
    #[arg(long, value_name = "FILE", conflicts_with = "program_id")]
    pub(crate) vk: Option<PathBuf>,
    /// The program's id, as `collimate program-id` and SP1's tools print it
    #[arg(long, value_name = "0x…", value_parser = parse_program_id)]
    pub(crate) program_id: Option<ProgramId>,
    /// What the program committed: a file, or hexadecimal text that starts with 0x. Compressed proofs carry it; if given, it
    /// is compared
    #[arg(long, value_name = "FILE|0x…")]
    pub(crate) public_values: Option<String>,
    /// Form of the proof
    #[arg(long, value_enum, default_value_t = Form::Compressed)]
    pub(crate) form: Form,
}

/// Forms of SP1 proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The file that SP1's SDK saves of a compressed proof: what aggregation takes
    Compressed,
    /// Groth16 in the bytes that a contract takes
    Groth16,
    /// Plonk in the bytes that a contract takes
    Plonk,
}

impl Form {
    pub(crate) fn system(self) -> Box<dyn ProofSystem> {
        match self {
            Self::Compressed => Box::new(Sp1Compressed::default()),
            Self::Groth16 => Box::new(Sp1Groth16),
            Self::Plonk => Box::new(Sp1Plonk),
        }
    }
}

impl ProofArgs {
    /// Reads a proof file and what belongs to it, and verifies it.
    pub(crate) fn verify(&self, proof: &Path) -> Result<VerifiedProof, CliError> {
        let system = self.form.system();
        let key = self.key(proof)?;
        let public_values = self.public_values.as_deref().map(public_values).transpose()?;
        let limit = system.max_proof_bytes();
        let bytes = read_at_most(proof, "a proof of this form", limit as u64).map_err(|error| {
            match error {
                // Too large for a proof: a verdict about it, and none about the command.
                CliError::TooLarge { bytes, .. } => CliError::Rejected(VerifyError::TooLarge {
                    part: "the proof",
                    bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
                    limit,
                    remedy: "give the file that SP1's SDK saves of a compressed proof",
                }),
                other => other,
            }
        })?;
        let submission =
            Submission { proof: bytes, key, public_values: public_values.map(Into::into) };
        Ok(verify_guarded(system.as_ref(), &submission)?)
    }

    /// The program that is named without a proof file.
    pub(crate) fn named_program(&self) -> Result<Option<ProgramId>, CliError> {
        match (&self.program_id, &self.vk) {
            (Some(id), _) => Ok(Some(*id)),
            (None, Some(path)) => Ok(Some(program_of_key(&read_key(path)?)?)),
            (None, None) => Ok(None),
        }
    }

    fn key(&self, proof: &Path) -> Result<ProgramKey, CliError> {
        if let Some(id) = self.program_id {
            return Ok(ProgramKey::ProgramId(id));
        }
        let path = match &self.vk {
            Some(path) => path.clone(),
            None => key_beside(proof)?,
        };
        read_key(&path)
    }
}

/// The verifying key that lies beside a proof.
pub(crate) fn key_beside(proof: &Path) -> Result<PathBuf, CliError> {
    let expected = proof.with_extension("vk");
    let candidates = [expected.clone(), proof.with_file_name("program_vk.bin")];
    candidates
        .into_iter()
        .find(|path| path != proof && path.is_file())
        .ok_or_else(|| CliError::NoKey { proof: proof.to_owned(), expected })
}

/// Reads a verifying key's file.
pub(crate) fn read_key(path: &Path) -> Result<ProgramKey, CliError> {
    let limit = limits::MAX_VERIFYING_KEY_BYTES as u64;
    read_at_most(path, "a verifying key", limit).map(ProgramKey::VerifyingKey)
}

/// The program id that a key stands for. All forms of SP1 proofs name programs alike; this one needs no preparation.
pub(crate) fn program_of_key(key: &ProgramKey) -> Result<ProgramId, CliError> {
    Ok(Sp1Groth16.program_id(key)?)
}

/// Verifies a compressed proof.
pub(crate) fn verify_compressed(
    proof: Vec<u8>,
    key: ProgramKey,
) -> Result<VerifiedProof, CliError> {
    let submission = Submission { proof, key, public_values: None };
    Ok(verify_guarded(&Sp1Compressed::default(), &submission)?)
}

/// Reads public values: a file's bytes, or hexadecimal text.
pub(crate) fn public_values(text: &str) -> Result<Bytes, CliError> {
    if !text.starts_with("0x") {
        let limit = limits::MAX_PUBLIC_VALUES_BYTES as u64;
        return read_at_most(Path::new(text), "a proof's public values", limit).map(Bytes::from);
    }
    text.parse().map_err(|error: alloy::hex::FromHexError| CliError::Malformed {
        what: "--public-values".to_owned(),
        reason: error.to_string(),
        remedy: "give a file, or 0x and an even number of hexadecimal digits",
    })
}

/// Reads a file of at most `limit` bytes; a larger one is not read.
pub(crate) fn read_at_most(
    path: &Path,
    what: &'static str,
    limit: u64,
) -> Result<Vec<u8>, CliError> {
    let read_error = |source| CliError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(read_error)?;
    let length = file.metadata().map_err(read_error)?.len();
    let too_large = |bytes| CliError::TooLarge { path: path.to_owned(), what, bytes, limit };
    if length > limit {
        return Err(too_large(length));
    }
    // Pipes and devices have no length in advance.
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(read_error)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Reads a file of text.
pub(crate) fn read_text(path: &Path, what: &'static str, limit: u64) -> Result<String, CliError> {
    String::from_utf8(read_at_most(path, what, limit)?).map_err(|_| CliError::Malformed {
        what: path.display().to_string(),
        reason: "not text".to_owned(),
        remedy: "give a JSON file",
    })
}

/// Parses a program id, whatever its proof system.
pub(crate) fn parse_program_id(text: &str) -> Result<ProgramId, String> {
    text.parse().map_err(|error: collimate_core::Error| error.to_string())
}
