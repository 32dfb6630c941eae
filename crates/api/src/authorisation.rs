//! What an account signs so that the gateway takes a proof and a credit: EIP-712 typed data.

use alloy::{
    primitives::{Address, B256, Signature},
    sol,
    sol_types::{Eip712Domain, SolStruct},
};

/// Name of SP1's compressed proofs, in authorisations and forms.
pub const SP1: &str = "sp1";

/// Longest signature that is taken, in bytes: contract wallets can have long ones.
pub const MAX_SIGNATURE_BYTES: usize = 4096;

sol! {
    /// A proof, and the credit and nonce that it may take. Signed in the domain of the payment service, so that it is
    /// worth nothing on another chain or for another deployment.
    #[derive(Debug, PartialEq, Eq)]
    struct ProofAuthorisation {
        /// SHA-256 of the proof file.
        bytes32 proofHash;
        /// The program that was proven.
        bytes32 programId;
        /// The system it was proven with, such as `sp1`.
        string proofSystem;
        /// The account's next nonce.
        uint64 nonce;
        /// Last second since 1970 in which the gateway may take it.
        uint64 deadline;
    }
}

/// Where signatures hold: the EIP-712 domain, named `Collimate`, version `1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SigningDomain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the `AggregationModePaymentService`.
    pub payment_service: Address,
}

impl SigningDomain {
    /// The domain as EIP-712 has it.
    #[must_use]
    pub fn eip712(&self) -> Eip712Domain {
        Eip712Domain::new(
            Some("Collimate".into()),
            Some("1".into()),
            Some(alloy::primitives::U256::from(self.chain_id)),
            Some(self.payment_service),
            None,
        )
    }

    /// The hash that is signed.
    #[must_use]
    pub fn signing_hash<T: SolStruct>(&self, message: &T) -> B256 {
        message.eip712_signing_hash(&self.eip712())
    }
}

impl ProofAuthorisation {
    /// The hash that the account signs.
    #[must_use]
    pub fn signing_hash(&self, domain: &SigningDomain) -> B256 {
        domain.signing_hash(self)
    }

    /// Whose key made this signature.
    ///
    /// # Errors
    /// [`SignatureError`] for bytes that no key made.
    pub fn recover(
        &self,
        domain: &SigningDomain,
        signature: &[u8],
    ) -> Result<Address, SignatureError> {
        recover(&self.signing_hash(domain), signature)
    }
}

/// The account whose key made this signature (65 bytes: r ‖ s ‖ v) over this hash.
///
/// # Errors
/// [`SignatureError`] for bytes that no key made.
pub fn recover(hash: &B256, signature: &[u8]) -> Result<Address, SignatureError> {
    if signature.len() != 65 {
        return Err(SignatureError::Length { bytes: signature.len() });
    }
    Signature::from_raw(signature)
        .and_then(|signature| signature.recover_address_from_prehash(hash))
        .map_err(|_| SignatureError::Invalid)
}

/// Bytes that are no signature of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not 65 bytes.
    #[error("the signature has {bytes} bytes, a key's has 65: r, s and v")]
    Length {
        /// How many there are.
        bytes: usize,
    },
    /// 65 bytes that no key made.
    #[error("the signature is not one of secp256k1")]
    Invalid,
}
