//! What the transaction manager keeps of a transaction, so that a restart can go on with it.

use std::fmt;

use alloy::{
    primitives::{Address, B256, Bytes, TxHash, U256},
    rpc::types::Log,
};
use serde::{Deserialize, Serialize};

use crate::tx::fees::Fees;

/// A transaction that somebody asked for, with everything that is needed to send it again.
///
/// `key` names it: the same key is never sent twice.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// Name chosen by the caller, unique in the store, for example `run:17`.
    pub key: String,
    /// Chain (EIP-155) for which the attempts are signed.
    pub chain_id: u64,
    /// Sending account.
    pub from: Address,
    /// Called contract; `None` creates a contract.
    pub to: Option<Address>,
    /// Call data, or creation code.
    pub input: Bytes,
    /// Wei sent along.
    pub value: U256,
    /// Gas limit, at most [`MAX_TRANSACTION_GAS`](crate::tx::MAX_TRANSACTION_GAS).
    pub gas_limit: u64,
    /// The most wei that gas and blob gas may cost together; `None` is the manager's limit, whatever it is when prices are
    /// chosen: a limit that was raised holds for what is on its way, too.
    pub max_cost: Option<U256>,
    /// EIP-7594 sidecar (blobs, commitments, cell proofs) in its RLP form of
    /// [`Sidecar::to_bytes`](crate::kzg::Sidecar::to_bytes); `None` without blobs. Kept once: attempts hold signed
    /// transactions without it.
    pub sidecar: Option<Bytes>,
    /// Where it stands.
    pub status: TransactionStatus,
    /// Every signed form that was or may have been sent, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// How it ended; `Some` exactly if the status is final.
    pub outcome: Option<TxOutcome>,
}

impl TransactionRecord {
    /// The nonce in use: that of the newest attempt.
    pub fn nonce(&self) -> Option<u64> {
        self.attempts.last().map(|attempt| attempt.nonce)
    }

    /// Notes an attempt, once.
    pub fn add_attempt(&mut self, attempt: &AttemptRecord) {
        if self.attempts.iter().all(|saved| saved.hash != attempt.hash) {
            self.attempts.push(attempt.clone());
        }
        self.status = TransactionStatus::Sent;
    }

    /// Notes how it ended.
    pub fn finish(&mut self, outcome: &TxOutcome) {
        self.status = outcome.status();
        self.outcome = Some(outcome.clone());
    }

    /// What [`TxStore::pending`](crate::tx::TxStore::pending) answers, of all records.
    pub fn pending_of(
        records: impl Iterator<Item = Self>,
        chain_id: u64,
        from: Address,
    ) -> Vec<Self> {
        let is_meant = |record: &Self| {
            record.status.is_pending() && record.chain_id == chain_id && record.from == from
        };
        let mut pending: Vec<_> = records.filter(is_meant).collect();
        pending.sort_by_key(|record| record.attempts.first().map_or(u64::MAX, |first| first.nonce));
        pending
    }
}

impl fmt::Debug for TransactionRecord {
    /// Without payloads: a sidecar has up to 800 kB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionRecord")
            .field("key", &self.key)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("input_bytes", &self.input.len())
            .field("sidecar_bytes", &self.sidecar.as_ref().map(|s| s.len()))
            .field("status", &self.status)
            .field("attempts", &self.attempts)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// Stored, nothing signed yet.
    Queued,
    /// At least one attempt is stored, and may have been sent.
    Sent,
    /// Mined with success and confirmed. Final.
    Confirmed,
    /// Mined, reverted and confirmed. Final: it is never sent again under this key.
    Reverted,
    /// Refused by the node, never mined; its nonce is free again. Sending the same key starts anew.
    Rejected,
}

impl TransactionStatus {
    /// Name as stored in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Reverted => "reverted",
            Self::Rejected => "rejected",
        }
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Queued, Self::Sent, Self::Confirmed, Self::Reverted, Self::Rejected]
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    /// True while the manager has something to do for it.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Queued | Self::Sent)
    }
}

/// One signed form of a transaction.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Transaction hash, which is keccak256 of `raw`.
    pub hash: TxHash,
    /// Nonce it was signed with.
    pub nonce: u64,
    /// Prices it was signed with.
    pub fees: Fees,
    /// EIP-2718 bytes of the signed transaction, without the sidecar.
    pub raw: Bytes,
    /// Unix time in milliseconds at which it was signed.
    pub signed_at_ms: u64,
}

impl fmt::Debug for AttemptRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptRecord")
            .field("hash", &self.hash)
            .field("nonce", &self.nonce)
            .field("fees", &self.fees)
            .finish_non_exhaustive()
    }
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TxOutcome {
    /// Mined with success, and deep enough.
    Confirmed(ConfirmedReceipt),
    /// Mined and reverted.
    Reverted {
        /// Receipt of the reverted transaction: its gas was paid.
        receipt: ConfirmedReceipt,
        /// Decoded reason, or the raw revert data in hex.
        reason: String,
    },
    /// Refused by the node.
    Rejected {
        /// The node's words.
        reason: String,
    },
}

impl TxOutcome {
    /// The status that goes with this outcome.
    pub const fn status(&self) -> TransactionStatus {
        match self {
            Self::Confirmed(_) => TransactionStatus::Confirmed,
            Self::Reverted { .. } => TransactionStatus::Reverted,
            Self::Rejected { .. } => TransactionStatus::Rejected,
        }
    }
}

/// Receipt of a transaction that is deep enough to be relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedReceipt {
    /// Hash of the attempt that was mined.
    pub transaction_hash: TxHash,
    /// Block that holds it.
    pub block_number: u64,
    /// Hash of that block.
    pub block_hash: B256,
    /// Timestamp of that block, in Unix seconds: it locates the blobs on a beacon node.
    pub block_timestamp: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Wei paid for each gas.
    pub effective_gas_price: u128,
    /// Blob gas used, 0 without blobs.
    pub blob_gas_used: u64,
    /// Wei paid for each blob gas, 0 without blobs.
    pub blob_gas_price: u128,
    /// Versioned hashes of the blobs (EIP-4844), empty without blobs.
    pub blob_versioned_hashes: Vec<B256>,
    /// Address of the created contract, if one was created.
    pub contract_address: Option<Address>,
    /// Logs that it emitted.
    pub logs: Vec<Log>,
}
