//! Proofs of any proof system, from files.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use clap::Args;
use collimate_core::ProgramId;
use collimate_sdk::{
    FastProof, VerificationBundle,
    fast::{InputsFile, KeyFile, ProofFiles, ProofSystemId},
};
use serde::Deserialize;

use crate::{
    args::{make_folder, write_json},
    commands::submit::find,
    error::CliError,
    input::{key_beside, parse_program_id, read_text},
    outcome::Progress,
};

/// A list with 4,096 proofs and long names.
const MAX_LIST_BYTES: u64 = 4 << 20;

/// The proofs, in the order of their nonces.
#[derive(Debug, Clone, Args)]
pub(super) struct ProofsArgs {
    /// Proof files of one proof system, and folders, of which all *.proof files are taken
    #[arg(value_name = "FILE|FOLDER", required_unless_present = "list")]
    proofs: Vec<PathBuf>,
    /// Their proof system: sp1-compressed, sp1-groth16, sp1-plonk, risc0-composite, risc0-succinct, risc0-groth16,
    /// gnark-groth16-bn254, gnark-plonk-bn254, gnark-plonk-bls12-381, circom-groth16-bn254, risc0-succinct-v2 or risc0-groth16-v2
    /// (docs/proof-systems says what each takes; files of snarkjs and gnark's public witness are taken as they are)
    #[arg(long, value_name = "NAME", value_parser = parse_system, default_value = "sp1-compressed")]
    system: ProofSystemId,
    /// The verifying key of all of them. Default: `<stem>.vk` or `program_vk.bin` beside each; for circom also
    /// `verification_key.json`
    #[arg(long, value_name = "FILE", conflicts_with = "program_id")]
    vk: Option<PathBuf>,
    /// The program's id (RISC Zero: the image id), instead of a verifying key; circuits need the key
    #[arg(long, value_name = "0x…", value_parser = parse_program_id)]
    program_id: Option<ProgramId>,
    /// Public inputs of all of them: a file, or hexadecimal text that starts with 0x. Default: what the proof carries, or
    /// `<stem>.pub` beside each; for circom also `public.json`
    #[arg(long, value_name = "FILE|0x…")]
    public_inputs: Option<String>,
    /// Proofs of several proof systems: a JSON list of objects with `system`, `proof`, `vk` or `program_id`, and, as needed,
    /// `public_inputs` and `generator`; files relative to the list's folder
    #[arg(long, value_name = "FILE", conflicts_with_all = ["proofs", "vk", "program_id", "public_inputs"])]
    list: Option<PathBuf>,
    /// Who is named as the proofs' maker; 0x0000000000000000000000000000000000000000 names nobody. Default: the paying account
    #[arg(long, value_name = "ADDRESS")]
    generator: Option<Address>,
    /// Leave verification to others. By default each proof is verified here first, so that none is paid for in vain. Public inputs
    /// have to be given then
    #[arg(long)]
    no_verify: bool,
}

/// One proof of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    system: String,
    proof: PathBuf,
    vk: Option<PathBuf>,
    program_id: Option<ProgramId>,
    public_inputs: Option<String>,
    generator: Option<Address>,
}

impl ProofsArgs {
    /// Reads the proofs, and verifies them unless told not to. `maker` is who is named where no generator is.
    pub(super) fn read(
        &self,
        maker: Address,
        progress: Progress,
    ) -> Result<Vec<FastProof>, CliError> {
        let files = match &self.list {
            Some(list) => self.listed(list, maker)?,
            None => self.named(maker)?,
        };
        let count = files.len();
        let read = |(index, files): (usize, ProofFiles)| -> Result<FastProof, CliError> {
            let parts = files.read()?;
            let place = format!("[{}/{count}] {}", index + 1, parts.name);
            if self.no_verify {
                return Ok(FastProof::unverified(parts)?);
            }
            progress.say(&format!("{place}: verifying with {}", parts.system));
            Ok(FastProof::verify(parts)?)
        };
        files.into_iter().enumerate().map(read).collect()
    }

    fn named(&self, maker: Address) -> Result<Vec<ProofFiles>, CliError> {
        let generator = self.generator.unwrap_or(maker);
        let described =
            find(&self.proofs)?.into_iter().map(|proof| -> Result<ProofFiles, CliError> {
                let key = match (self.program_id, &self.vk) {
                    (Some(id), _) => KeyFile::Id(id),
                    (None, Some(path)) => KeyFile::File(path.clone()),
                    (None, None) => KeyFile::File(self.key_beside(&proof)?),
                };
                let public_inputs = match &self.public_inputs {
                    Some(text) => Some(inputs(text, None)?),
                    None => self.inputs_beside(&proof).map(InputsFile::File),
                };
                Ok(ProofFiles { system: self.system, proof, key, public_inputs, generator })
            });
        described.collect()
    }

    fn listed(&self, list: &Path, maker: Address) -> Result<Vec<ProofFiles>, CliError> {
        let text = read_text(list, "a list of proofs", MAX_LIST_BYTES)?;
        let malformed = |reason: String| CliError::Malformed {
            what: format!("the list {}", list.display()),
            reason,
            remedy: "give a JSON list of objects with system, proof, and vk or program_id",
        };
        let listed: Vec<Listed> =
            serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        let folder = list.parent().unwrap_or(Path::new(""));
        let described = listed.into_iter().map(|listed| -> Result<ProofFiles, CliError> {
            let system = parse_system(&listed.system).map_err(malformed)?;
            let key = match (listed.program_id, listed.vk) {
                (Some(id), None) => KeyFile::Id(id),
                (None, Some(path)) => KeyFile::File(folder.join(path)),
                _ => {
                    let proof = listed.proof.display();
                    return Err(malformed(format!("{proof} needs either vk or program_id")));
                }
            };
            let public_inputs = listed.public_inputs.map(|text| inputs(&text, Some(folder)));
            Ok(ProofFiles {
                system,
                proof: folder.join(listed.proof),
                key,
                public_inputs: public_inputs.transpose()?,
                generator: listed.generator.or(self.generator).unwrap_or(maker),
            })
        });
        described.collect()
    }

    fn key_beside(&self, proof: &Path) -> Result<PathBuf, CliError> {
        let snarkjs = proof.with_file_name("verification_key.json");
        match self.system {
            ProofSystemId::CircomGroth16Bn254 if snarkjs.is_file() => Ok(snarkjs),
            ProofSystemId::Risc0Composite
            | ProofSystemId::Risc0Succinct
            | ProofSystemId::Risc0SuccinctV2
            | ProofSystemId::Risc0Groth16
            | ProofSystemId::Risc0Groth16V2 => Err(CliError::Missing {
                what: "the image id",
                remedy: "RISC Zero has no other key: give --program-id",
            }),
            _ => key_beside(proof),
        }
    }

    fn inputs_beside(&self, proof: &Path) -> Option<PathBuf> {
        let snarkjs = proof.with_file_name("public.json");
        match self.system {
            // They carry their own.
            ProofSystemId::Sp1Compressed
            | ProofSystemId::Risc0Composite
            | ProofSystemId::Risc0Succinct
            | ProofSystemId::Risc0SuccinctV2
                if !self.no_verify =>
            {
                None
            }
            ProofSystemId::CircomGroth16Bn254 if snarkjs.is_file() => Some(snarkjs),
            _ => Some(proof.with_extension("pub")).filter(|path| path.is_file() && path != proof),
        }
    }
}

fn parse_system(name: &str) -> Result<ProofSystemId, String> {
    name.parse().map_err(|error: collimate_verifiers::UnknownProofSystem| error.to_string())
}

/// Public inputs: hexadecimal text, or a file below `folder`.
fn inputs(text: &str, folder: Option<&Path>) -> Result<InputsFile, CliError> {
    if !text.starts_with("0x") {
        return Ok(InputsFile::File(folder.unwrap_or(Path::new("")).join(text)));
    }
    let bytes: alloy::primitives::Bytes =
        text.parse().map_err(|error: alloy::hex::FromHexError| CliError::Malformed {
            what: "the public inputs".to_owned(),
            reason: error.to_string(),
            remedy: "give a file, or 0x and an even number of hexadecimal digits",
        })?;
    Ok(InputsFile::Bytes(bytes.0))
}

/// Writes each bundle to `<stem>.verification.json` in a folder, with a number where a name is taken. Returns the files.
pub(super) fn write_bundles(
    folder: &Path,
    proofs: &[FastProof],
    bundles: &[VerificationBundle],
) -> Result<Vec<PathBuf>, CliError> {
    make_folder(folder)?;
    let mut written: Vec<PathBuf> = vec![];
    for (proof, bundle) in proofs.iter().zip(bundles) {
        let stem = Path::new(proof.name()).file_stem().unwrap_or_default().to_string_lossy();
        let mut path = folder.join(format!("{stem}.verification.json"));
        let mut number = 2_usize;
        while written.contains(&path) {
            path = folder.join(format!("{stem}-{number}.verification.json"));
            number = number.saturating_add(1);
        }
        write_json(&path, bundle)?;
        written.push(path);
    }
    Ok(written)
}
