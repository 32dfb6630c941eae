use std::fmt;

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use super::{BatchAnswer, GroupId, Wei};

/// Where a group stands.
///
/// ```text
/// accepted ─▶ batched ─▶ open ─▶ verified
///     │  ▲───────┘ ▲──────┘ ▲──────┘          a reorganisation, or a batch that could not be sent, takes a step back
///     │                   └─▶ failed          charged, and refunded on chain: its nonces are used, so sign anew
///     └─▶ rejected                            never charged: its nonces are free
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GroupStatus {
    /// Verified natively; waits for a batch.
    Accepted,
    /// In a batch whose task is on its way. Its paths are known.
    Batched,
    /// The task is on chain, and the operators verify it.
    Open,
    /// A quorum of the operators verified the batch: contracts see it.
    Verified,
    /// Dropped before it was charged. The code says why; it cost nothing, and its nonces are free.
    Rejected,
    /// Its task ended without being verified. The code says why; what was charged was given back on chain.
    Failed,
}

impl GroupStatus {
    /// Every value, in the order of a normal course.
    pub const ALL: &'static [Self] =
        &[Self::Accepted, Self::Batched, Self::Open, Self::Verified, Self::Rejected, Self::Failed];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Batched => "batched",
            Self::Open => "open",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing but a reorganisation of the chain can change it any more.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Verified | Self::Rejected | Self::Failed)
    }
}

impl fmt::Display for GroupStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a group ended without being verified. The codes are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum GroupEnd {
    /// Its deadline came before a batch. Where others of the time were batched its fee was below their price.
    #[serde(rename = "BTC-060")]
    DeadlinePassed,
    /// The account has less than the group may cost.
    #[serde(rename = "BTC-061")]
    BalanceTooLow,
    /// The account was unlocked.
    #[serde(rename = "BTC-062")]
    Unlocked,
    /// The account's nonce on chain is another: it was used without this batcher's knowledge, or a group before this one ended.
    #[serde(rename = "BTC-063")]
    WrongNonce,
    /// The wallet does not stand by its signature any more.
    #[serde(rename = "BTC-064")]
    SignatureWithdrawn,
    /// Governance disabled a proof system of it.
    #[serde(rename = "BTC-065")]
    SystemDisabled,
    /// The batcher lost a file of it. Nothing was charged.
    #[serde(rename = "BTC-066")]
    FilesLost,
    /// The operators did not answer in time. What was charged is in the account again; the nonces are used: sign anew.
    #[serde(rename = "BTC-070")]
    TaskExpired,
}

impl GroupEnd {
    /// Every reason.
    pub const ALL: &'static [Self] = &[
        Self::DeadlinePassed,
        Self::BalanceTooLow,
        Self::Unlocked,
        Self::WrongNonce,
        Self::SignatureWithdrawn,
        Self::SystemDisabled,
        Self::FilesLost,
        Self::TaskExpired,
    ];

    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DeadlinePassed => "BTC-060",
            Self::BalanceTooLow => "BTC-061",
            Self::Unlocked => "BTC-062",
            Self::WrongNonce => "BTC-063",
            Self::SignatureWithdrawn => "BTC-064",
            Self::SystemDisabled => "BTC-065",
            Self::FilesLost => "BTC-066",
            Self::TaskExpired => "BTC-070",
        }
    }
}

/// What a proof's owner needs to show on chain that it was verified: the arguments of `isVerified` and
/// `verifyBatchInclusion`, but for the public inputs, which the owner has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VerificationData {
    /// Nonce of the proof.
    pub nonce: u64,
    /// Index of the proof in the batch, in the order of the manifest.
    pub index: u32,
    /// Its fast commitment; the tree's leaf is its keccak256.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub commitment: B256,
    /// keccak256 of the proof's bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub proof_commitment: B256,
    /// keccak256 of the public inputs' bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub public_inputs_commitment: B256,
    /// `keccak256(word(proving system) ‖ program id)`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub auxiliary_commitment: B256,
    /// Id of the proof system.
    pub proving_system: u16,
    /// The program.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub program_id: B256,
    /// Who is named as the proof's maker; zero if nobody is.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub generator: Address,
    /// Siblings from the leaf to the batch's root.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub path: Vec<B256>,
    /// Root of the batch.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub batch_root: B256,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupAnswer {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: GroupId,
    /// Where it stands.
    pub status: GroupStatus,
    /// Why it was rejected or failed: a [`GroupEnd`]'s code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason beside the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who pays.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user: Address,
    /// Root of the tree over its proofs.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub proofs_root: B256,
    /// How many proofs it has.
    pub proof_count: u32,
    /// Nonce of the first.
    pub first_nonce: u64,
    /// Most that it may cost, as signed.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub max_fee: Wei,
    /// What its user was charged, once its task is on chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub charged: Option<Wei>,
    /// Last second in which it may be charged.
    pub deadline: u64,
    /// The batch that it is in, from `batched` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchAnswer>,
    /// Its proofs in the order of their nonces, from `batched` on. The task's id and the pointer are the batch's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<VerificationData>,
    /// When it was accepted.
    pub created_at: u64,
    /// When its status changed last.
    pub updated_at: u64,
}

/// A change of a group's status. As a server-sent event it has the event name `status`, and [`Self::sequence`] as its id, from
/// which `Last-Event-ID` goes on. The stream ends after an end of the group's course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupEvent {
    /// Rises from event to event.
    pub sequence: i64,
    /// The status it got.
    pub status: GroupStatus,
    /// The code of a rejection or failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason beside the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The batch it was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<i64>,
    /// When.
    pub at: u64,
}
