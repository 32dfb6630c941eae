use alloy::primitives::{Address, B256};
use collimate_batch::BatchError;
use collimate_tasks::{TaskError, TaskStatus};
use collimate_verifiers::VerifyError;

/// Why evidence is none, or cannot be checked. `Display` starts with the code.
///
/// | code | meaning |
/// |---|---|
/// | EVD-001 | not a file of evidence |
/// | EVD-002 | the task's fields are not those of its id |
/// | EVD-003 | the manifest is not the one that the task points at |
/// | EVD-004 | the manifest is none, or not that of the task's root |
/// | EVD-005 | the batch has no such leaf |
/// | EVD-006 | the path is not the leaf's |
/// | EVD-007 | a part's bytes are not those of the manifest |
/// | EVD-008 | a verification key too many, or one that is missing |
/// | EVD-009 | a proof system that this program does not verify |
/// | EVD-010 | the proof holds |
/// | EVD-011 | the verifier cannot decide about the proof |
/// | EVD-012 | the verifier refuses the proof for another reason than the file says |
/// | EVD-013 | the file is about another contract or chain |
/// | EVD-014 | the chain has it otherwise |
/// | EVD-015 | the chain does not have the task as verified |
/// | EVD-016 | the node does not know the transaction |
/// | TSK-…, CHN-… | the contract's, the node's |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Damaged, too large, or something else.
    #[error("[EVD-001] this is no file of evidence: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
    },
    /// One of them was changed.
    #[error("[EVD-002] the task's fields make the id {computed}, the file says {stated}")]
    OtherTask {
        /// Hash of the fields.
        computed: B256,
        /// The file's id.
        stated: B256,
    },
    /// Operators never saw it.
    #[error("[EVD-003] the manifest is not the one that the task's pointer names: {reason}")]
    NotPointedAt {
        /// What is wrong.
        reason: String,
    },
    /// The batch is not what the task is about.
    #[error("[EVD-004] the manifest is not that of the task: {0}")]
    Manifest(#[source] BatchError),
    /// The file names a place after the last.
    #[error("[EVD-005] the batch has {count} proofs, none of them has the index {leaf}")]
    NoLeaf {
        /// Place that is named, from 0.
        leaf: u32,
        /// Proofs of the batch.
        count: usize,
    },
    /// It leads elsewhere, or from another leaf.
    #[error("[EVD-006] the path is not that of leaf {leaf} to the batch's root")]
    Path {
        /// The proof's place, from 0.
        leaf: u32,
    },
    /// Operators signed for other bytes.
    #[error("[EVD-007] the {part} in the file is not what the manifest lists: {source}")]
    Part {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        source: BatchError,
    },
    /// The manifest says whether there is one.
    #[error("[EVD-008] the manifest {0} a verification key for this proof, unlike the file")]
    Key(&'static str),
    /// A newer one, or none.
    #[error("[EVD-009] this program does not verify proof system {0}; use a newer one")]
    UnknownSystem(u16),
    /// The operators were right.
    #[error("[EVD-010] the proof holds: those who signed the batch were right about it")]
    Holds,
    /// No evidence for anybody.
    #[error("[EVD-011] the verifier cannot decide about this proof: {0}")]
    Undecided(#[source] VerifyError),
    /// It may have been altered, or made with another version of the verifier.
    #[error(
        "[EVD-012] the proof does not hold ({found}), but the file says {stated}; ask for evidence made by this version"
    )]
    OtherRefusal {
        /// What the verifier says here.
        found: VerifyError,
        /// The file's code.
        stated: String,
    },
    /// The reader trusts another one.
    #[error("[EVD-013] the file is about {what} {stated}, you asked {asked}")]
    Elsewhere {
        /// What differs.
        what: &'static str,
        /// The file's.
        stated: String,
        /// The reader's.
        asked: String,
    },
    /// One of the answer's fields was changed, or its block is no longer of the chain.
    #[error("[EVD-014] the chain has another {field} of the operators' answer than the file")]
    NotOnChain {
        /// What differs.
        field: &'static str,
    },
    /// A reorganisation took the answer away, or there never was one.
    #[error("[EVD-015] {contract} does not have the task as verified, but as {status:?}")]
    NotVerified {
        /// The contract.
        contract: Address,
        /// What it says.
        status: TaskStatus,
    },
    /// Pruned, reorganised away, or made up.
    #[error(
        "[EVD-016] the node does not know transaction {transaction}; ask one that keeps old blocks"
    )]
    NoTransaction {
        /// The transaction.
        transaction: B256,
    },
    /// The contract's or the node's.
    #[error(transparent)]
    Chain(#[from] TaskError),
}

impl EvidenceError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "EVD-001",
            Self::OtherTask { .. } => "EVD-002",
            Self::NotPointedAt { .. } => "EVD-003",
            Self::Manifest(_) => "EVD-004",
            Self::NoLeaf { .. } => "EVD-005",
            Self::Path { .. } => "EVD-006",
            Self::Part { .. } => "EVD-007",
            Self::Key(_) => "EVD-008",
            Self::UnknownSystem(_) => "EVD-009",
            Self::Holds => "EVD-010",
            Self::Undecided(_) => "EVD-011",
            Self::OtherRefusal { .. } => "EVD-012",
            Self::Elsewhere { .. } => "EVD-013",
            Self::NotOnChain { .. } => "EVD-014",
            Self::NotVerified { .. } => "EVD-015",
            Self::NoTransaction { .. } => "EVD-016",
            Self::Chain(error) => error.code(),
        }
    }

    /// Whether it says that the evidence does not hold; otherwise it could not be read, or not be checked.
    #[must_use]
    pub fn denies(&self) -> bool {
        !matches!(
            self,
            Self::Unreadable { .. }
                | Self::UnknownSystem(_)
                | Self::Undecided(_)
                | Self::NoTransaction { .. }
                | Self::Chain(_)
        )
    }
}
