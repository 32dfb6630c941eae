//! `collimate program-id`.

use std::path::Path;

use clap::Args;
use collimate_core::ProgramId;
use collimate_verifiers::{ProgramKey, VerifyError};
use serde::Serialize;

use crate::{
    error::CliError,
    input::{parse_program_id, program_of_key, read_key},
    outcome::Outcome,
};

#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    collimate program-id proofs/fibonacci.vk\n  \
    collimate program-id 0x00e3f2f3dd11e3c2b28234e713a91d6b248fd3ca81619d8bcc6f4ecd7b57a292")]
pub(crate) struct ProgramIdArgs {
    /// A verifying key's file (bincode of `SP1VerifyingKey`), or a program id to unpack
    #[arg(value_name = "VK_FILE|0x…")]
    key: String,
}

#[derive(Debug, Serialize)]
struct Report {
    program_id: ProgramId,
    /// `hash_u32()` of the key, what recursive verification takes.
    words: [u32; 8],
}

pub(crate) fn run(args: &ProgramIdArgs) -> Result<Outcome, CliError> {
    let key = if args.key.starts_with("0x") {
        let id = parse_program_id(&args.key).map_err(|reason| CliError::Malformed {
            what: "the program id".to_owned(),
            reason,
            remedy: "give 0x and 64 hexadecimal digits, or a file",
        })?;
        ProgramKey::ProgramId(id)
    } else {
        read_key(Path::new(&args.key))?
    };
    let program_id = program_of_key(&key)?;
    let words = program_id
        .sp1_words()
        .map_err(|error| VerifyError::MalformedKey { reason: error.to_string() })?;
    let listed = words.map(|word| word.to_string()).join(" ");
    let rows = vec![("program id", program_id.to_string()), ("words", listed)];
    Ok(Outcome::new(&Report { program_id, words }, rows))
}
