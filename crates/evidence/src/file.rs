use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use collimate_contracts::fast_mode::{Task, task_id};
use serde::{Deserialize, Serialize};

use crate::{Answer, EvidenceError, limits::MAX_EVIDENCE_BYTES};

/// A task with the fields of its `NewBatchV3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedTask {
    /// Root of the batch's tree.
    pub batch_merkle_root: B256,
    /// Who created the task.
    pub sender_address: Address,
    /// In which block.
    pub task_created_block: u32,
    /// Where the batch is: `v1 <sha256 of the manifest> <mirror> …`.
    pub batch_data_pointer: String,
    /// Most, in wei, that its response is paid.
    pub respond_to_task_fee_limit: U256,
}

impl SignedTask {
    /// A task as the chain announced it.
    #[must_use]
    pub fn new(task: &Task, pointer: String) -> Self {
        Self {
            batch_merkle_root: task.batchMerkleRoot,
            sender_address: task.senderAddress,
            task_created_block: task.taskCreatedBlock,
            batch_data_pointer: pointer,
            respond_to_task_fee_limit: task.respondToTaskFeeLimit,
        }
    }

    /// Its fields as the contracts have them.
    #[must_use]
    pub fn task(&self) -> Task {
        Task {
            batchMerkleRoot: self.batch_merkle_root,
            senderAddress: self.sender_address,
            taskCreatedBlock: self.task_created_block,
            batchDataPointerHash: keccak256(&self.batch_data_pointer),
            respondToTaskFeeLimit: self.respond_to_task_fee_limit,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> B256 {
        task_id(&self.task())
    }
}

/// That operators answered for a batch of which one proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    /// Version of this form: [`Evidence::VERSION`].
    pub version: u32,
    /// Chain of the contract.
    pub chain_id: u64,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// The task's name, which the operators signed.
    pub task_id: B256,
    /// What it is the name of.
    pub task: SignedTask,
    /// What the operators answered, and where the chain has it.
    pub answer: Answer,
    /// The manifest's bytes.
    pub manifest: Bytes,
    /// The proof's place in the manifest, from 0.
    pub leaf: u32,
    /// Siblings from its leaf to the batch's root.
    pub path: Vec<B256>,
    /// The proof's bytes.
    pub proof: Bytes,
    /// Its public inputs.
    pub public_inputs: Bytes,
    /// Its verification key, where the manifest names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_key: Option<Bytes>,
    /// Code of the verifier's refusal, such as `VER-012`.
    pub refusal: String,
    /// The refusal in words, for people. It is not checked: whoever checks the file has their own verifier's words.
    pub reason: String,
}

impl Evidence {
    /// The version that is written and read.
    pub const VERSION: u32 = 1;

    /// Reads a file. Nothing is checked yet.
    ///
    /// # Errors
    /// [`EvidenceError::Unreadable`].
    pub fn from_json(json: &[u8]) -> Result<Self, EvidenceError> {
        let unreadable = |reason: String| EvidenceError::Unreadable { reason };
        if json.len() as u64 > MAX_EVIDENCE_BYTES {
            return Err(unreadable(format!("it has more than {MAX_EVIDENCE_BYTES} bytes")));
        }
        let evidence: Self =
            serde_json::from_slice(json).map_err(|error| unreadable(error.to_string()))?;
        match evidence.version {
            Self::VERSION => Ok(evidence),
            other => {
                let reads = Self::VERSION;
                Err(unreadable(format!("it is of version {other}, this program reads {reads}")))
            }
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`EvidenceError::Unreadable`] if it would be too large to be read again.
    pub fn to_json(&self) -> Result<Vec<u8>, EvidenceError> {
        let unwritable = |reason: String| EvidenceError::Unreadable { reason };
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|error| unwritable(error.to_string()))?;
        json.push(b'\n');
        match json.len() as u64 <= MAX_EVIDENCE_BYTES {
            true => Ok(json),
            false => Err(unwritable(format!("it would have more than {MAX_EVIDENCE_BYTES} bytes"))),
        }
    }
}
