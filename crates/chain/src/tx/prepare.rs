//! From a request to a record: everything that can be found out before money is spent.

use alloy::{primitives::TxKind, providers::Provider, rpc::types::TransactionRequest};

use crate::{
    error::{ChainError, NodeError},
    kzg::Sidecar,
    tx::{
        MAX_TRANSACTION_GAS, TxRequest,
        decide::{Terms, first_fees},
        manager::Inner,
        market::market_fees,
        record::{TransactionRecord, TransactionStatus},
    },
};

impl Inner {
    /// Tries the call, estimates its gas, and checks budget and balance. Sends and stores nothing.
    pub(crate) async fn prepare(
        &self,
        request: &TxRequest,
    ) -> Result<TransactionRecord, ChainError> {
        let market = market_fees(&self.provider, self.config.least_tip).await?;
        let mut record = TransactionRecord {
            key: request.key.clone(),
            chain_id: self.config.chain_id,
            from: self.signer.address(),
            to: request.to,
            input: request.input.clone(),
            value: request.value,
            gas_limit: request.gas_limit.unwrap_or(MAX_TRANSACTION_GAS),
            max_cost: request.max_cost,
            sidecar: None,
            status: TransactionStatus::Queued,
            attempts: Vec::new(),
            outcome: None,
        };
        let mut call = call_of(&record, request.sidecar.as_ref());
        if request.sidecar.is_some() {
            call.max_fee_per_blob_gas = Some(market.blob_base_fee.saturating_mul(2).max(1));
        }
        record.gas_limit = match request.gas_limit {
            Some(gas) => {
                self.provider.call(call).await.map_err(|error| self.failed_call(request, error))?;
                gas
            }
            None => {
                let gas = self
                    .provider
                    .estimate_gas(call)
                    .await
                    .map_err(|error| self.failed_call(request, error))?;
                self.with_headroom(request, gas)?
            }
        };
        self.check_money(&record, request, market).await?;
        record.sidecar = request.sidecar.as_ref().map(Sidecar::to_bytes);
        Ok(record)
    }

    fn with_headroom(&self, request: &TxRequest, gas: u64) -> Result<u64, ChainError> {
        if gas > MAX_TRANSACTION_GAS {
            let key = request.key.clone();
            return Err(ChainError::TooMuchGas { key, gas, limit: MAX_TRANSACTION_GAS });
        }
        let headroom = gas.saturating_mul(self.config.gas_headroom_percent).div_ceil(100);
        Ok(gas.saturating_add(headroom).min(MAX_TRANSACTION_GAS))
    }

    async fn check_money(
        &self,
        record: &TransactionRecord,
        request: &TxRequest,
        market: crate::tx::MarketFees,
    ) -> Result<(), ChainError> {
        let blobs = request.sidecar.as_ref().map_or(0, Sidecar::len);
        let terms = self.terms(record, blobs);
        let fees = first_fees(market, &terms).map_err(|needed| ChainError::BudgetExceeded {
            key: record.key.clone(),
            needed,
            budget: terms.max_cost,
        })?;
        let needed = fees.cost(record.gas_limit, blobs).saturating_add(record.value);
        let balance = self
            .provider
            .get_balance(record.from)
            .await
            .map_err(ChainError::node("eth_getBalance"))?;
        if balance < needed {
            let (key, account) = (record.key.clone(), record.from);
            return Err(ChainError::InsufficientFunds { key, account, balance, needed });
        }
        Ok(())
    }

    fn failed_call(&self, request: &TxRequest, error: NodeError) -> ChainError {
        match self.decoder.describe_failed_call(&error) {
            Some(reason) => ChainError::WouldRevert { key: request.key.clone(), reason },
            None => ChainError::node("trying the transaction")(error),
        }
    }

    /// What does not change while the transaction is on its way.
    pub(crate) fn terms(&self, record: &TransactionRecord, blobs: usize) -> Terms {
        Terms {
            confirmations: self.config.confirmations.max(1),
            resubmit_after: self.config.resubmit_after,
            patience: self.config.patience,
            gas_limit: record.gas_limit,
            blobs,
            max_cost: record.max_cost.unwrap_or(self.config.max_cost),
        }
    }
}

/// The transaction as a call without prices.
pub(crate) fn call_of(record: &TransactionRecord, sidecar: Option<&Sidecar>) -> TransactionRequest {
    TransactionRequest {
        from: Some(record.from),
        to: Some(record.to.map_or(TxKind::Create, TxKind::Call)),
        value: Some(record.value),
        input: record.input.clone().into(),
        gas: Some(record.gas_limit),
        blob_versioned_hashes: sidecar.map(Sidecar::versioned_hashes),
        ..TransactionRequest::default()
    }
}
