//! What stops a run, or a step of it.

use alloy::primitives::U256;
use collimate_attestation::AttestationError;
use collimate_chain::ChainError;
use collimate_contracts::ContractsError;
use collimate_objects::ObjectsError;
use collimate_prover_client::{JobId, ProverClientError};
use collimate_store::StoreError;
use collimate_verifiers::VerifyError;

/// Errors of the aggregator. Those of the parts it uses keep their own codes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AggregatorError {
    /// Statements, tree or blobs.
    #[error(transparent)]
    Core(#[from] collimate_core::Error),
    /// The object store.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The proving process.
    #[error(transparent)]
    Prover(#[from] ProverClientError),
    /// The final proof was refused by our own native verifier.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The operators.
    #[error(transparent)]
    Attestation(#[from] AttestationError),
    /// Ethereum.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Encoding for the contracts.
    #[error(transparent)]
    Contracts(#[from] ContractsError),
    /// A contract call failed.
    #[error(
        "[AGG-001] calling {contract} failed: {reason}; check the node and the contract's address"
    )]
    Call {
        /// The contract.
        contract: &'static str,
        /// The node's words, or the decoded revert.
        reason: String,
    },
    /// The deployed service verifies another program than this release proves.
    #[error(
        "[AGG-002] the contract takes proofs of program {deployed}, this release proves {ours}: use the release that it was deployed with, or deploy a new contract"
    )]
    ProgramMismatch {
        /// The contract's program id.
        deployed: String,
        /// Ours.
        ours: String,
    },
    /// There is no contract at the address.
    #[error(
        "[AGG-003] there is no contract at {address} on chain {chain_id}: check address and chain"
    )]
    NoContract {
        /// The address.
        address: String,
        /// The chain.
        chain_id: u64,
    },
    /// Another aggregator works on the same contract.
    #[error(
        "[AGG-004] another aggregator works on this contract with this database: it will be taken over when that one stops"
    )]
    Locked,
    /// The lock was lost while working.
    #[error(
        "[AGG-005] the connection that holds the aggregator's lock was lost: is PostgreSQL running?"
    )]
    LockLost,
    /// A member of a run cannot be found by its hash.
    #[error(
        "[AGG-006] run {run} names a proof that it does not hold; restore the database from a backup"
    )]
    UnknownMember {
        /// The run.
        run: i64,
    },
    /// A programming error or damaged data; the text says what disagrees.
    #[error("[AGG-007] {0}")]
    Inconsistent(String),
    /// A job fails whole, and its members do not.
    #[error(
        "[AGG-011] job {job} can be proven in parts but not whole, so its proofs go into smaller runs: {reason}"
    )]
    NotTogether {
        /// The job.
        job: JobId,
        /// The proving process's reason.
        reason: String,
    },
    /// The engine fails on every member of a job, and shows with no other proof that it works.
    #[error(
        "[AGG-012] the prover fails on every proof of job {job}, also on each alone, and has proven nothing else since, so it is most likely broken: look at its log; the last reason: {reason}"
    )]
    ProverBroken {
        /// The job.
        job: JobId,
        /// The proving process's reason.
        reason: String,
    },
    /// A transaction takes long.
    #[error(
        "[AGG-014] the transaction of run {run} is not final after {minutes} minutes; it goes on: look at the prices of gas and blobs, and at the budget (max_cost_eth)"
    )]
    NotMined {
        /// The run.
        run: i64,
        /// How long was waited.
        minutes: u64,
    },
    /// A transaction is too dear for its budget.
    #[error(
        "[AGG-015] the transaction of run {run} waits for lower prices: to compete now it may have to cost {needed} wei, and {budget} are allowed; it goes on by itself, or raise max_cost_eth and start again"
    )]
    TooDear {
        /// The run.
        run: i64,
        /// The cost of prices that compete now, in wei.
        needed: U256,
        /// The allowed cost, in wei.
        budget: U256,
    },
    /// The contract does not take a run.
    #[error(
        "[AGG-013] the contract refuses run {run}, which is sealed again and sent later: {reason}"
    )]
    Refused {
        /// The run.
        run: i64,
        /// The decoded revert.
        reason: String,
    },
    /// The contract does not take the proof of a run.
    #[error(
        "[AGG-016] the contract refuses the proof of run {run}, which stays as it is, and the proof is sent again later: {reason}"
    )]
    ProofRefused {
        /// The run.
        run: i64,
        /// The decoded revert.
        reason: String,
    },
}

impl AggregatorError {
    /// The stable code, the same in logs, tables and answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Core(error) => error.code(),
            Self::Objects(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Prover(error) => error.code(),
            Self::Verify(error) => error.code(),
            Self::Attestation(error) => error.code(),
            Self::Chain(error) => error.code(),
            Self::Contracts(error) => error.code(),
            Self::Call { .. } => "AGG-001",
            Self::ProgramMismatch { .. } => "AGG-002",
            Self::NoContract { .. } => "AGG-003",
            Self::Locked => "AGG-004",
            Self::LockLost => "AGG-005",
            Self::UnknownMember { .. } => "AGG-006",
            Self::Inconsistent(_) => "AGG-007",
            Self::NotTogether { .. } => "AGG-011",
            Self::ProverBroken { .. } => "AGG-012",
            Self::Refused { .. } => "AGG-013",
            Self::NotMined { .. } => "AGG-014",
            Self::TooDear { .. } => "AGG-015",
            Self::ProofRefused { .. } => "AGG-016",
        }
    }

    /// Whether a run that met this error can go on by trying again: something it needs was away or
    /// busy. Everything else needs a person.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Objects(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::Chain(error) => error.is_retryable(),
            Self::Verify(error) => error.is_retryable(),
            Self::Attestation(_)
            | Self::Call { .. }
            | Self::LockLost
            | Self::Locked
            | Self::NotMined { .. }
            | Self::TooDear { .. }
            | Self::Refused { .. }
            | Self::ProofRefused { .. } => true,
            Self::Prover(error) => !matches!(error, ProverClientError::Refused { .. }),
            _ => false,
        }
    }
}

/// Wraps a contract call's error. What comes from the transport can hold the node's address with an access key, which
/// [`ChainError`] leaves out.
pub(crate) fn call_failed(
    contract: &'static str,
) -> impl FnOnce(alloy::contract::Error) -> AggregatorError {
    move |error| match error {
        alloy::contract::Error::TransportError(error) => ChainError::node(contract)(error).into(),
        other => AggregatorError::Call { contract, reason: other.to_string() },
    }
}
