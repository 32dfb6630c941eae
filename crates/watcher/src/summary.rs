//! What is told of the findings.

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use crate::{
    chance::{log_missed_one, probability_seen},
    ledger::{Batch, Outcome},
};

/// What the watcher found so far, over all batches of the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Chain of the contract.
    pub chain_id: u64,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// Block at which the ledger begins.
    pub first_block: u64,
    /// The newest block that the ledger notes.
    pub last_block: Option<u64>,
    /// Batches that a quorum signed.
    pub batches: u64,
    /// Of them, those in work.
    pub batches_in_work: u64,
    /// Of them, those whose manifest could not be had.
    pub batches_unavailable: u64,
    /// Of them, those that are no batch, though operators signed.
    pub batches_unusable: u64,
    /// Proofs of the batches whose manifest is there.
    pub proofs: u64,
    /// Of them, those that were chosen.
    pub sampled: u64,
    /// Chosen ones that hold.
    pub holds: u64,
    /// Chosen ones that do not.
    pub mismatches: u64,
    /// Chosen ones that their verifier does not take, by size or kind: no honest operator signs them.
    #[serde(default)]
    pub unsignable: u64,
    /// Chosen ones whose bytes could not be had.
    pub unavailable: u64,
    /// Chosen ones about which nothing was found out.
    pub undecided: u64,
    /// How likely a bad proof would have been seen.
    pub seen: Seen,
}

/// Probabilities that at least one of some bad proofs among [`Summary::proofs`] would have been seen, by [`probability_seen`]; only
/// what holds, does not, or is unsignable (whoever hides a bad proof in one is seen) counts as checked. They say nothing of batches whose manifest could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// If there was one, anywhere.
    pub one_bad_proof: f64,
    /// If there were ten, anywhere.
    pub ten_bad_proofs: f64,
    /// If there were a hundred, anywhere.
    pub hundred_bad_proofs: f64,
    /// If every batch had one: `1 − Π (1 − checkedᵢ / proofsᵢ)`.
    pub one_bad_proof_in_every_batch: f64,
}

/// Sums over batches.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) batches: u64,
    pub(crate) in_work: u64,
    pub(crate) closed_unavailable: u64,
    pub(crate) closed_unusable: u64,
    pub(crate) proofs: u64,
    pub(crate) sampled: u64,
    pub(crate) holds: u64,
    pub(crate) mismatches: u64,
    pub(crate) unsignable: u64,
    pub(crate) unavailable: u64,
    pub(crate) undecided: u64,
    /// Logarithm of the probability that one bad proof in each of them was missed.
    log_missed: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, batch: &Batch) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.batches, 1);
        add(&mut self.in_work, u64::from(!batch.is_finished()));
        match &batch.closed {
            Some((false, _)) => add(&mut self.closed_unavailable, 1),
            Some((true, _)) => add(&mut self.closed_unusable, 1),
            None => {}
        }
        let mut checked = 0_u64;
        for outcome in batch.outcomes.values() {
            match outcome {
                Outcome::Holds => add(&mut self.holds, 1),
                Outcome::Mismatch { .. } => add(&mut self.mismatches, 1),
                Outcome::Unsignable { .. } => add(&mut self.unsignable, 1),
                Outcome::Unavailable { .. } => add(&mut self.unavailable, 1),
                Outcome::Undecided { .. } => add(&mut self.undecided, 1),
            }
            add(&mut checked, u64::from(outcome.is_verdict()));
        }
        if let Some((leaves, sample)) = &batch.opened {
            add(&mut self.proofs, (*leaves).into());
            add(&mut self.sampled, sample.len() as u64);
            self.log_missed += log_missed_one((*leaves).into(), checked);
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        let checked = self.holds.saturating_add(self.mismatches).saturating_add(self.unsignable);
        let among = |bad| probability_seen(self.proofs, checked, bad);
        Seen {
            one_bad_proof: among(1),
            ten_bad_proofs: among(10),
            hundred_bad_proofs: among(100),
            one_bad_proof_in_every_batch: -self.log_missed.exp_m1(),
        }
    }
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BatchState {
    /// For its turn, or for its data.
    Waiting,
    /// Samples are verified.
    Checking,
    /// Every sampled proof has its outcome.
    Done,
    /// Its manifest could not be had.
    Unavailable,
    /// The operators signed for something that is no batch.
    Unusable,
}

/// What was found about a sampled proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeafView {
    /// Its place in the manifest, from 0.
    pub leaf: u32,
    /// `holds`, `mismatch`, `unsignable`, `unavailable` or `undecided`.
    pub outcome: String,
    /// Code of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What was found about a batch: an answer of `GET /v1/watcher/batches`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchView {
    /// The task that was verified.
    pub task_id: B256,
    /// Root of the batch's tree.
    pub batch_merkle_root: B256,
    /// Who created the task.
    pub sender_address: Address,
    /// Block that verified it.
    pub block_number: u64,
    /// The transaction.
    pub transaction: B256,
    /// Whether that block is of the chain; a reorganisation may have taken it away.
    pub on_chain: bool,
    /// How far it is.
    pub state: BatchState,
    /// Why nothing of it is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its proofs, once the manifest is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proofs: Option<u32>,
    /// How many of them are checked.
    pub sampled: u32,
    /// What was found.
    pub leaves: Vec<LeafView>,
}

impl From<&Batch> for BatchView {
    fn from(batch: &Batch) -> Self {
        let state = match (&batch.closed, &batch.opened) {
            (Some((false, _)), _) => BatchState::Unavailable,
            (Some((true, _)), _) => BatchState::Unusable,
            (None, None) => BatchState::Waiting,
            (None, Some(_)) if batch.unchecked().is_empty() => BatchState::Done,
            (None, Some(_)) => BatchState::Checking,
        };
        let leaf = |(leaf, outcome): (&u32, &Outcome)| LeafView {
            leaf: *leaf,
            outcome: outcome.as_str().to_owned(),
            code: outcome.code().map(str::to_owned),
        };
        let sampled = batch.opened.as_ref().map_or(0, |(_, sample)| sample.len());
        Self {
            task_id: batch.signed.task,
            batch_merkle_root: batch.signed.root,
            sender_address: batch.signed.sender,
            block_number: batch.signed.answer.block_number,
            transaction: batch.signed.answer.transaction,
            on_chain: batch.on_chain,
            state,
            code: batch.closed.as_ref().map(|(_, code)| code.clone()),
            proofs: batch.opened.as_ref().map(|(leaves, _)| *leaves),
            sampled: u32::try_from(sampled).unwrap_or(u32::MAX),
            leaves: batch.outcomes.iter().map(leaf).collect(),
        }
    }
}
