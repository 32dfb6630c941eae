//! What the ledger's lines say.

use alloy::primitives::{Address, B256};
use collimate_chain::follower::BlockId;
use collimate_evidence::Answer;
use serde::{Deserialize, Serialize};

/// What was found about a sampled proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Outcome {
    /// It is valid, of this program, with these public inputs.
    Holds,
    /// It is not: there is evidence.
    Mismatch {
        /// The verifier's code.
        code: String,
    },
    /// Larger than its verifier takes, or of a kind that it does not take: no honest operator signs it, and what it shows cannot be
    /// found out.
    Unsignable {
        /// The verifier's code.
        code: String,
    },
    /// Its bytes could not be had.
    Unavailable {
        /// Why not.
        code: String,
    },
    /// Not verified here, too slow, or the verifier panicked.
    Undecided {
        /// Why.
        code: String,
    },
}

impl Outcome {
    /// Its name in interfaces, metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Mismatch { .. } => "mismatch",
            Self::Unsignable { .. } => "unsignable",
            Self::Unavailable { .. } => "unavailable",
            Self::Undecided { .. } => "undecided",
        }
    }

    /// The code of what does not hold, or was not found out.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Holds => None,
            Self::Mismatch { code }
            | Self::Unsignable { code }
            | Self::Unavailable { code }
            | Self::Undecided { code } => Some(code),
        }
    }

    /// Whether it is known of the proof that it holds, or that nobody should have signed it.
    #[must_use]
    pub const fn is_verdict(&self) -> bool {
        matches!(self, Self::Holds) || self.is_alarming()
    }

    /// Whether somebody has to be told.
    #[must_use]
    pub const fn is_alarming(&self) -> bool {
        matches!(self, Self::Mismatch { .. } | Self::Unsignable { .. })
    }
}

/// A batch that a quorum signed, by its `BatchVerified`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignedBatch {
    pub(crate) task: B256,
    pub(crate) root: B256,
    pub(crate) sender: Address,
    pub(crate) answer: Answer,
}

impl SignedBatch {
    /// Its place on the chain.
    pub(crate) fn place(&self) -> (u64, u64, B256) {
        (self.answer.block_number, self.answer.log_index, self.task)
    }
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Started {
    pub(crate) version: u32,
    pub(crate) chain_id: u64,
    pub(crate) service_manager: Address,
    pub(crate) first_block: u64,
    pub(crate) seed: B256,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Entry {
    /// Whose ledger this is.
    Started(Started),
    /// A quorum signed a batch.
    Verified(Box<SignedBatch>),
    /// The chain was followed to this block.
    Followed(BlockId),
    /// Blocks from this one on are no longer of the chain.
    Reverted { from: u64 },
    /// A batch's manifest is there: how many proofs it has, and which are checked.
    Opened { task: B256, leaves: u32, sample: Vec<u32> },
    /// Nothing of a batch can be checked.
    Closed { task: B256, available: bool, code: String },
    /// What was found about a proof.
    Checked { task: B256, leaf: u32, outcome: Outcome },
    /// Somebody was told of a mismatch, or could not be.
    Alerted { task: B256, leaf: u32, delivered: bool },
}
