//! What shows that the operators verified a proof.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use collimate_api::fast::{BatchAnswer, VerificationData};
use collimate_batch::{auxiliary_commitment, batch_commitment, limits::MAX_PROVING_SYSTEM};
use collimate_core::{Commitment, ProgramId};
use serde::{Deserialize, Serialize};

use super::{
    FastError, FastProof,
    error::{follows, of_proof},
    limits::MAX_PATH,
};
use crate::root_of_path;

/// Version of the bundle's form.
const VERSION: u32 = 1;

/// Everything that `isVerified` takes to say that the operators verified one proof. It is plain JSON; nothing in it is secret.
///
/// A bundle proves nothing by itself: whoever made it chose all its values. [`verify_offline`](Self::verify_offline)
/// says that they belong together; [`FastContracts::verify`](super::FastContracts::verify) asks the contract *that the verifier
/// trusts*, never the one that the bundle names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationBundle {
    /// Version of this form, 1.
    pub version: u32,
    /// Chain of the contract.
    pub chain_id: u64,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// Who created the batch's task: the `BatcherPaymentService`, or an account. Anybody may.
    pub sender: Address,
    /// Root of the batch's tree.
    pub batch_root: B256,
    /// The batch's task, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<B256>,
    /// Id of the proof system.
    pub proving_system: u16,
    /// SP1: the verifying key's `bytes32()`. RISC Zero: the image id. Circuits: keccak256 of the verification key.
    pub program_id: ProgramId,
    /// SP1: the public values. RISC Zero: the journal. Circuits: the words of the public inputs.
    pub public_inputs: Bytes,
    /// keccak256 of the proof.
    pub proof_commitment: B256,
    /// Who is named as the proof's maker; zero if nobody is.
    pub generator: Address,
    /// What the batch's tree covers; the leaf is its keccak256.
    pub commitment: B256,
    /// Siblings from the leaf to the root.
    pub path: Vec<B256>,
}

/// Which batch a proof is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPlace {
    /// Chain of the contract.
    pub chain_id: u64,
    /// The `AlignedLayerServiceManager`.
    pub service_manager: Address,
    /// Who created the batch's task.
    pub sender: Address,
    /// Root of the batch's tree.
    pub batch_root: B256,
    /// The batch's task, where it is known.
    pub task_id: Option<B256>,
}

impl VerificationBundle {
    /// Puts a bundle together, and checks it.
    ///
    /// # Errors
    /// [`FastError::BundleInconsistent`] if the path does not lead from this proof to this batch.
    pub fn new(proof: &FastProof, place: &BatchPlace, path: Vec<B256>) -> Result<Self, FastError> {
        let item = proof.item();
        let bundle = Self {
            version: VERSION,
            chain_id: place.chain_id,
            service_manager: place.service_manager,
            sender: place.sender,
            batch_root: place.batch_root,
            task_id: place.task_id,
            proving_system: item.proving_system,
            program_id: item.program_id,
            public_inputs: proof.public_inputs().clone().into(),
            proof_commitment: item.proof.keccak256,
            generator: item.generator,
            commitment: proof.commitment(),
            path,
        };
        bundle.verify_offline()?;
        Ok(bundle)
    }

    /// What a batcher says of a proof, after checking it against the proof itself: every commitment is computed anew, and the path must
    /// lead from there to the batch's root.
    ///
    /// `place` names the network as it is known from elsewhere; root and task are the batcher's word, which the chain confirms or does
    /// not.
    ///
    /// # Errors
    /// [`FastError::OtherProof`] names the first field that is not the proof's; [`FastError::BundleInconsistent`].
    pub fn of_answer(
        proof: &FastProof,
        place: &BatchPlace,
        batch: &BatchAnswer,
        data: &VerificationData,
    ) -> Result<Self, FastError> {
        let item = proof.item();
        let auxiliary = auxiliary_commitment(item.proving_system, &item.program_id);
        of_proof("the commitment", &proof.commitment(), &data.commitment)?;
        of_proof("the proof's commitment", &item.proof.keccak256, &data.proof_commitment)?;
        let inputs = &item.public_inputs.keccak256;
        of_proof("the public inputs' commitment", inputs, &data.public_inputs_commitment)?;
        of_proof("the program's commitment", &B256::from(auxiliary), &data.auxiliary_commitment)?;
        of_proof("the proof system", &item.proving_system, &data.proving_system)?;
        of_proof("the program id", &B256::from(item.program_id.0), &data.program_id)?;
        of_proof("the generator", &item.generator, &data.generator)?;
        of_proof("the batch's root", &batch.root, &data.batch_root)?;
        of_proof("the task's sender", &place.sender, &batch.sender)?;
        let place = BatchPlace { batch_root: batch.root, task_id: batch.task_id, ..*place };
        Self::new(proof, &place, data.path.clone())
    }

    /// Reads JSON. Nothing is checked yet.
    ///
    /// # Errors
    /// [`FastError::MalformedBundle`] for text that is none, or of another version.
    pub fn from_json(text: &str) -> Result<Self, FastError> {
        let malformed = |reason: String| FastError::MalformedBundle { reason };
        let bundle: Self =
            serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        if bundle.version != VERSION {
            let reason = format!("its version is {}, this program reads {VERSION}", bundle.version);
            return Err(malformed(reason));
        }
        Ok(bundle)
    }

    /// Checks without any node that the values belong together: they make the commitment, and the path leads from it to the root.
    /// Whether that root was verified, only the chain knows.
    ///
    /// # Errors
    /// [`FastError::BundleInconsistent`] names the first field that does not follow from the others.
    pub fn verify_offline(&self) -> Result<(), FastError> {
        let system = self.proving_system;
        follows("proving_system", &system, &system.min(MAX_PROVING_SYSTEM))?;
        let commitment = batch_commitment(
            &self.proof_commitment,
            &keccak256(&self.public_inputs),
            &auxiliary_commitment(system, &self.program_id),
            self.generator,
        );
        follows("commitment", &self.commitment, &B256::from(commitment))?;
        follows("length of path", &self.path.len(), &self.path.len().min(MAX_PATH))?;
        follows("batch_root", &self.batch_root, &root_of_path(&Commitment(commitment), &self.path))
    }
}
