//! Who signs for an account.

use alloy::{
    primitives::{Address, B256, Bytes},
    signers::SignerSync,
};
use async_trait::async_trait;
use collimate_chain::signer::Signer;

use super::GatewayError;

/// Signs authorisations of an account: a key, a wallet behind a contract, or a service that holds keys.
#[async_trait]
pub trait Authorise: Send + Sync {
    /// The account that pays.
    fn account(&self) -> Address;

    /// Signs an EIP-712 hash.
    ///
    /// # Errors
    /// [`GatewayError::Signing`].
    async fn sign(&self, hash: &B256) -> Result<Bytes, GatewayError>;
}

#[async_trait]
impl Authorise for Signer {
    fn account(&self) -> Address {
        self.address()
    }

    async fn sign(&self, hash: &B256) -> Result<Bytes, GatewayError> {
        match self.inner().sign_hash_sync(hash) {
            Ok(signature) => Ok(signature.as_bytes().to_vec().into()),
            // The library's reason could hold what it signed with.
            Err(_) => Err(GatewayError::Signing {
                account: self.address(),
                reason: "its key refused".to_owned(),
            }),
        }
    }
}

/// A wallet that is a contract (EIP-1271) and takes an owner's plain signature. Wallets with forms of their own implement
/// [`Authorise`].
#[derive(Clone, Debug)]
pub struct ContractWallet {
    /// The contract, which has the credits.
    pub address: Address,
    /// Whose signature it takes.
    pub owner: Signer,
}

#[async_trait]
impl Authorise for ContractWallet {
    fn account(&self) -> Address {
        self.address
    }

    async fn sign(&self, hash: &B256) -> Result<Bytes, GatewayError> {
        self.owner.sign(hash).await
    }
}
