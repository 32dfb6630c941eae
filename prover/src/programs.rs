//! The programs that this prover carries: the committed guests of the aggregation.

use collimate_core::ProgramId;
use serde::Deserialize;

/// A committed guest.
pub struct Program {
    pub name: &'static str,
    pub id: ProgramId,
    pub elf: &'static [u8],
}

#[derive(Deserialize)]
struct Record {
    program_id: ProgramId,
}

macro_rules! program {
    ($name:literal) => {
        (
            $name,
            include_bytes!(concat!("../../programs/elf/", $name, ".elf")).as_slice(),
            include_str!(concat!("../../programs/elf/", $name, ".json")),
        )
    };
}

/// All programs that jobs may name.
pub fn all() -> serde_json::Result<Vec<Program>> {
    [program!("user_proof_aggregator"), program!("chunk_aggregator")]
        .into_iter()
        .map(|(name, elf, record)| {
            Ok(Program { name, id: serde_json::from_str::<Record>(record)?.program_id, elf })
        })
        .collect()
}
