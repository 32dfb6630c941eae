//! Questions about accounts.

use std::time::Duration;

use alloy::primitives::Address;
use collimate_api::{AccountAnswer, QuotaAnswer, ReceiptsPage, accounts::ReceiptsQuery, paths};
use tokio::time::{Instant, sleep};

use super::{GatewayClient, GatewayError, answered};

impl GatewayClient {
    /// Nonce, credits, their expiry, and credits of payments that wait for confirmations. An account that never paid
    /// has nothing, and nonce 0.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn account(&self, address: Address) -> Result<AccountAnswer, GatewayError> {
        let path = paths::account(&address);
        let answer: AccountAnswer = self.0.peer.get("an account", &path, &[]).await?;
        answered("the account", &address, &answer.address)?;
        Ok(answer)
    }

    /// Waits until an account can spend at least so many credits: until its deposits have their confirmations.
    ///
    /// # Errors
    /// [`GatewayError::CreditsNotYet`] after `limit`, and those of every request.
    pub async fn wait_for_credits(
        &self,
        address: Address,
        at_least: u64,
        limit: Duration,
    ) -> Result<AccountAnswer, GatewayError> {
        let started = Instant::now();
        loop {
            let account = self.account(address).await?;
            if account.credits >= at_least {
                return Ok(account);
            }
            let waited = started.elapsed();
            if waited >= limit {
                let credits = account.credits;
                return Err(GatewayError::CreditsNotYet { account: address, credits, waited });
            }
            sleep(self.0.peer.settings.poll.min(limit.saturating_sub(waited))).await;
        }
    }

    /// Credits bought, spent and left.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn quota(&self, address: Address) -> Result<QuotaAnswer, GatewayError> {
        Ok(self.0.peer.get("a quota", &paths::quota(&address), &[]).await?)
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
        Ok(self.0.peer.get("receipts", paths::RECEIPTS, &fields).await?)
    }
}
