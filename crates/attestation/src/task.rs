use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use collimate_contracts::signing::quorum_message;
use collimate_core::{ProgramId, statement::RunStatement};
use serde::{Deserialize, Serialize};

use crate::AttestationError;

/// Where a signature counts: one verifier contract on one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningContext {
    /// Chain id.
    pub chain_id: u64,
    /// The `QuorumSP1Verifier` contract.
    pub verifier: Address,
}

impl SigningContext {
    /// The 32 bytes that operators sign: the context, the program and the public values, which are the whole
    /// statement of the proof.
    pub fn message(&self, program_id: ProgramId, public_values: &[u8]) -> B256 {
        quorum_message(self.chain_id, self.verifier, B256::from(program_id.0), public_values)
    }

    /// Names a question to which an operator gives one answer only: what is known of this root, in this context?
    fn task(&self, program_id: ProgramId, subject: B256) -> B256 {
        let domain = keccak256("Collimate.AttestationTask.v1");
        let program = B256::from(program_id.0);
        let words = (domain, U256::from(self.chain_id), self.verifier, program, subject);
        keccak256(words.abi_encode_params())
    }
}

/// The program whose proofs operators attest, and what one of its statements is about.
///
/// Operators answer once for each subject. For the final program of a run the subject is the root: leaf count, blobs
/// and version are the answer, so nobody gets signatures for one root beside two different blobs.
#[derive(Clone, Copy)]
pub struct AttestedProgram {
    id: ProgramId,
    subject: fn(&[u8]) -> Result<B256, AttestationError>,
}

impl std::fmt::Debug for AttestedProgram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AttestedProgram({})", self.id)
    }
}

impl AttestedProgram {
    /// The program that ends a run; its public values are a [`RunStatement`] and the subject is its root.
    pub fn chunk_aggregator(id: ProgramId) -> Self {
        Self::with_subject(id, |public_values| {
            RunStatement::abi_decode(public_values)
                .map(|statement| B256::from(statement.root))
                .map_err(|error| AttestationError::MalformedStatement { reason: error.to_string() })
        })
    }

    /// A program with statements of another form. `subject` must give equal values for statements that exclude each
    /// other.
    pub fn with_subject(
        id: ProgramId,
        subject: fn(&[u8]) -> Result<B256, AttestationError>,
    ) -> Self {
        Self { id, subject }
    }

    /// Its program id.
    pub fn id(&self) -> ProgramId {
        self.id
    }

    /// The task that these public values answer.
    pub(crate) fn task(
        &self,
        context: &SigningContext,
        public_values: &[u8],
    ) -> Result<B256, AttestationError> {
        (self.subject)(public_values).map(|subject| context.task(self.id, subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(root: u8, leaf_count: u32, blobs: u8) -> Vec<u8> {
        RunStatement { root: [root; 32], leaf_count, blobs_hash: [blobs; 32] }.abi_encode()
    }

    #[test]
    fn one_root_in_one_context_is_one_task() {
        let context = SigningContext { chain_id: 1, verifier: Address::repeat_byte(1) };
        let program = AttestedProgram::chunk_aggregator(ProgramId([0; 32]));
        let task = program.task(&context, &statement(1, 2, 3)).unwrap();
        // Other answers to the same question.
        for other in [statement(1, 2, 4), statement(1, 3, 3)] {
            assert_eq!(program.task(&context, &other).unwrap(), task);
            assert_ne!(
                context.message(program.id(), &other),
                context.message(program.id(), &statement(1, 2, 3))
            );
        }
        // Other questions.
        assert_ne!(program.task(&context, &statement(2, 2, 3)).unwrap(), task);
        for other in [
            SigningContext { chain_id: 2, ..context },
            SigningContext { verifier: Address::repeat_byte(2), ..context },
        ] {
            assert_ne!(program.task(&other, &statement(1, 2, 3)).unwrap(), task);
        }
        let other = AttestedProgram::chunk_aggregator(ProgramId([1; 32]));
        assert_ne!(other.task(&context, &statement(1, 2, 3)).unwrap(), task);
    }

    #[test]
    fn public_values_that_are_no_run_statement_are_refused() {
        let context = SigningContext { chain_id: 1, verifier: Address::ZERO };
        let program = AttestedProgram::chunk_aggregator(ProgramId([0; 32]));
        let good = statement(1, 2, 3);
        let mut version = good.clone();
        version[31] = 2;
        for public_values in [&[][..], &good[1..], &[&good[..], &[0; 32]].concat(), &version] {
            assert_eq!(program.task(&context, public_values).unwrap_err().code(), "ATT-003");
        }
    }
}
