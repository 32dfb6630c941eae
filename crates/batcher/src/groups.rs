//! `GET /v1/batcher/groups/{id}` and `GET /v1/batcher/batches`: where groups and batches stand, and what proves on chain that
//! a group's proofs were verified.

use std::sync::{Arc, PoisonError};

use alloy::primitives::B256;
use axum::{Json, extract::State};
use collimate_api::fast::{
    BatchAnswer, BatchStatus, BatchesPage, BatchesQuery, GroupAnswer, GroupStatus,
    VerificationData, Wei,
};
use collimate_batch::{BatchTree, Item, auxiliary_commitment};
use collimate_http::{Asked, page_limit};
use collimate_store::{
    BatchStatus as StoredBatchStatus, FastBatch, FastGroup, GroupStatus as StoredStatus,
};

use crate::{
    BatcherError,
    ask::OfGroup,
    fault::Fault,
    shared::{Shared, seconds},
};

pub(crate) async fn one(
    State(shared): State<Arc<Shared>>,
    OfGroup(id): OfGroup,
) -> Result<Json<GroupAnswer>, Fault> {
    let group = shared.database(shared.ledger.group(&id.0)).await?;
    let group = group.ok_or_else(|| Fault::not_found("group"))?;
    let (batch, proofs) = match group.batch_id {
        None => (None, vec![]),
        Some(batch) => {
            let found = shared.database(shared.ledger.batch(batch)).await?;
            let proofs = shared.verification_data(batch, &group).await?;
            (found.map(|batch| shared.batch_answer(batch)), proofs)
        }
    };
    Ok(Json(GroupAnswer {
        id,
        status: status(group.status),
        code: group.code,
        reason: group.reason,
        user: group.account.into(),
        proofs_root: group.proofs_root.into(),
        proof_count: group.proof_count,
        first_nonce: group.first_nonce,
        max_fee: Wei(group.max_fee),
        charged: group.charged.map(Wei),
        deadline: group.deadline,
        batch,
        proofs,
        created_at: seconds(group.created_at),
        updated_at: seconds(group.updated_at),
    }))
}

pub(crate) async fn batches(
    State(shared): State<Arc<Shared>>,
    Asked(query): Asked<BatchesQuery>,
) -> Result<Json<BatchesPage>, Fault> {
    let limit = page_limit(query.limit, 20)?;
    // One more than asked for tells whether there is another page.
    let page = shared.ledger.batches_after(query.after, limit.saturating_add(1));
    let mut batches = shared.database(page).await?;
    let is_last = batches.len() <= limit as usize;
    batches.truncate(limit as usize);
    let next = if is_last { None } else { batches.last().map(|batch| batch.id) };
    let batches = batches.into_iter().map(|batch| shared.batch_answer(batch)).collect();
    Ok(Json(BatchesPage { batches, next }))
}

impl Shared {
    fn batch_answer(&self, batch: FastBatch) -> BatchAnswer {
        BatchAnswer {
            id: batch.id,
            status: batch_status(batch.status),
            root: batch.root.into(),
            pointer: batch.pointer,
            group_count: batch.group_count,
            proof_count: batch.proof_count,
            bytes: batch.bytes,
            fee_per_proof: Wei(batch.fee_per_proof),
            fee_limit: Wei(batch.fee_limit),
            sender: self.chain.payments(),
            task_id: batch.task.map(|task| task.id.into()),
            task_block: batch.task.map(|task| task.block),
            transaction: batch.task.map(|task| task.tx_hash.into()),
            verified_block: batch.verified_block,
            created_at: seconds(batch.created_at),
            updated_at: seconds(batch.updated_at),
        }
    }

    /// Paths and commitments of a group's proofs in its batch.
    async fn verification_data(
        &self,
        batch: i64,
        group: &FastGroup,
    ) -> Result<Vec<VerificationData>, Fault> {
        let inconsistent = |what: &str| {
            let error = BatcherError::Inconsistent(format!("{what} of batch {batch}"));
            Fault::internal("paths", &error)
        };
        let items: Vec<Item> =
            serde_json::from_str(&group.items).map_err(|_| inconsistent("a group's items"))?;
        let place = self.database(self.ledger.position_of(batch, &group.id)).await?;
        let place = place.ok_or_else(|| inconsistent("a group's place"))? as usize;
        let tree = self.tree(batch).await?;
        let before = tree.1.get(place).copied().ok_or_else(|| inconsistent("a group's place"))?;
        let (tree, root) = (&tree.0, B256::from(tree.0.root()));
        let mut data = Vec::with_capacity(items.len());
        for (index, (item, nonce)) in items.iter().zip(group.first_nonce..).enumerate() {
            let path = tree.path(place, index).ok_or_else(|| inconsistent("a proof's path"))?;
            data.push(VerificationData {
                nonce,
                index: before.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)),
                commitment: item.commitment().into(),
                proof_commitment: item.proof.keccak256,
                public_inputs_commitment: item.public_inputs.keccak256,
                auxiliary_commitment: auxiliary_commitment(item.proving_system, &item.program_id)
                    .into(),
                proving_system: item.proving_system,
                program_id: item.program_id.0.into(),
                generator: item.generator,
                path: path.into_iter().map(B256::from).collect(),
                batch_root: root,
            });
        }
        Ok(data)
    }

    /// The tree of a batch, with the number of proofs before each group. A batch's groups never change.
    async fn tree(&self, batch: i64) -> Result<Arc<NumberedTree>, Fault> {
        let remembered = || self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = remembered().get(&batch) {
            return Ok(Arc::clone(tree));
        }
        let groups = self.database(self.ledger.commitments_of(batch)).await?;
        let mut before = Vec::with_capacity(groups.len());
        let mut proofs = 0_u32;
        for group in &groups {
            before.push(proofs);
            proofs = proofs.saturating_add(u32::try_from(group.len()).unwrap_or(u32::MAX));
        }
        let tree = BatchTree::new(groups).map_err(|error| Fault::internal("tree", &error))?;
        let tree = Arc::new((tree, before));
        remembered().insert(batch, Arc::clone(&tree));
        Ok(tree)
    }
}

/// A batch's tree, and how many proofs are before each of its groups.
pub(crate) type NumberedTree = (BatchTree, Vec<u32>);

/// The database's statuses and the interface's are the same words.
pub(crate) const fn status(status: StoredStatus) -> GroupStatus {
    match status {
        StoredStatus::Accepted => GroupStatus::Accepted,
        StoredStatus::Batched => GroupStatus::Batched,
        StoredStatus::Open => GroupStatus::Open,
        StoredStatus::Verified => GroupStatus::Verified,
        StoredStatus::Rejected => GroupStatus::Rejected,
        StoredStatus::Failed => GroupStatus::Failed,
    }
}

const fn batch_status(status: StoredBatchStatus) -> BatchStatus {
    match status {
        StoredBatchStatus::Closed => BatchStatus::Closed,
        StoredBatchStatus::Sent => BatchStatus::Sent,
        StoredBatchStatus::Open => BatchStatus::Open,
        StoredBatchStatus::Verified => BatchStatus::Verified,
        StoredBatchStatus::Settled => BatchStatus::Settled,
        StoredBatchStatus::Expired => BatchStatus::Expired,
        StoredBatchStatus::Refunded => BatchStatus::Refunded,
        StoredBatchStatus::Dissolved => BatchStatus::Dissolved,
    }
}
