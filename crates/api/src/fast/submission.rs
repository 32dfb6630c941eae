use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

use super::{GroupId, GroupStatus, SignedGroupReceipt, Wei};

/// Consent to pay for a group: the fields of `ProofAuthorization`, which is what is signed (EIP-712, domain of the
/// `BatcherPaymentService`), with the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignedAuthorization {
    /// Who pays.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub user: Address,
    /// Who may charge: [`BatcherInfo::batcher`](super::BatcherInfo::batcher).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub batcher: Address,
    /// Root of the tree over the items' fast commitments, in their order.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub proofs_root: B256,
    /// How many items there are: they take as many nonces.
    pub proof_count: u32,
    /// Nonce of the first: [`BatcherAccount::next_nonce`](super::BatcherAccount::next_nonce).
    pub first_nonce: u64,
    /// Most that all of them may cost together.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub max_fee: Wei,
    /// Last second of the chain's clock in which they may be charged.
    pub deadline: u64,
    /// 65 bytes r ‖ s ‖ v of the user's key, or what the user's wallet takes (EIP-1271); at most
    /// [`MAX_SIGNATURE_BYTES`](crate::authorisation::MAX_SIGNATURE_BYTES).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signature: Bytes,
}

/// A file: a proof, its public inputs or its verification key. The same JSON as in a batch's manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FilePart {
    /// SHA-256 of its bytes: its name in the form and at the data service.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub sha256: B256,
    /// keccak256 of its bytes: what the tree covers.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub keccak256: B256,
    /// Its length.
    pub bytes: u64,
}

/// One proof of a group. The same JSON as an item of a batch's manifest (`collimate_batch::Item`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FastItem {
    /// Id of the proof system, 0 to 95.
    pub proving_system: u16,
    /// SP1: the verifying key's `bytes32()`. RISC Zero: the image id. Circuits: keccak256 of the verification key.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub program_id: B256,
    /// The proof.
    pub proof: FilePart,
    /// SP1: the public values. RISC Zero: the journal. Circuits: the words of the public inputs.
    pub public_inputs: FilePart,
    /// The verification key, where the program id does not say enough to verify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_key: Option<FilePart>,
    /// Who is named as the proof's maker; zero if nobody is.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub generator: Address,
}

impl FastItem {
    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = &FilePart> {
        [&self.proof, &self.public_inputs].into_iter().chain(&self.verification_key)
    }
}

/// A group was accepted, now or before: all its proofs were verified, and it is put into a batch or ends with a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupAccepted {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: GroupId,
    /// Where it stands now.
    pub status: GroupStatus,
    /// Fast commitments of its proofs, in the order of their nonces.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub commitments: Vec<B256>,
    /// The batcher's word.
    pub receipt: SignedGroupReceipt,
}
