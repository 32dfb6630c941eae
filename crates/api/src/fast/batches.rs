use std::fmt;

use alloy::primitives::{Address, B256, TxHash};
use serde::{Deserialize, Serialize};

use super::Wei;

/// Where a batch stands.
///
/// ```text
/// closed ─▶ sent ─▶ open ─▶ verified ─▶ settled
///    │  ▲─────┘ ▲────┘  └──▶ expired ─▶ refunded
///    └─▶ dissolved                            it could not be sent: its groups went back to wait for another
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BatchStatus {
    /// Its groups and price are chosen; it is being uploaded.
    Closed,
    /// The data service has it, and the transaction that creates its task is on its way.
    Sent,
    /// Its task is on chain and open.
    Open,
    /// A quorum verified it.
    Verified,
    /// Verified, and its payment given to the batcher.
    Settled,
    /// Nobody answered in time.
    Expired,
    /// Expired, and its payment given back to its users.
    Refunded,
    /// It could not be sent; its groups went back to wait for another batch.
    Dissolved,
}

impl BatchStatus {
    /// Every value, in the order of a normal course.
    pub const ALL: &'static [Self] = &[
        Self::Closed,
        Self::Sent,
        Self::Open,
        Self::Verified,
        Self::Settled,
        Self::Expired,
        Self::Refunded,
        Self::Dissolved,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Sent => "sent",
            Self::Open => "open",
            Self::Verified => "verified",
            Self::Settled => "settled",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
            Self::Dissolved => "dissolved",
        }
    }
}

impl fmt::Display for BatchStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchAnswer {
    /// Its number.
    pub id: i64,
    /// Where it stands.
    pub status: BatchStatus,
    /// Root of its tree.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root: B256,
    /// Where its manifest is: `batchDataPointer`.
    pub pointer: String,
    /// How many groups it has.
    pub group_count: u32,
    /// How many proofs it has.
    pub proof_count: u32,
    /// Bytes of all its files, each distinct one once.
    pub bytes: u64,
    /// What each proof costs its user.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub fee_per_proof: Wei,
    /// Most that the response may cost: `respondToTaskFeeLimit`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub fee_limit: Wei,
    /// Who created the task: the `BatcherPaymentService`. It is the `senderAddress` of `isVerified`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sender: Address,
    /// The task, once it is on chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub task_id: Option<B256>,
    /// Block that created the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_block: Option<u64>,
    /// Transaction that created the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub transaction: Option<TxHash>,
    /// Block in which a quorum answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_block: Option<u64>,
    /// When it was closed.
    pub created_at: u64,
    /// When its status changed last.
    pub updated_at: u64,
}

/// Query of `GET /v1/batcher/batches`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct BatchesQuery {
    /// Only those after this number: the page before's `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    /// How many at most, 1 to 100; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 100))]
    pub limit: Option<u32>,
}

/// Batches, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchesPage {
    /// The batches.
    pub batches: Vec<BatchAnswer>,
    /// What to pass as `after` for the next page; absent when this is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<i64>,
}
