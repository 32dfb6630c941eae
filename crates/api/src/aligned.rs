//! The form of Aligned's gateway, so that its clients can talk to ours.
//!
//! `POST /proof/sp1` takes a multipart form of [`field`]s and answers [`AlignedAnswer`], as do `GET /nonce/{address}`,
//! `GET /quotas/{address}` and `GET /receipts?address=&nonce=`. What those clients sign is EIP-712 in outline only:
//! the domain and the message are hashed as plain ABI encodings, without type hashes. It names the chain and a nonce, no contract,
//! and has no deadline.

use alloy::{
    primitives::{B256, Keccak256, U256, keccak256},
    sol_types::SolValue,
};
use serde::{Deserialize, Serialize};

/// Names of the form's fields, all of them needed.
pub mod field {
    /// The account's next nonce, decimal.
    pub const NONCE: &str = "nonce";
    /// The proof file's bytes.
    pub const PROOF: &str = "proof";
    /// The verifying key's bytes.
    pub const PROGRAM_VK: &str = "program_vk";
    /// 65 bytes in hexadecimal, with or without 0x.
    pub const SIGNATURE_HEX: &str = "signature_hex";
}

/// Every answer of that form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlignedAnswer<T> {
    /// The HTTP status.
    pub status: u16,
    /// What happened, for people.
    pub message: String,
    /// The answer, `{}` with an error.
    pub data: T,
}

/// [`AlignedAnswer::data`] of a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlignedTask {
    /// The proof's id.
    pub task_id: String,
}

/// [`AlignedAnswer::data`] about receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlignedReceipts {
    /// Newest first, at most 100.
    pub receipts: Vec<AlignedReceipt>,
}

/// What that form calls a receipt: where a proof stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlignedReceipt {
    /// `pending`, `processing`, `submitted`, `verified` or `failed`.
    pub status: String,
    /// Siblings from leaf to root, 0x hexadecimal; empty until the proof is on chain.
    pub merkle_path: Vec<String>,
    /// The nonce that it was submitted with.
    pub nonce: u64,
    /// Who paid.
    pub address: String,
}

/// The hash that those clients sign for an SP1 proof.
#[must_use]
pub fn signing_hash(chain_id: u64, nonce: u64, proof: &[u8], program_vk: &[u8]) -> B256 {
    let mut content = Keccak256::new();
    content.update(U256::from(nonce).to_be_bytes::<32>());
    content.update(proof);
    content.update(program_vk);
    signing_hash_of(chain_id, nonce, content.finalize())
}

/// The same from `keccak256(nonce ‖ proof ‖ program_vk)`, the nonce as a word.
#[must_use]
pub fn signing_hash_of(chain_id: u64, nonce: u64, content: B256) -> B256 {
    let domain = ("Aligned".to_owned(), "1".to_owned(), U256::from(chain_id)).abi_encode();
    let message = (content, U256::from(nonce)).abi_encode();
    let mut hasher = Keccak256::new();
    hasher.update([0x19, 0x01]);
    hasher.update(keccak256(domain));
    hasher.update(keccak256(message));
    hasher.finalize()
}
