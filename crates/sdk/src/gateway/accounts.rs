//! Questions about accounts.

use alloy::primitives::Address;
use collimate_api::{AccountAnswer, QuotaAnswer, ReceiptsPage, accounts::ReceiptsQuery, paths};

use super::{GatewayClient, GatewayError};

impl GatewayClient {
    /// Nonce, credits, their expiry, and credits of payments that wait for confirmations. An account that never paid
    /// has nothing, and nonce 0.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn account(&self, address: Address) -> Result<AccountAnswer, GatewayError> {
        let answer: AccountAnswer = self.get("an account", &paths::account(&address), &[]).await?;
        if answer.address != address {
            return Err(GatewayError::OtherProof {
                field: "the account",
                expected: address.to_string(),
                found: answer.address.to_string(),
            });
        }
        Ok(answer)
    }

    /// Credits bought, spent and left.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn quota(&self, address: Address) -> Result<QuotaAnswer, GatewayError> {
        self.get("a quota", &paths::quota(&address), &[]).await
    }

    /// A page of an account's receipts, newest first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn receipts(&self, query: &ReceiptsQuery) -> Result<ReceiptsPage, GatewayError> {
        let mut fields = vec![("address", query.address.to_string())];
        fields.extend(query.nonce.map(|nonce| ("nonce", nonce.to_string())));
        fields.extend(query.before.map(|before| ("before", before.to_string())));
        fields.extend(query.limit.map(|limit| ("limit", limit.to_string())));
        self.get("receipts", paths::RECEIPTS, &fields).await
    }
}
