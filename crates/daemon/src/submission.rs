//! Proof files: found, read, and verified natively by whoever submits them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use collimate_core::ProgramId;
use collimate_store::ProofId;
use collimate_verifiers::{ProgramKey, Submission, VerifiedProof, sp1::Sp1Compressed};

use crate::devnet::Devnet;

/// A proof file that verifies.
#[derive(Debug)]
pub(crate) struct Checked {
    pub name: String,
    pub path: PathBuf,
    pub file: Vec<u8>,
    pub verifying_key: Vec<u8>,
    pub proof: VerifiedProof,
}

/// A proof that was accepted: from here on it is aggregated, or fails with a reason.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub name: String,
    pub id: ProofId,
    pub path: PathBuf,
    pub proof: VerifiedProof,
    /// The number of the gateway's signed receipt.
    pub receipt: Option<u64>,
}

/// The proof files of a folder, in the order of their names.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| {
        format!("[DMN-030] cannot read {}: run this in the project's folder, or name another with --proofs", folder.display())
    })?;
    let mut files = vec![];
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proof") {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("[DMN-031] there is no *.proof file in {}", folder.display());
    }
    files.sort();
    Ok(files)
}

/// Reads a proof file and the verifying key beside it: `NAME.vk`, or `program_vk.bin`.
fn read(path: &Path) -> Result<Submission> {
    let proof =
        fs::read(path).with_context(|| format!("[DMN-032] cannot read {}", path.display()))?;
    let candidates = [path.with_extension("vk"), path.with_file_name("program_vk.bin")];
    let key_file = candidates.iter().find(|file| file.is_file()).with_context(|| {
        format!(
            "[DMN-033] there is no verifying key beside {}: it is expected at {}",
            path.display(),
            candidates[0].display()
        )
    })?;
    let key = ProgramKey::VerifyingKey(fs::read(key_file)?);
    Ok(Submission { proof, key, public_values: None })
}

/// Verifies a proof file natively.
pub(crate) async fn check(devnet: &Devnet, path: &Path) -> Result<Checked> {
    let submission = read(path)?;
    let file = submission.proof.clone();
    let ProgramKey::VerifyingKey(verifying_key) = submission.key.clone() else {
        bail!("the key beside {} is a verifying key", path.display());
    };
    let verifier = Arc::new(Sp1Compressed::default());
    let verified = devnet.verifiers.verify(verifier, submission).await;
    let proof = verified.with_context(|| format!("{} is rejected", path.display()))?;
    Ok(Checked { name: display_name(path), path: path.to_owned(), file, verifying_key, proof })
}

fn display_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // Others' files are all called proof.bin; their folder says more.
    match path.parent().and_then(Path::file_name) {
        Some(folder) if stem == "proof" => folder.to_string_lossy().into_owned(),
        _ => stem,
    }
}

/// A program id, shortened for a table.
pub(crate) fn short(id: &ProgramId) -> String {
    short_hex(&id.0)
}

/// 32 bytes, shortened for a table.
pub(crate) fn short_hex(bytes: &[u8; 32]) -> String {
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (head, tail) = (text.get(..8).unwrap_or_default(), text.get(58..).unwrap_or_default());
    format!("0x{head}…{tail}")
}
