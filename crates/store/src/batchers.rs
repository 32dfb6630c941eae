//! What fast mode's batchers remember: groups, the batches they are in, and what the chain did with those.
//!
//! ```text
//!  admit        close_batch   mark_sent        advance (facts of the chain, with the cursor)
//!  group ────── accepted ──── batched ──────── open ───────────────── verified │ failed
//!  batch                      closed ─ sent ── open ── verified ── settled
//!                                │       │         └── expired ─── refunded
//!                                └───────┴─▶ dissolved: its groups are accepted again
//! ```
//!
//! `revert` takes facts back whose blocks left the chain; statuses follow by themselves.

mod batches;
mod compare;
mod files;
mod groups;
mod overtaken;
mod tasks;

use sqlx::PgPool;
use time::OffsetDateTime;

pub use compare::BatchOnChain;
pub use files::UnusedFiles;

use crate::store::to_i64;
use crate::{BatchStatus, GroupStatus, Store, StoreError};

/// A batcher: its account, with one payment service on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatcherKey {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the `BatcherPaymentService`.
    pub contract: [u8; 20],
    /// The batcher's account.
    pub address: [u8; 20],
}

/// All that one batcher remembers. Clones share the store's connections.
#[derive(Clone, Debug)]
pub struct BatcherLedger {
    pool: PgPool,
    id: i64,
    key: BatcherKey,
}

/// A group that is about to be accepted. All of it was checked, and its files are in the object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// EIP-712 digest of the authorisation.
    pub id: [u8; 32],
    /// Who pays.
    pub account: [u8; 20],
    /// Root over the group's proofs, as signed.
    pub proofs_root: [u8; 32],
    /// How many proofs it has.
    pub proof_count: u32,
    /// Nonce of the first.
    pub first_nonce: u64,
    /// Most wei that it may cost.
    pub max_fee: u128,
    /// Last second since 1970 in which it may be charged.
    pub deadline: u64,
    /// The user's signature.
    pub signature: Vec<u8>,
    /// Whether it is a wallet's (EIP-1271).
    pub by_wallet: bool,
    /// Bytes of its files, each distinct one once.
    pub bytes: u64,
    /// Its items, JSON.
    pub items: String,
    /// Its distinct files, by SHA-256.
    pub files: Vec<[u8; 32]>,
    /// Fast commitments of its proofs, in the order of their nonces.
    pub commitments: Vec<[u8; 32]>,
    /// Ids of the proof systems in it.
    pub systems: Vec<u16>,
    /// The chain's newest block.
    pub head: u64,
}

/// A group that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastGroup {
    /// EIP-712 digest of the authorisation.
    pub id: [u8; 32],
    /// Who pays.
    pub account: [u8; 20],
    /// Root over the group's proofs, as signed.
    pub proofs_root: [u8; 32],
    /// How many proofs it has.
    pub proof_count: u32,
    /// Nonce of the first.
    pub first_nonce: u64,
    /// Most wei that it may cost.
    pub max_fee: u128,
    /// Last second since 1970 in which it may be charged.
    pub deadline: u64,
    /// The user's signature.
    pub signature: Vec<u8>,
    /// Whether it is a wallet's (EIP-1271).
    pub by_wallet: bool,
    /// Its items, JSON.
    pub items: String,
    /// Fast commitments of its proofs, in the order of their nonces.
    pub commitments: Vec<[u8; 32]>,
    /// Where it stands.
    pub status: GroupStatus,
    /// The batch that it is in.
    pub batch_id: Option<i64>,
    /// What its user was charged, in wei, while its task is on chain; zero if the authorisation did not hold.
    pub charged: Option<u128>,
    /// The code of an end.
    pub code: Option<String>,
    /// The reason beside the code.
    pub reason: Option<String>,
    /// When it was accepted.
    pub created_at: OffsetDateTime,
    /// When it changed last.
    pub updated_at: OffsetDateTime,
}

/// A group that waits for a batch: what the choice needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingGroup {
    /// EIP-712 digest of the authorisation.
    pub id: [u8; 32],
    /// Rises with the order of acceptance.
    pub sequence: i64,
    /// Who pays.
    pub account: [u8; 20],
    /// Root over the group's proofs, as signed.
    pub proofs_root: [u8; 32],
    /// How many proofs it has.
    pub proof_count: u32,
    /// Nonce of the first.
    pub first_nonce: u64,
    /// Most wei that it may cost.
    pub max_fee: u128,
    /// Last second since 1970 in which it may be charged.
    pub deadline: u64,
    /// The user's signature.
    pub signature: Vec<u8>,
    /// Whether it is a wallet's (EIP-1271).
    pub by_wallet: bool,
    /// Bytes of its files, each distinct one once.
    pub bytes: u64,
    /// Fast commitments of its proofs.
    pub commitments: Vec<[u8; 32]>,
    /// Ids of the proof systems in it.
    pub systems: Vec<u16>,
    /// The chain's newest block when it was accepted.
    pub head: u64,
    /// When it was accepted.
    pub created_at: OffsetDateTime,
}

/// A change of a group's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChange {
    /// Rises from change to change.
    pub sequence: i64,
    /// The status it got.
    pub status: GroupStatus,
    /// The code of an end.
    pub code: Option<String>,
    /// The reason beside the code.
    pub reason: Option<String>,
    /// The batch it was in.
    pub batch_id: Option<i64>,
    /// When.
    pub at: OffsetDateTime,
}

/// An account as the contract has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnChainAccount {
    /// Its nonce.
    pub nonce: u64,
    /// Its balance, in wei.
    pub balance: u128,
}

/// What of an account is taken by groups that wait here, or that were charged since the chain was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The nonce that its next group must begin with.
    pub next_nonce: u64,
    /// Most wei that those groups may cost.
    pub reserved: u128,
    /// How many of them wait.
    pub pending: u32,
}

/// An account's standing beside what the chain says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatcherAccount {
    /// As the contract has it.
    pub on_chain: OnChainAccount,
    /// What is taken of it here.
    pub standing: Standing,
}

/// The answer to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is accepted.
    Accepted(Box<FastGroup>),
    /// It was stored before.
    Known(Box<FastGroup>),
    /// Its first nonce is not the account's next one.
    WrongNonce {
        /// The next one.
        expected: u64,
    },
    /// The account has less than this group and those that wait may cost.
    BalanceTooLow {
        /// What those that wait may cost, in wei.
        reserved: u128,
    },
    /// The account has too many groups that wait.
    TooMany,
}

/// A batch that is about to be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatch {
    /// Its groups, in the order of its tree.
    pub groups: Vec<[u8; 32]>,
    /// Root of its tree.
    pub root: [u8; 32],
    /// Where its manifest will be.
    pub pointer: String,
    /// How many proofs it has.
    pub proof_count: u32,
    /// Bytes of its files, each distinct one once.
    pub bytes: u64,
    /// Wei that each proof costs its user.
    pub fee_per_proof: u128,
    /// Most wei that its response may cost.
    pub fee_limit: u128,
    /// Least wei that its users must pay together.
    pub min_charged: u128,
    /// Wei that are sent along.
    pub value: u128,
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FastBatch {
    /// Its number.
    pub id: i64,
    /// Where it stands.
    pub status: BatchStatus,
    /// Root of its tree.
    pub root: [u8; 32],
    /// Where its manifest is.
    pub pointer: String,
    /// How many groups it has.
    pub group_count: u32,
    /// How many proofs it has.
    pub proof_count: u32,
    /// Bytes of its files, each distinct one once.
    pub bytes: u64,
    /// Wei that each proof costs its user.
    pub fee_per_proof: u128,
    /// Most wei that its response may cost.
    pub fee_limit: u128,
    /// Least wei that its users must pay together.
    pub min_charged: u128,
    /// Wei that are sent along.
    pub value: u128,
    /// How often its task was asked for.
    pub attempts: u32,
    /// Its task, while that is on chain.
    pub task: Option<TaskOfBatch>,
    /// Block in which a quorum answered.
    pub verified_block: Option<u64>,
    /// When it was closed.
    pub created_at: OffsetDateTime,
    /// When it changed last.
    pub updated_at: OffsetDateTime,
}

/// A batch's task on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskOfBatch {
    /// Its id.
    pub id: [u8; 32],
    /// Block that created it.
    pub block: u64,
    /// Transaction that created it.
    pub tx_hash: [u8; 32],
    /// Wei that the users paid.
    pub total: u128,
    /// Wei that the batcher added.
    pub added: u128,
}

/// What proofs cost in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaidPrice {
    /// The batch.
    pub batch_id: i64,
    /// How many proofs it has.
    pub proof_count: u32,
    /// Wei that each cost its user.
    pub fee_per_proof: u128,
    /// When it was closed.
    pub at: OffsetDateTime,
}

/// A task of this batcher that appeared on chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskOnChain {
    /// Root of its batch.
    pub root: [u8; 32],
    /// Where its batch is.
    pub pointer: String,
    /// Its id.
    pub task_id: [u8; 32],
    /// Its block.
    pub block: u64,
    /// The last block in which it can be answered.
    pub last_block: u64,
    /// Its transaction.
    pub tx_hash: [u8; 32],
    /// Wei that the users paid.
    pub total: u128,
    /// Wei that the batcher added.
    pub added: u128,
    /// Wei that each group's user paid, in the order of the batch.
    pub charges: Vec<u128>,
}

/// Codes and reasons, as users read them, of groups that end with what the chain did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEnds<'a> {
    /// What was paid for it was given back.
    pub refunded: (&'a str, &'a str),
    /// Another group of the account was charged for its nonces.
    pub overtaken: (&'a str, &'a str),
}

/// What the chain did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskFact {
    /// A task was created.
    Created(TaskOnChain),
    /// A quorum answered a task.
    Verified {
        /// The task.
        task_id: [u8; 32],
        /// The block.
        block: u64,
    },
    /// A task's payment was given to its batcher.
    Settled {
        /// The task.
        task_id: [u8; 32],
        /// The block.
        block: u64,
    },
    /// A task's payment was given back.
    Refunded {
        /// The task.
        task_id: [u8; 32],
        /// The block.
        block: u64,
    },
}

impl Store {
    /// The ledger of a batcher, which is made if it is not there.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn batcher_ledger(&self, key: BatcherKey) -> Result<BatcherLedger, StoreError> {
        let chain_id = to_i64("chain id", key.chain_id)?;
        sqlx::query!(
            "INSERT INTO batchers (chain_id, contract, address) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            chain_id,
            &key.contract[..],
            &key.address[..],
        )
        .execute(&self.pool)
        .await?;
        let id = sqlx::query_scalar!(
            "SELECT id FROM batchers WHERE chain_id = $1 AND contract = $2 AND address = $3",
            chain_id,
            &key.contract[..],
            &key.address[..],
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(BatcherLedger { pool: self.pool.clone(), id, key })
    }
}

impl BatcherLedger {
    /// Whose it is.
    #[must_use]
    pub const fn key(&self) -> &BatcherKey {
        &self.key
    }

    /// Name of the follower's cursor.
    #[must_use]
    pub fn cursor_name(&self) -> String {
        let BatcherKey { chain_id, contract, address } = &self.key;
        let (contract, address) = (alloy::hex::encode(contract), alloy::hex::encode(address));
        format!("batcher/{chain_id}/{contract}/{address}")
    }
}

/// Wei travel as decimal text: the database's numbers are exact, and wider than any of Rust's that it knows.
fn wei(text: &str) -> Result<u128, StoreError> {
    text.parse()
        .map_err(|error| StoreError::Inconsistent(format!("{text:?} is no amount of wei: {error}")))
}

/// Hashes back to back. A CHECK has their number.
fn hashes(bytes: &[u8]) -> Vec<[u8; 32]> {
    bytes.chunks_exact(32).filter_map(|hash| hash.try_into().ok()).collect()
}
