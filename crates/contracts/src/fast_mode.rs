//! Tasks and authorisations of fast mode, byte for byte as the contracts name and hash them.

use alloy::{
    primitives::{Address, B256, U256, aliases::U96, keccak256},
    sol,
    sol_types::{Eip712Domain, SolStruct, SolValue, eip712_domain},
};

use crate::AlignedLayerServiceManager::NewBatchV3;
pub use crate::bindings::aligned_layer_service_manager::BatchTask::Task;

sol! {
    /// What a user signs, by EIP-712, to pay for a group of proofs.
    #[derive(Debug, PartialEq, Eq)]
    struct ProofAuthorization {
        /// Who pays.
        address user;
        /// Who may charge.
        address batcher;
        /// Root of the tree over the group's proofs, in the order of their nonces.
        bytes32 proofsRoot;
        /// How many they are: they take as many nonces.
        uint32 proofCount;
        /// Nonce of the first.
        uint64 firstNonce;
        /// Most, in wei, that all of them may cost together.
        uint128 maxFee;
        /// Last second of the chain's clock in which they may be charged.
        uint64 deadline;
    }
}

impl ProofAuthorization {
    /// The digest that the user's key signs, as `BatcherPaymentService.authorizationDigest`.
    #[must_use]
    pub fn digest(&self, chain_id: u64, payment_service: Address) -> B256 {
        let domain: Eip712Domain = eip712_domain! {
            name: "Collimate.BatcherPaymentService",
            version: "1",
            chain_id: chain_id,
            verifying_contract: payment_service,
        };
        self.eip712_signing_hash(&domain)
    }
}

/// The task that an event announces, which is all that a response, a settlement and a refund need of it.
impl From<&NewBatchV3> for Task {
    fn from(event: &NewBatchV3) -> Self {
        Self {
            batchMerkleRoot: event.batchMerkleRoot,
            senderAddress: event.senderAddress,
            taskCreatedBlock: event.taskCreatedBlock,
            batchDataPointerHash: keccak256(&event.batchDataPointer),
            respondToTaskFeeLimit: event.respondToTaskFeeLimit,
        }
    }
}

/// The name of a task, as `AlignedLayerServiceManager.taskIdOf`.
#[must_use]
pub fn task_id(task: &Task) -> B256 {
    keccak256(task.abi_encode())
}

/// What operators sign under [`SIGNATURE_DOMAIN`](crate::signing::SIGNATURE_DOMAIN) once they verified every proof of a task's
/// batch, as `AlignedLayerServiceManager.responseMessage`. Bit i of `systems` is set if the batch has a proof of proof
/// system i.
#[must_use]
pub fn response_message(
    chain_id: u64,
    service_manager: Address,
    task_id: B256,
    systems: U96,
) -> B256 {
    let kind = keccak256("Collimate.AlignedLayerServiceManager.v1");
    let words = (kind, U256::from(chain_id), service_manager, task_id, U256::from(systems));
    keccak256(words.abi_encode_params())
}
