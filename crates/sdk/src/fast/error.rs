//! Why fast mode gave no answer, or not the one that was hoped for.

use std::{fmt::Display, io, path::PathBuf, time::Duration};

use alloy::primitives::{Address, B256, TxHash};
use collimate_api::fast::{BatcherProblem, BatcherProblemCode, GroupEnd, GroupId, GroupStatus};
use collimate_batch::BatchError;
use collimate_objects::ObjectsError;
use collimate_tasks::{TaskError, TaskStatus};
use collimate_verifiers::VerifyError;
use thiserror::Error;

use crate::{GatewayError, compare::same, http::Failure};

/// What can go wrong in fast mode.
///
/// | code | meaning |
/// |---|---|
/// | BTC-… | the batcher's own words: [`BatcherProblem`], or the end of a group |
/// | VER-…, BAT-…, OBJ-…, TSK-… | the verifiers', the batch's, the object store's, the contracts' |
/// | SDK-050 to 053, 075 | a file, an address, an order or a URL has to change |
/// | SDK-054 to 058 | what was claimed is not so, or not yet: do not use it |
/// | SDK-059 to 064 | tasks: none, not yet, never, no response, no data |
/// | SDK-070, 071 | the service does not answer, or something else answers in its place |
/// | SDK-072 to 074 | the batcher contradicts what is known from elsewhere: do not trust it |
/// | SDK-076 to 078 | a group is not there yet; its nonce was taken; it ended for a reason that is not known here |
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FastError {
    /// A file cannot be read.
    #[error("[SDK-050] cannot read {}: {source}; check that it exists and is the right file", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Parts of a proof that do not suffice or do not fit each other.
    #[error("[SDK-051] {name} cannot be used: {reason}")]
    BadProof {
        /// The proof.
        name: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// Another contract than fast mode's.
    #[error(
        "[SDK-052] the contract at {contract} is not fast mode's {expected} ({reason}); check the profile's fast_mode"
    )]
    WrongContract {
        /// The address.
        contract: Address,
        /// What it should be.
        expected: &'static str,
        /// How it answered.
        reason: String,
    },
    /// A transaction that would be refused, or would do nothing.
    #[error("[SDK-053] nothing was sent: {reason}")]
    CannotSend {
        /// Why, and what to do.
        reason: String,
    },
    /// Text that is no bundle.
    #[error(
        "[SDK-054] not a verification bundle: {reason}; give a file that `collimate fast` wrote"
    )]
    MalformedBundle {
        /// What the parser met.
        reason: String,
    },
    /// Values of a bundle contradict each other.
    #[error(
        "[SDK-055] the bundle contradicts itself: {field} is {stated}, but {computed} follows from its other values; it was altered, do not use it"
    )]
    BundleInconsistent {
        /// The field.
        field: &'static str,
        /// What the bundle says.
        stated: String,
        /// What the other fields say.
        computed: String,
    },
    /// Verification data that is about something else than the proof it is for.
    #[error(
        "[SDK-056] the verification data is not that of the proof: {field} is {found}, {expected} is right; do not use it"
    )]
    OtherProof {
        /// What differs.
        field: &'static str,
        /// As the proof has it.
        expected: String,
        /// As it was claimed.
        found: String,
    },
    /// The chain does not say that the batch was verified.
    #[error(
        "[SDK-057] the operators have not verified batch {root} of {sender}; wait until its task is answered, or look whether it expired"
    )]
    NotVerified {
        /// The batch's root.
        root: B256,
        /// Who created its task.
        sender: Address,
    },
    /// The contract does not tell a proof from a forgery, or denies what it confirmed.
    #[error(
        "[SDK-058] the contract at {contract} contradicts itself about batch {root}: {reason}; it is not what it is taken for"
    )]
    Untrustworthy {
        /// The contract.
        contract: Address,
        /// The batch's root.
        root: B256,
        /// What it answered.
        reason: &'static str,
    },
    /// A transaction that is not what it is taken for.
    #[error(
        "[SDK-059] transaction {transaction} has no event {event} of {contract}; check the profile's fast_mode"
    )]
    NoEvent {
        /// The transaction.
        transaction: TxHash,
        /// The event that was expected.
        event: &'static str,
        /// The contract.
        contract: Address,
    },
    /// The chain does not know the task.
    #[error(
        "[SDK-060] there is no task {task} on this chain; check the network, or look for it again after a reorganisation"
    )]
    NoTask {
        /// The task, or the root of its batch.
        task: B256,
    },
    /// The task is over.
    #[error("[SDK-061] nobody answered task {task} in time; reclaim its ether, and create another")]
    Expired {
        /// The task.
        task: B256,
    },
    /// It took longer than the caller wanted to wait.
    #[error("[SDK-062] task {task} is {status:?} after {} s; wait longer, it goes on", waited.as_secs())]
    TaskNotYet {
        /// The task.
        task: B256,
        /// Where it stands.
        status: TaskStatus,
        /// Time waited.
        waited: Duration,
    },
    /// No quorum signed yet, or the answer is a lie.
    #[error("[SDK-063] there is no response for task {task}: {reason}")]
    NoResponse {
        /// The task.
        task: B256,
        /// Why, and what to do.
        reason: String,
    },
    /// A mirror does not have what its pointer says.
    #[error(
        "[SDK-064] the data service {mirror} does not serve the batch ({reason}); no task was created: check that it serves the store that was written to"
    )]
    NotServed {
        /// Its address.
        mirror: String,
        /// What it did.
        reason: String,
    },
    /// No connection, or no answer in time, also after repeating.
    #[error(
        "[SDK-070] the service does not answer when asked for {action} ({reason}, {attempts} attempts); check that it runs and its URL"
    )]
    Unreachable {
        /// What was asked for.
        action: &'static str,
        /// The last attempt's failure, without the URL.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// An answer that is not the service's.
    #[error(
        "[SDK-071] asked for {action}, what is at the service's URL answered something else (HTTP {status}: {reason}); check the URL, or update this program"
    )]
    Unexpected {
        /// What was asked for.
        action: &'static str,
        /// HTTP status.
        status: u16,
        /// The beginning of it.
        reason: String,
    },
    /// The batcher belongs to another deployment than the profile.
    #[error(
        "[SDK-072] the batcher's {field} is {found}, the profile's is {expected}; it is the batcher of another deployment: correct the profile, or ask its author"
    )]
    OtherDeployment {
        /// What differs.
        field: &'static str,
        /// As known from elsewhere.
        expected: String,
        /// As the batcher says.
        found: String,
    },
    /// The receipt is not for what was sent, or not signed by the batcher.
    #[error(
        "[SDK-073] the batcher's receipt for group {id} is worth nothing: {reason}; keep the answer, and ask the operator"
    )]
    BadReceipt {
        /// The group.
        id: GroupId,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is about something else, or cannot be true.
    #[error(
        "[SDK-074] the batcher's answer cannot be right: {field} is {found}, {expected} was expected; do not use it"
    )]
    OtherAnswer {
        /// What differs.
        field: &'static str,
        /// As known, or as asked for.
        expected: String,
        /// As answered.
        found: String,
    },
    /// A URL that cannot be used.
    #[error(
        "[SDK-075] the service's URL is not usable ({reason}); it has to look like http://host:port"
    )]
    BadUrl {
        /// Why not.
        reason: String,
    },
    /// It took longer than the caller wanted to wait.
    #[error("[SDK-076] group {id} is {status} after {} s; wait longer, it goes on", waited.as_secs())]
    GroupNotYet {
        /// The group.
        id: GroupId,
        /// Where it stands.
        status: GroupStatus,
        /// Time waited.
        waited: Duration,
    },
    /// The nonce that was signed is not the account's next one, and the signature could still be charged.
    #[error(
        "[SDK-077] the batcher wants nonce {expected}, {signed} was signed and can still be charged: another group of this account was faster, or the batcher collects signatures; look at the account, then submit again"
    )]
    NonceTaken {
        /// Signed.
        signed: u64,
        /// Wanted now.
        expected: u64,
    },
    /// The group ended without being verified.
    #[error("{reason}; group {id} is {status}")]
    Ended {
        /// The group.
        id: GroupId,
        /// How it ended.
        status: GroupStatus,
        /// Why, unless the batcher names a reason that this program does not know.
        end: Option<GroupEnd>,
        /// The batcher's code and words.
        reason: String,
    },
    /// The batcher refused. The code is its own.
    #[error("{0}")]
    Refused(Box<BatcherProblem>),
    /// A proof that does not hold.
    #[error("{source} ({name})")]
    Rejected {
        /// The proof.
        name: String,
        /// Why.
        source: VerifyError,
    },
    /// A batch that is not allowed, or cannot be had.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The object store.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The contracts, or the node.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The account's key refused to sign.
    #[error(transparent)]
    Signing(GatewayError),
}

impl FastError {
    /// What a service's failure is; `refused` says it of the service's own words.
    pub(super) fn of_service<P>(failure: Failure<P>, refused: impl FnOnce(Box<P>) -> Self) -> Self {
        match failure {
            Failure::Refused(problem) => refused(problem),
            Failure::Unreachable { action, reason, attempts } => {
                Self::Unreachable { action, reason, attempts }
            }
            Failure::Unexpected { action, status, reason } => {
                Self::Unexpected { action, status, reason }
            }
            Failure::BadUrl { reason } => Self::BadUrl { reason },
        }
    }

    /// The stable code: the batcher's own where it refused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "SDK-050",
            Self::BadProof { .. } => "SDK-051",
            Self::WrongContract { .. } => "SDK-052",
            Self::CannotSend { .. } => "SDK-053",
            Self::MalformedBundle { .. } => "SDK-054",
            Self::BundleInconsistent { .. } => "SDK-055",
            Self::OtherProof { .. } => "SDK-056",
            Self::NotVerified { .. } => "SDK-057",
            Self::Untrustworthy { .. } => "SDK-058",
            Self::NoEvent { .. } => "SDK-059",
            Self::NoTask { .. } => "SDK-060",
            Self::Expired { .. } => "SDK-061",
            Self::TaskNotYet { .. } => "SDK-062",
            Self::NoResponse { .. } => "SDK-063",
            Self::NotServed { .. } => "SDK-064",
            Self::Unreachable { .. } => "SDK-070",
            Self::Unexpected { .. } => "SDK-071",
            Self::OtherDeployment { .. } => "SDK-072",
            Self::BadReceipt { .. } => "SDK-073",
            Self::OtherAnswer { .. } => "SDK-074",
            Self::BadUrl { .. } => "SDK-075",
            Self::GroupNotYet { .. } => "SDK-076",
            Self::NonceTaken { .. } => "SDK-077",
            Self::Ended { end, .. } => end.map_or("SDK-078", GroupEnd::as_str),
            Self::Refused(problem) => problem.code.as_str(),
            Self::Rejected { source, .. } => source.code(),
            Self::Batch(error) => error.code(),
            Self::Objects(error) => error.code(),
            Self::Task(error) => error.code(),
            Self::Signing(error) => error.code(),
        }
    }

    /// The batcher's problem, where it gave one.
    #[must_use]
    pub fn problem(&self) -> Option<&BatcherProblem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether the batcher refused with this code.
    #[must_use]
    pub fn is(&self, code: BatcherProblemCode) -> bool {
        self.problem().is_some_and(|problem| problem.code == code)
    }

    /// True if this is an answer, namely that a claim does not hold; false if no answer could be found.
    #[must_use]
    pub fn denies(&self) -> bool {
        matches!(
            self,
            Self::BundleInconsistent { .. }
                | Self::OtherProof { .. }
                | Self::Untrustworthy { .. }
                | Self::Expired { .. }
                | Self::OtherDeployment { .. }
                | Self::BadReceipt { .. }
                | Self::OtherAnswer { .. }
                | Self::Ended { .. }
                | Self::Rejected { .. }
        )
    }

    /// Whether the same call can succeed later without a change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.code.is_retryable(),
            Self::Rejected { source, .. } => source.is_retryable(),
            Self::Batch(error) => error.is_retryable(),
            Self::Objects(error) => error.is_retryable(),
            Self::Task(error) => error.is_retryable(),
            Self::NotVerified { .. }
            | Self::TaskNotYet { .. }
            | Self::NoResponse { .. }
            | Self::Unreachable { .. }
            | Self::GroupNotYet { .. } => true,
            _ => false,
        }
    }
}

/// Compares an answer with what was asked for.
pub(super) fn answered<T: PartialEq + Display>(
    field: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), FastError> {
    let other = |expected, found| FastError::OtherAnswer { field, expected, found };
    same(expected, found, other)
}

/// Compares verification data with the proof that it is for.
pub(super) fn of_proof<T: PartialEq + Display>(
    field: &'static str,
    expected: &T,
    found: &T,
) -> Result<(), FastError> {
    let other = |expected, found| FastError::OtherProof { field, expected, found };
    same(expected, found, other)
}

/// Compares what a file states with what its other values say.
pub(super) fn follows<T: PartialEq + Display>(
    field: &'static str,
    stated: &T,
    computed: &T,
) -> Result<(), FastError> {
    let inconsistent = |stated, computed| FastError::BundleInconsistent { field, stated, computed };
    same(stated, computed, inconsistent)
}
