//! `collimate submit`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use alloy::primitives::Address;
use clap::Args;
use collimate_sdk::{Accepted, Authorise, Client, ProgramId, ProofUpload, api::Submitted};
use serde::Serialize;

use crate::{
    args::{make_folder, write_json},
    error::CliError,
    format::time,
    input::{key_beside, program_of_key, read_at_most, read_key, verify_compressed},
    keys::KeyArgs,
    networks::Networks,
    outcome::{FailedFile, Outcome, Progress, Rows},
};

const MAX_PROOF_BYTES: u64 = collimate_verifiers::limits::MAX_COMPRESSED_PROOF_BYTES as u64;

#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Each proof takes one credit when it is accepted; one that is refused takes none. A proof that was accepted before gives \
    the same answer again and takes none, so after a failure just run the same command again. When one fails, the others go \
    on. With --json, `accepted` and `failed` list what became of each.\n\nThe receipt is the service's signed word that it accepted the \
    proof and until when it will be on chain: keep it (--receipts).\n\nExamples:\n  \
    collimate submit proofs/fibonacci.proof\n  \
    collimate submit proofs --receipts receipts\n  \
    collimate submit a.proof b.proof --json | jq -r '.accepted[].id' | xargs collimate watch"
)]
pub(crate) struct SubmitArgs {
    /// Proof files (compressed, as SP1's SDK saves them), and folders, of which all *.proof files are taken
    #[arg(required = true, value_name = "FILE|FOLDER")]
    proofs: Vec<PathBuf>,
    /// The verifying key of all of them. Default: `<stem>.vk` or `program_vk.bin` beside each
    #[arg(long, value_name = "FILE", conflicts_with = "program_id")]
    vk: Option<PathBuf>,
    /// The program's id, instead of a verifying key
    #[arg(long, value_name = "0x…", value_parser = crate::input::parse_program_id)]
    program_id: Option<ProgramId>,
    /// Leave the proofs' verification to the service. By default each is verified here first, so that the service's
    /// commitment can be compared with your own
    #[arg(long)]
    no_verify: bool,
    /// A contract wallet (EIP-1271) that pays; your key signs as its owner. Default: your key's own account
    #[arg(long, value_name = "ADDRESS")]
    account: Option<Address>,
    /// Write each receipt to `<stem>.receipt.json` in this folder
    #[arg(long, value_name = "FOLDER")]
    receipts: Option<PathBuf>,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    accepted: Vec<AcceptedProof>,
    failed: Vec<FailedFile>,
}

#[derive(Debug, Serialize)]
struct AcceptedProof {
    file: PathBuf,
    /// Whether it took a credit now; if not, it had been accepted before.
    paid: bool,
    #[serde(flatten)]
    answer: Submitted,
}

pub(crate) async fn run(
    args: &SubmitArgs,
    networks: &Networks,
    progress: Progress,
) -> Result<Outcome, CliError> {
    let client = networks.client()?;
    let files = find(&args.proofs)?;
    let signer = args.key.authorise(args.account)?;
    let (mut report, mut worst, mut nonce) = (Report::default(), 0, None);
    for (index, file) in files.iter().enumerate() {
        let place = format!("[{}/{}] {}", index + 1, files.len(), file.display());
        progress.say(&format!("{place}: verifying and uploading"));
        match args.submit(&client, file, signer.as_ref(), nonce).await {
            Ok(Accepted { answer, paid, next_nonce }) => {
                nonce = Some(next_nonce);
                let how = if paid { "accepted" } else { "accepted before, no credit taken" };
                progress.say(&format!("{place}: {how}, id {}", answer.id));
                report.accepted.push(AcceptedProof { file: file.clone(), paid, answer });
            }
            Err(error) => {
                progress.say(&format!("{place}: {error}"));
                worst = worst.max(error.exit_code());
                // What the service thinks of the nonce is not known any more.
                nonce = None;
                let stop = error.is_away();
                report.failed.push(FailedFile::new(file, &error));
                if stop {
                    progress.say(
                        "the service is away: the rest is not tried; run the same command again",
                    );
                    break;
                }
            }
        }
    }
    let rows = report.rows(files.len());
    Ok(Outcome::new(&report, rows).with_exit_code(worst))
}

impl SubmitArgs {
    async fn submit(
        &self,
        client: &Client,
        file: &Path,
        signer: &dyn Authorise,
        nonce: Option<u64>,
    ) -> Result<Accepted, CliError> {
        let upload = self.upload(file)?;
        let accepted = client.gateway()?.submit(&upload, signer, nonce).await?;
        if let (Some(folder), Some(receipt)) = (&self.receipts, &accepted.answer.receipt) {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            make_folder(folder)?;
            write_json(&folder.join(format!("{stem}.receipt.json")), receipt)?;
        }
        Ok(accepted)
    }

    /// Reads a proof and its key, and verifies it unless told not to.
    fn upload(&self, file: &Path) -> Result<ProofUpload, CliError> {
        let proof = read_at_most(file, "a compressed proof", MAX_PROOF_BYTES)?;
        let key = match (&self.program_id, &self.vk) {
            (Some(id), _) => collimate_verifiers::ProgramKey::ProgramId(*id),
            (None, Some(path)) => read_key(path)?,
            (None, None) => read_key(&key_beside(file)?)?,
        };
        let program_id = program_of_key(&key)?;
        let mut upload = ProofUpload::new(proof.clone(), program_id);
        if let collimate_verifiers::ProgramKey::VerifyingKey(bytes) = &key {
            upload = upload.with_verifying_key(bytes.clone());
        }
        if !self.no_verify {
            let verified = verify_compressed(proof, key)?;
            upload = upload.with_public_values(&verified.public_values);
        }
        Ok(upload)
    }
}

/// The files that are meant, each once, those of a folder by name.
pub(crate) fn find(named: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut files: Vec<PathBuf> = vec![];
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot = |source| CliError::Read { path: path.clone(), source };
        let mut found = vec![];
        for entry in fs::read_dir(path).map_err(cannot)? {
            let file = entry.map_err(cannot)?.path();
            if file.extension().is_some_and(|extension| extension == "proof") {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(CliError::NoProofs { folder: path.clone() });
        }
        found.sort();
        files.extend(found);
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

impl Report {
    fn rows(&self, of: usize) -> Rows {
        let mut rows = vec![];
        for proof in &self.accepted {
            let answer = &proof.answer;
            rows.push(("proof", proof.file.display().to_string()));
            rows.push(("id", answer.id.to_string()));
            rows.push(("program id", answer.program_id.to_string()));
            rows.push(("commitment", answer.commitment.to_string()));
            rows.push(("status", answer.status.to_string()));
            rows.push((
                "credit",
                if proof.paid { "one" } else { "none, it was accepted before" }.to_owned(),
            ));
            if let Some(receipt) = &answer.receipt {
                rows.push((
                    "receipt",
                    format!(
                        "number {}, on chain until {}, signature {}",
                        receipt.position,
                        time(receipt.deadline),
                        receipt.signature
                    ),
                ));
            }
            rows.push((" ", String::new()));
        }
        for proof in &self.failed {
            let text = |field: &str| proof.failure.get(field).and_then(|value| value.as_str());
            let nested = proof.failure.pointer("/error/message").and_then(|value| value.as_str());
            let reason = text("reason").or(nested).unwrap_or_default();
            rows.push(("failed", format!("{}: {reason}", proof.file.display())));
        }
        rows.push(("accepted", format!("{} of {of}", self.accepted.len())));
        rows
    }
}
