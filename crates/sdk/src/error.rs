use std::{io, path::PathBuf};

use alloy::{
    contract,
    primitives::{Address, B256, TxHash},
    transports::{RpcError, TransportErrorKind, http::reqwest},
};
use collimate_chain::ChainError;
use collimate_core::Commitment;
use thiserror::Error;

use crate::{FastError, GatewayError};

/// Everything that this crate reports.
///
/// | group | codes | meaning |
/// |---|---|---|
/// | could not find out | SDK-001, 003-007, 009, 010, 020, 021, CHN-… | node, addresses or request have to change |
/// | does not hold | SDK-002, 008, 011-019, 029, 040 | what was claimed, or published, is not so |
/// | files and purchases | SDK-022 to 028 | profile, file or order has to change |
/// | the gateway | GTW-…, SDK-030 to 039, 041 | see [`GatewayError`] |
/// | fast mode | BTC-…, SDK-050 to 078 | see [`FastError`] |
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SdkError {
    /// The node did not answer as it should.
    #[error(
        "[SDK-001] the Ethereum node failed at {action}: {reason}; check that it runs and that its URL is right"
    )]
    Node {
        /// What was asked.
        action: &'static str,
        /// What came back, without the node's address.
        reason: String,
    },
    /// The contract does not know the root.
    #[error(
        "[SDK-002] root {root} is not registered with {contract}; check the root, or wait until its transaction is mined"
    )]
    NotRegistered {
        /// The root asked for.
        root: B256,
        /// The contract asked.
        contract: Address,
    },
    /// No code at the contract's address.
    #[error(
        "[SDK-003] there is no contract at {contract} on chain {chain_id}; check the address and the node's chain"
    )]
    NoContract {
        /// The address.
        contract: Address,
        /// The node's chain.
        chain_id: u64,
    },
    /// Another contract than the aggregation service.
    #[error(
        "[SDK-004] the contract at {contract} is no AlignedProofAggregationService ({reason}); check the address"
    )]
    NotTheService {
        /// The address.
        contract: Address,
        /// How it answered.
        reason: String,
    },
    /// The contract knows a root, but the node has no event for it.
    #[error(
        "[SDK-005] the node has no ProofsAggregated event of root {root} in block {block}; ask a node that keeps logs this old, or again after a reorganisation"
    )]
    EventMissing {
        /// The root.
        root: B256,
        /// Block that the contract names.
        block: u64,
    },
    /// Storage, event and transaction of one run differ.
    #[error(
        "[SDK-006] the node contradicts itself about root {root}: {what}; ask another node, or again after a reorganisation"
    )]
    Contradiction {
        /// The root.
        root: B256,
        /// What differs.
        what: String,
    },
    /// The node does not know the transaction.
    #[error(
        "[SDK-007] the node knows no mined transaction {transaction}; check the hash and the chain, or wait until it is mined"
    )]
    NoTransaction {
        /// Its hash.
        transaction: TxHash,
    },
    /// A transaction without a run.
    #[error(
        "[SDK-008] transaction {transaction} registered no run with {contract}; check the hash and the contract"
    )]
    NoRunInTransaction {
        /// Its hash.
        transaction: TxHash,
        /// The contract asked for.
        contract: Address,
    },
    /// A transaction with more than one run.
    #[error(
        "[SDK-009] transaction {transaction} registered several runs: {roots:?}; name the root"
    )]
    SeveralRuns {
        /// Its hash.
        transaction: TxHash,
        /// Their roots.
        roots: Vec<B256>,
    },
    /// A range of blocks that is empty, or begins after the chain's end.
    #[error("[SDK-010] there are no blocks from {from} to {to}; the chain's newest is {latest}")]
    EmptyRange {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
        /// The chain's newest block.
        latest: u64,
    },
    /// The blobs handed in are not those of the run.
    #[error(
        "[SDK-011] blob {index} has versioned hash {found}, the run's is {expected}; give the run's blobs, in order, or use another source"
    )]
    WrongBlob {
        /// Position.
        index: usize,
        /// Hash on chain.
        expected: B256,
        /// Hash of what was given.
        found: B256,
    },
    /// The blobs of the run do not hold commitments.
    #[error(
        "[SDK-012] the blobs of root {root} hold no {leaf_count} commitments: {source}; the run published something else, so no path can be derived from it"
    )]
    BlobContent {
        /// The run's root.
        root: B256,
        /// Commitments that it claims.
        leaf_count: u32,
        /// What is wrong with the blobs.
        source: collimate_core::Error,
    },
    /// The blobs of the run hold commitments of another tree.
    #[error(
        "[SDK-013] the commitments in the blobs have root {found}, the chain has {expected}; the run published another tree, so no path can be derived from it"
    )]
    WrongRoot {
        /// Root on chain.
        expected: B256,
        /// Root over the blobs' commitments.
        found: B256,
    },
    /// The run does not cover the proof.
    #[error(
        "[SDK-014] commitment {commitment} is not among the {leaf_count} of root {root}; check program id and public values, or look in another run"
    )]
    NotInRun {
        /// The proof's commitment.
        commitment: Commitment,
        /// The run's root.
        root: B256,
        /// Its leaves.
        leaf_count: u32,
    },
    /// Not as many blobs as the run has.
    #[error(
        "[SDK-015] the run has {expected} blobs, {found} were given; give all of them, in order"
    )]
    WrongBlobCount {
        /// Blobs of the run.
        expected: usize,
        /// Blobs given.
        found: usize,
    },
    /// No run of the range covers the proof.
    #[error(
        "[SDK-016] none of the {searched} runs since block {from} covers commitment {commitment}; search from an earlier block"
    )]
    NotFound {
        /// The proof's commitment.
        commitment: Commitment,
        /// First block searched.
        from: u64,
        /// Runs whose blobs were read.
        searched: usize,
    },
    /// Values of a bundle contradict each other.
    #[error(
        "[SDK-017] the bundle contradicts itself: {field} is {stated}, but {computed} follows from its other values; it was altered, do not use it"
    )]
    BundleInconsistent {
        /// The field.
        field: &'static str,
        /// What the bundle says.
        stated: String,
        /// What the other fields say.
        computed: String,
    },
    /// A bundle contradicts the chain.
    #[error(
        "[SDK-018] the bundle contradicts the chain: {field} is {stated}, but {on_chain} on chain; it is of another chain or contract, was altered, or its transaction was reorganised: derive a new one"
    )]
    BundleNotOnChain {
        /// The field.
        field: &'static str,
        /// What the bundle says.
        stated: String,
        /// What the chain says.
        on_chain: String,
    },
    /// The contract denies inclusion under a path that leads to a registered root.
    #[error(
        "[SDK-019] the contract at {contract} denies inclusion, though the path leads to root {root}; it is not the contract that this root is registered with"
    )]
    InclusionDenied {
        /// The contract.
        contract: Address,
        /// The root.
        root: B256,
    },
    /// None of the readable runs covers the proof, and some could not be read.
    #[error(
        "[SDK-020] none of the {searched} readable runs covers commitment {commitment}, and {unreadable} more could not be read, the last because: {last}; use a beacon node that keeps blobs this old"
    )]
    NotFoundInReadable {
        /// The proof's commitment.
        commitment: Commitment,
        /// Runs whose blobs were read.
        searched: usize,
        /// Runs whose blobs could not be read.
        unreadable: usize,
        /// Why the last of them could not.
        last: String,
    },
    /// Text that is no bundle.
    #[error("[SDK-021] not an inclusion bundle: {reason}; give the file that `--bundle-out` wrote")]
    MalformedBundle {
        /// What the parser met.
        reason: String,
    },
    /// Text that is no network profile.
    #[error(
        "[SDK-022] not a network profile: {reason}; give the file that `collimated devnet` or the operator wrote"
    )]
    MalformedProfile {
        /// What the parser met.
        reason: String,
    },
    /// A file cannot be used.
    #[error("[SDK-023] cannot {action} {}: {source}; check that it exists and may be used", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process sends transactions with this journal.
    #[error(
        "[SDK-024] another process sends transactions from {}; wait until it is done", folder.display()
    )]
    JournalInUse {
        /// The journal's folder.
        folder: PathBuf,
    },
    /// An order that the contract would refuse.
    #[error("[SDK-025] nothing was sent: {reason}")]
    CannotOrder {
        /// Why, and what to do.
        reason: String,
    },
    /// Another contract than the payment service.
    #[error(
        "[SDK-026] the contract at {contract} is no AggregationModePaymentService; check the profile's payment_service"
    )]
    NotPayments {
        /// The address.
        contract: Address,
    },
    /// A deposit that was mined without a purchase.
    #[error(
        "[SDK-027] transaction {transaction} bought nothing from {contract}; it is not what it is taken for: check the profile's payment_service"
    )]
    NoPurchase {
        /// The transaction.
        transaction: TxHash,
        /// The contract.
        contract: Address,
    },
    /// The profile lacks what is needed.
    #[error("[SDK-028] the network profile {name} has no {field}; add it to the profile")]
    ProfileLacks {
        /// The profile.
        name: String,
        /// The field.
        field: &'static str,
    },
    /// The contract confirms proofs that do not exist.
    #[error(
        "[SDK-029] the contract at {contract} did not tell the proof from a forgery; it is not what it is taken for"
    )]
    AcceptsForgery {
        /// The contract.
        contract: Address,
    },
    /// An inclusion of another proof.
    #[error(
        "[SDK-040] the inclusion is of commitment {found}, the proof's is {expected}; do not use it"
    )]
    OtherCommitment {
        /// Of the proof.
        expected: Commitment,
        /// Of the inclusion.
        found: Commitment,
    },
    /// The gateway; its refusals have codes of their own.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Fast mode; it has codes of its own.
    #[error(transparent)]
    Fast(#[from] FastError),
    /// The chain's layer failed; it has codes of its own.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl SdkError {
    /// The stable code, as in the message.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Node { .. } => "SDK-001",
            Self::NotRegistered { .. } => "SDK-002",
            Self::NoContract { .. } => "SDK-003",
            Self::NotTheService { .. } => "SDK-004",
            Self::EventMissing { .. } => "SDK-005",
            Self::Contradiction { .. } => "SDK-006",
            Self::NoTransaction { .. } => "SDK-007",
            Self::NoRunInTransaction { .. } => "SDK-008",
            Self::SeveralRuns { .. } => "SDK-009",
            Self::EmptyRange { .. } => "SDK-010",
            Self::WrongBlob { .. } => "SDK-011",
            Self::BlobContent { .. } => "SDK-012",
            Self::WrongRoot { .. } => "SDK-013",
            Self::NotInRun { .. } => "SDK-014",
            Self::WrongBlobCount { .. } => "SDK-015",
            Self::NotFound { .. } => "SDK-016",
            Self::BundleInconsistent { .. } => "SDK-017",
            Self::BundleNotOnChain { .. } => "SDK-018",
            Self::InclusionDenied { .. } => "SDK-019",
            Self::NotFoundInReadable { .. } => "SDK-020",
            Self::MalformedBundle { .. } => "SDK-021",
            Self::MalformedProfile { .. } => "SDK-022",
            Self::File { .. } => "SDK-023",
            Self::JournalInUse { .. } => "SDK-024",
            Self::CannotOrder { .. } => "SDK-025",
            Self::NotPayments { .. } => "SDK-026",
            Self::NoPurchase { .. } => "SDK-027",
            Self::ProfileLacks { .. } => "SDK-028",
            Self::AcceptsForgery { .. } => "SDK-029",
            Self::OtherCommitment { .. } => "SDK-040",
            Self::Gateway(error) => error.code(),
            Self::Fast(error) => error.code(),
            Self::Chain(error) => error.code(),
        }
    }

    /// True if this is an answer, namely that a claim does not hold; false if no answer could be found.
    #[must_use]
    pub fn denies(&self) -> bool {
        if let Self::Fast(error) = self {
            return error.denies();
        }
        matches!(
            self,
            Self::NotRegistered { .. }
                | Self::NoRunInTransaction { .. }
                | Self::WrongBlob { .. }
                | Self::WrongBlobCount { .. }
                | Self::BlobContent { .. }
                | Self::WrongRoot { .. }
                | Self::NotInRun { .. }
                | Self::NotFound { .. }
                | Self::BundleInconsistent { .. }
                | Self::BundleNotOnChain { .. }
                | Self::InclusionDenied { .. }
                | Self::AcceptsForgery { .. }
                | Self::OtherCommitment { .. }
        )
    }

    /// Wraps a transport's error.
    pub(crate) fn node(action: &'static str) -> impl FnOnce(RpcError<TransportErrorKind>) -> Self {
        move |error| Self::Node { action, reason: without_url(&error) }
    }

    /// Wraps a contract call's error.
    pub(crate) fn call(action: &'static str) -> impl FnOnce(contract::Error) -> Self {
        move |error| {
            let reason = match &error {
                contract::Error::TransportError(error) => without_url(error),
                other => other.to_string(),
            };
            Self::Node { action, reason }
        }
    }
}

/// The error without the node's address, which may hold an access key.
fn without_url(error: &RpcError<TransportErrorKind>) -> String {
    match error {
        RpcError::ErrorResp(answer) => format!("{} (code {})", answer.message, answer.code),
        RpcError::Transport(TransportErrorKind::HttpError(http)) => {
            format!("HTTP status {}", http.status)
        }
        RpcError::Transport(TransportErrorKind::Custom(error)) => {
            match error.downcast_ref::<reqwest::Error>() {
                Some(error) if error.is_timeout() => "no answer in time".to_owned(),
                Some(error) if error.is_connect() => "cannot connect".to_owned(),
                Some(_) => "the connection failed".to_owned(),
                None => error.to_string(),
            }
        }
        RpcError::DeserError { err, .. } => format!("an answer that cannot be read: {err}"),
        other => other.to_string(),
    }
}
