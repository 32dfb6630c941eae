//! Four operators who sign at once, without looking: for tests of what the batcher does when they do.

use alloy::primitives::{B256, U256, keccak256};
use alloy::{network::TransactionBuilder, providers::Provider};
use alloy::{primitives::aliases::U96, rpc::types::TransactionRequest};
use collimate_attestation::Signature;
use collimate_contracts::fast_mode::{Task, response_message, task_id};
use collimate_store::FastBatch;
use collimate_tasks::ServiceManager;

use crate::{
    support::network::{key, wallet},
    world::{CHAIN, World},
};

impl World {
    /// The task of a batch that is on chain.
    pub(crate) fn task(&self, batch: &FastBatch) -> Task {
        let of_batch = batch.task.unwrap();
        let task = Task {
            batchMerkleRoot: batch.root.into(),
            senderAddress: self.payments,
            taskCreatedBlock: of_batch.block as u32,
            batchDataPointerHash: keccak256(&batch.pointer),
            respondToTaskFeeLimit: U256::from(batch.fee_limit),
        };
        assert_eq!(task_id(&task), B256::from(of_batch.id));
        task
    }

    /// Answers a task with the signatures of all four operators, for a batch with proofs of these systems.
    pub(crate) async fn answer(&self, batch: &FastBatch, systems: &[u16]) {
        let systems =
            systems.iter().fold(U96::ZERO, |bits, id| bits | U96::from(1) << usize::from(*id));
        let task = self.task(batch);
        let message = response_message(CHAIN, self.manager, task_id(&task), systems);
        let signatures: Vec<Signature> = (0..4).map(|number| key(number).sign(message)).collect();
        let sum = Signature::aggregate(&signatures).unwrap().to_point();
        let input = ServiceManager::response(&task, systems, sum, vec![]);
        let call = TransactionRequest::default()
            .with_to(self.manager)
            .with_input(input)
            .with_gas_limit(500_000);
        let responder = wallet(&self.anvil, 5).0;
        let receipt = responder.send_transaction(call).await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status());
    }
}
