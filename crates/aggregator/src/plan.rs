//! The job graph of a run: which proofs are proven together, and what each job must state.
//!
//! A plan is a pure function of the run's members, in their order, and of the settings. After a crash
//! it is computed again, the jobs get the same ids, and only those without an output are proven.

use collimate_core::{
    Commitment, Hash, ProgramId,
    guest::{RunInput, RunProofs, UserAggregatorInput, UserProof},
    statement::{ChunkStatement, RunStatement},
    tree::MerkleTree,
};
use collimate_objects::Key;
use collimate_prover_client::{AggregationPrograms, Form, Job, RecursiveProof};

/// One proof of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The proof file.
    pub object: Key,
    /// The program that was proven.
    pub program_id: ProgramId,
    /// The verifying key of that program.
    pub verifying_key: Vec<u8>,
    /// What it committed.
    pub public_values: Vec<u8>,
}

impl Member {
    /// What goes into the tree.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment::new(&self.public_values, &self.program_id)
    }

    fn user_proof(&self) -> UserProof {
        UserProof { program_id: self.program_id, public_values: self.public_values.clone() }
    }

    fn recursive(&self) -> RecursiveProof {
        RecursiveProof {
            object: self.object.0,
            program_id: self.program_id,
            verifying_key: self.verifying_key.clone(),
        }
    }
}

/// How runs are cut into jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSettings {
    /// Runs of up to this many proofs take one layer: the final program verifies them directly.
    pub direct_max: usize,
    /// Base-2 logarithm of the number of proofs in a chunk of a larger run.
    pub chunk_size_log2: u32,
}

impl Default for PlanSettings {
    fn default() -> Self {
        // A second layer costs one more proof of the final program, about as much as three deferred
        // proofs, and buys chunks that different provers can work on.
        Self { direct_max: 32, chunk_size_log2: 5 }
    }
}

/// A run that is cut into jobs.
#[derive(Debug, Clone)]
pub struct Plan {
    members: Vec<Member>,
    tree: MerkleTree,
    statement: RunStatement,
    settings: PlanSettings,
    programs: AggregationPrograms,
}

impl Plan {
    /// Plans a run over `members` whose blobs have this hash.
    ///
    /// # Errors
    /// No members, or more than [`collimate_core::MAX_PROOFS_PER_RUN`].
    pub fn new(
        members: Vec<Member>,
        blobs_hash: Hash,
        settings: PlanSettings,
        programs: AggregationPrograms,
    ) -> Result<Self, collimate_core::Error> {
        let count = members.len();
        let leaf_count = u32::try_from(count)
            .ok()
            .filter(|_| count <= collimate_core::MAX_PROOFS_PER_RUN)
            .ok_or(collimate_core::Error::TooManyProofs { count })?;
        let tree = MerkleTree::new(members.iter().map(|m| m.commitment().leaf()).collect())?;
        let statement = RunStatement { root: tree.root(), leaf_count, blobs_hash };
        Ok(Self { members, tree, statement, settings, programs })
    }

    /// What the final proof must state.
    #[must_use]
    pub fn statement(&self) -> &RunStatement {
        &self.statement
    }

    /// The tree over all members.
    #[must_use]
    pub fn tree(&self) -> &MerkleTree {
        &self.tree
    }

    /// The members of each chunk; none if the run takes one layer.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = &[Member]> {
        let chunked = if self.is_direct() { &[][..] } else { &self.members[..] };
        chunked.chunks(1 << self.settings.chunk_size_log2)
    }

    /// The job that proves some members of this run as one chunk.
    ///
    /// # Errors
    /// A public value is too long to encode.
    pub fn chunk_job(&self, members: &[Member]) -> Result<Job, collimate_core::Error> {
        let input =
            UserAggregatorInput { proofs: members.iter().map(Member::user_proof).collect() };
        Ok(Job {
            program_id: self.programs.user_proof_aggregator.program_id,
            form: Form::Compressed,
            input: input.encode()?,
            proofs: members.iter().map(Member::recursive).collect(),
        })
    }

    /// What the proof of such a job states.
    ///
    /// # Errors
    /// No members.
    pub fn chunk_statement(members: &[Member]) -> Result<ChunkStatement, collimate_core::Error> {
        let leaves: Vec<Hash> = members.iter().map(|m| m.commitment().leaf()).collect();
        let count = leaves.len();
        Ok(ChunkStatement {
            root: collimate_core::tree::root(&leaves)?,
            leaf_count: u32::try_from(count)
                .map_err(|_| collimate_core::Error::TooManyProofs { count })?,
        })
    }

    /// The job of the final proof, given the outputs of all chunk jobs in their order.
    ///
    /// # Errors
    /// A public value is too long to encode.
    pub fn final_job(&self, chunk_outputs: &[Key]) -> Result<Job, collimate_core::Error> {
        let (proofs, recursive) = if self.is_direct() {
            (
                RunProofs::Direct(self.members.iter().map(Member::user_proof).collect()),
                self.members.iter().map(Member::recursive).collect(),
            )
        } else {
            let program = &self.programs.user_proof_aggregator;
            let chunks = self.chunks().map(|c| c.iter().map(Member::commitment).collect());
            (
                RunProofs::Chunks {
                    chunk_size_log2: self.settings.chunk_size_log2,
                    chunks: chunks.collect(),
                },
                chunk_outputs
                    .iter()
                    .map(|key| RecursiveProof {
                        object: key.0,
                        program_id: program.program_id,
                        verifying_key: program.verifying_key.clone(),
                    })
                    .collect(),
            )
        };
        let input = RunInput { blobs_hash: self.statement.blobs_hash, proofs };
        Ok(Job {
            program_id: self.programs.chunk_aggregator.program_id,
            form: Form::Compressed,
            input: input.encode()?,
            proofs: recursive,
        })
    }

    /// The members of the run, in the order of their leaves.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether the final program verifies the members itself.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.members.len() <= self.settings.direct_max
    }
}

#[cfg(test)]
mod tests {
    use collimate_core::guest::{RecursiveVerifier, aggregate_run, aggregate_user_proofs};
    use proptest::prelude::*;

    use super::*;

    /// Records what a guest demands, as the zkVM does.
    #[derive(Default)]
    struct RecordingVerifier(Vec<([u32; 8], [u8; 32])>);

    impl RecursiveVerifier for RecordingVerifier {
        fn verify(&mut self, vk_words: &[u32; 8], digest: &[u8; 32]) {
            self.0.push((*vk_words, *digest));
        }
    }

    fn members(count: usize) -> Vec<Member> {
        (0..count)
            .map(|n| Member {
                object: Key::of(&n.to_le_bytes()),
                program_id: ProgramId::from_sp1_words([n as u32 % 3; 8]),
                verifying_key: vec![n as u8],
                public_values: n.to_be_bytes().to_vec(),
            })
            .collect()
    }

    fn plan(count: usize, settings: PlanSettings) -> Plan {
        let programs = AggregationPrograms::committed().unwrap();
        Plan::new(members(count), [9; 32], settings, programs).unwrap()
    }

    proptest! {
        #[test]
        fn the_guests_state_what_the_plan_expects(count in 1_usize..70, direct_max in 0_usize..40, log2 in 0_u32..5) {
            let plan = plan(count, PlanSettings { direct_max, chunk_size_log2: log2 });
            let mut outputs = vec![];
            for chunk in plan.chunks() {
                let job = plan.chunk_job(chunk).unwrap();
                let input = UserAggregatorInput::decode(&job.input).unwrap();
                let mut verifier = RecordingVerifier::default();
                prop_assert_eq!(aggregate_user_proofs(&input, &mut verifier).unwrap(), Plan::chunk_statement(chunk).unwrap());
                prop_assert_eq!(verifier.0.len(), job.proofs.len());
                outputs.push(Key::of(&job.id().0));
            }
            let job = plan.final_job(&outputs).unwrap();
            let input = RunInput::decode(&job.input).unwrap();
            let words = AggregationPrograms::committed().unwrap().user_proof_aggregator.vk_words;
            let mut verifier = RecordingVerifier::default();
            prop_assert_eq!(&aggregate_run(&input, &words, &mut verifier).unwrap(), plan.statement());
            prop_assert_eq!(verifier.0.len(), job.proofs.len());
            for ((claimed, _), proof) in verifier.0.iter().zip(&job.proofs) {
                prop_assert_eq!(ProgramId::from_sp1_words(*claimed), proof.program_id);
            }
        }
    }

    #[test]
    fn the_same_run_gets_the_same_jobs() {
        let settings = PlanSettings { direct_max: 4, chunk_size_log2: 2 };
        let ids = |plan: &Plan| {
            plan.chunks().map(|c| plan.chunk_job(c).unwrap().id()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&plan(11, settings)), ids(&plan(11, settings)));
        assert_eq!(ids(&plan(11, settings))[..2], ids(&plan(8, settings))[..]);
    }

    #[test]
    fn a_run_without_members_is_refused() {
        let programs = AggregationPrograms::committed().unwrap();
        assert!(Plan::new(vec![], [0; 32], PlanSettings::default(), programs).is_err());
    }
}
