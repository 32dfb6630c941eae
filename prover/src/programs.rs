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

type Embedded = (&'static str, &'static [u8], &'static str);

fn parse((name, elf, record): Embedded) -> serde_json::Result<Program> {
    Ok(Program { name, id: serde_json::from_str::<Record>(record)?.program_id, elf })
}

/// All programs that jobs may name.
pub fn all() -> serde_json::Result<Vec<Program>> {
    Ok(vec![parse(program!("user_proof_aggregator"))?, aggregation()?])
}

/// The final program of a run.
pub fn aggregation() -> serde_json::Result<Program> {
    parse(program!("chunk_aggregator"))
}

/// A program of a few thousand cycles, for measurements.
pub fn small() -> serde_json::Result<Program> {
    parse(program!("fibonacci"))
}
