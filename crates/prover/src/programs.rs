//! The committed guests of the aggregation, by their records beside the ELFs in `programs/elf`.

use collimate_core::ProgramId;
use serde::Deserialize;

/// What names a guest: computed from its ELF by `programs/build.sh`, committed beside it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProgramRecord {
    /// The program id, as contracts take it.
    pub program_id: ProgramId,
    /// The same as eight words of the KoalaBear field, as recursion takes it.
    pub vk_words: [u32; 8],
    /// The verifying key, in the SDK's bincode.
    #[serde(deserialize_with = "prefixed")]
    pub verifying_key: Vec<u8>,
}

fn prefixed<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(d)?;
    hex::decode(text.trim_start_matches("0x")).map_err(serde::de::Error::custom)
}

/// The guests of the aggregation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregationPrograms {
    /// Aggregates up to a chunk of users' proofs.
    pub user_proof_aggregator: ProgramRecord,
    /// Aggregates chunks, or a few users' proofs directly, into the run's final proof.
    pub chunk_aggregator: ProgramRecord,
}

impl AggregationPrograms {
    /// The guests of this release.
    ///
    /// # Errors
    /// A record in `programs/elf` is not what `programs/build.sh` writes.
    pub fn committed() -> serde_json::Result<Self> {
        Ok(Self {
            user_proof_aggregator: serde_json::from_str(include_str!(
                "../../../programs/elf/user_proof_aggregator.json"
            ))?,
            chunk_aggregator: serde_json::from_str(include_str!(
                "../../../programs/elf/chunk_aggregator.json"
            ))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_records_name_their_programs_consistently() {
        let programs = AggregationPrograms::committed().unwrap();
        for record in [&programs.user_proof_aggregator, &programs.chunk_aggregator] {
            assert_eq!(ProgramId::from_sp1_words(record.vk_words), record.program_id);
            assert!(!record.verifying_key.is_empty());
        }
        assert_ne!(programs.user_proof_aggregator, programs.chunk_aggregator);
    }
}
