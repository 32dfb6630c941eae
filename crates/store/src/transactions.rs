//! The transaction manager's memory: what [`TxStore`] asks for, on PostgreSQL.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use alloy::primitives::{Address, B256};
use async_trait::async_trait;
use collimate_chain::tx::{
    AttemptRecord, Fees, StoreError as TxStoreError, TransactionRecord, TransactionStatus,
    TxOutcome, TxStore,
};
use sqlx::PgPool;

use crate::store::{to_i64, to_u64};
use crate::{Store, StoreError};

/// The transactions and their attempts. Clones share the store's connections.
#[derive(Clone, Debug)]
pub struct Transactions {
    pool: PgPool,
}

impl Store {
    /// The memory for a transaction manager.
    pub fn transactions(&self) -> Transactions {
        Transactions { pool: self.pool.clone() }
    }
}

#[async_trait]
impl TxStore for Transactions {
    async fn find(&self, key: &str) -> Result<Option<TransactionRecord>, TxStoreError> {
        self.find_one(key).await.map_err(shared)
    }

    async fn save_transaction(
        &self,
        transaction: &TransactionRecord,
    ) -> Result<bool, TxStoreError> {
        self.save(transaction).await.map_err(shared)
    }

    async fn save_attempt(&self, key: &str, attempt: &AttemptRecord) -> Result<(), TxStoreError> {
        self.append(key, attempt).await.map_err(shared)
    }

    async fn finish(&self, key: &str, outcome: &TxOutcome) -> Result<(), TxStoreError> {
        self.end(key, outcome).await.map_err(shared)
    }

    async fn pending(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, TxStoreError> {
        self.find_pending(chain_id, from).await.map_err(shared)
    }
}

fn shared(error: StoreError) -> TxStoreError {
    Arc::new(error)
}

/// `query_as!` for [`TransactionRow`]: the columns are listed once.
macro_rules! select_transactions {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            TransactionRow,
            r#"SELECT key, chain_id, account AS "account: [u8; 20]", recipient AS "recipient: [u8; 20]", input,
                value_wei::text AS "value_wei!", gas_limit, max_cost_wei::text AS max_cost_wei, sidecar, status, outcome
            FROM transactions t "# + $tail
            $(, $argument)*
        )
    };
}

impl Transactions {
    async fn find_one(&self, key: &str) -> Result<Option<TransactionRecord>, StoreError> {
        let rows = select_transactions!("WHERE key = $1", key).fetch_all(&self.pool).await?;
        Ok(self.with_attempts(rows).await?.pop())
    }

    async fn find_pending(
        &self,
        chain_id: u64,
        from: Address,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        let rows = select_transactions!(
            "LEFT JOIN tx_attempts a ON a.tx_key = t.key AND a.position = 0 \
             WHERE chain_id = $1 AND account = $2 AND status IN ('queued', 'sent') \
             ORDER BY a.nonce NULLS LAST, t.created_at, t.key",
            to_i64("chain id", chain_id)?,
            from.as_slice()
        );
        let rows = rows.fetch_all(&self.pool).await?;
        self.with_attempts(rows).await
    }

    async fn with_attempts(
        &self,
        rows: Vec<TransactionRow>,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
        let attempts = sqlx::query!(
            r#"SELECT tx_key, hash AS "hash: [u8; 32]", nonce, max_fee_per_gas::text AS "max_fee_per_gas!",
                max_priority_fee_per_gas::text AS "max_priority_fee_per_gas!",
                max_fee_per_blob_gas::text AS max_fee_per_blob_gas, raw, signed_at_ms
            FROM tx_attempts WHERE tx_key = ANY ($1) ORDER BY tx_key, position"#,
            &keys
        )
        .fetch_all(&self.pool)
        .await?;
        let mut by_key: HashMap<String, Vec<AttemptRecord>> = HashMap::new();
        for row in attempts {
            let fees = Fees {
                max_fee_per_gas: number(&row.max_fee_per_gas)?,
                max_priority_fee_per_gas: number(&row.max_priority_fee_per_gas)?,
                max_fee_per_blob_gas: row
                    .max_fee_per_blob_gas
                    .as_deref()
                    .map(number)
                    .transpose()?,
            };
            by_key.entry(row.tx_key).or_default().push(AttemptRecord {
                hash: B256::from(row.hash),
                nonce: to_u64(row.nonce),
                fees,
                raw: row.raw.into(),
                signed_at_ms: to_u64(row.signed_at_ms),
            });
        }
        rows.into_iter()
            .map(|row| {
                let attempts = by_key.remove(&row.key).unwrap_or_default();
                row.into_record(attempts)
            })
            .collect()
    }

    async fn save(&self, transaction: &TransactionRecord) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        // The trigger refuses any status but `queued`.
        let saved = sqlx::query!(
            "INSERT INTO transactions AS t (key, chain_id, account, recipient, input, value_wei, gas_limit, \
             max_cost_wei, sidecar, status) \
             VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7, $8::text::numeric, $9, $10) \
             ON CONFLICT (key) DO UPDATE SET chain_id = EXCLUDED.chain_id, account = EXCLUDED.account, \
             recipient = EXCLUDED.recipient, input = EXCLUDED.input, value_wei = EXCLUDED.value_wei, \
             gas_limit = EXCLUDED.gas_limit, max_cost_wei = EXCLUDED.max_cost_wei, sidecar = EXCLUDED.sidecar, \
             status = EXCLUDED.status, outcome = NULL, updated_at = now() WHERE t.status = 'rejected'",
            transaction.key,
            to_i64("chain id", transaction.chain_id)?,
            transaction.from.as_slice(),
            transaction.to.as_ref().map(|to| to.as_slice()),
            &transaction.input[..],
            transaction.value.to_string(),
            to_i64("gas limit", transaction.gas_limit)?,
            transaction.max_cost.map(|wei| wei.to_string()),
            transaction.sidecar.as_ref().map(|sidecar| &sidecar[..]),
            transaction.status.as_str(),
        )
        .execute(&mut *tx)
        .await?;
        if saved.rows_affected() == 0 {
            return Ok(false);
        }
        // Those of a rejected predecessor.
        sqlx::query!("DELETE FROM tx_attempts WHERE tx_key = $1", transaction.key)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn append(&self, key: &str, attempt: &AttemptRecord) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        // First, so that its lock keeps positions apart.
        let sent = sqlx::query!(
            "UPDATE transactions SET status = 'sent', updated_at = now() \
             WHERE key = $1 AND status IN ('queued', 'sent')",
            key
        );
        if sent.execute(&mut *tx).await?.rows_affected() == 0 {
            tx.rollback().await?;
            return Err(self.wrong_status(key, "queued or sent").await);
        }
        let fees = &attempt.fees;
        sqlx::query!(
            "INSERT INTO tx_attempts (tx_key, position, hash, nonce, max_fee_per_gas, max_priority_fee_per_gas, \
             max_fee_per_blob_gas, raw, signed_at_ms) \
             SELECT $1, count(*)::int, $2, $3, $4::text::numeric, $5::text::numeric, $6::text::numeric, $7, $8 \
             FROM tx_attempts WHERE tx_key = $1 ON CONFLICT (tx_key, hash) DO NOTHING",
            key,
            attempt.hash.as_slice(),
            to_i64("nonce", attempt.nonce)?,
            fees.max_fee_per_gas.to_string(),
            fees.max_priority_fee_per_gas.to_string(),
            fees.max_fee_per_blob_gas.map(|fee| fee.to_string()),
            &attempt.raw[..],
            to_i64("time of signing", attempt.signed_at_ms)?,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn end(&self, key: &str, outcome: &TxOutcome) -> Result<(), StoreError> {
        let text = serde_json::to_string(outcome)
            .map_err(|e| StoreError::Inconsistent(format!("the outcome of {key}: {e}")))?;
        // Saying the same end twice is harmless; another end is refused.
        let ended = sqlx::query!(
            "UPDATE transactions SET status = $2, outcome = $3, updated_at = now() \
             WHERE key = $1 AND status IN ('queued', 'sent', $2)",
            key,
            outcome.status().as_str(),
            text
        );
        match ended.execute(&self.pool).await?.rows_affected() {
            0 => Err(self.wrong_status(key, "queued or sent").await),
            _ => Ok(()),
        }
    }

    async fn wrong_status(&self, key: &str, needed: &str) -> StoreError {
        let found = sqlx::query_scalar!("SELECT status FROM transactions WHERE key = $1", key);
        match found.fetch_optional(&self.pool).await {
            Ok(Some(found)) => StoreError::WrongStatus {
                what: "transaction",
                id: key.into(),
                found,
                needed: needed.into(),
            },
            Ok(None) => StoreError::NotFound { what: "transaction", id: key.into() },
            Err(e) => e.into(),
        }
    }
}

/// The table's columns.
struct TransactionRow {
    key: String,
    chain_id: i64,
    account: [u8; 20],
    recipient: Option<[u8; 20]>,
    input: Vec<u8>,
    value_wei: String,
    gas_limit: i64,
    max_cost_wei: Option<String>,
    sidecar: Option<Vec<u8>>,
    status: String,
    outcome: Option<String>,
}

impl TransactionRow {
    fn into_record(self, attempts: Vec<AttemptRecord>) -> Result<TransactionRecord, StoreError> {
        let status = TransactionStatus::from_name(&self.status)
            .ok_or_else(|| unreadable(&format!("transaction {}: {}", self.key, self.status)))?;
        let outcome = self.outcome.as_deref().map(serde_json::from_str).transpose();
        let outcome = outcome.map_err(|e| unreadable(&format!("outcome of {}: {e}", self.key)))?;
        Ok(TransactionRecord {
            chain_id: to_u64(self.chain_id),
            from: self.account.into(),
            to: self.recipient.map(Address::from),
            input: self.input.into(),
            value: number(&self.value_wei)?,
            gas_limit: to_u64(self.gas_limit),
            max_cost: self.max_cost_wei.as_deref().map(number).transpose()?,
            sidecar: self.sidecar.map(Into::into),
            status,
            attempts,
            outcome,
            key: self.key,
        })
    }
}

/// Wei travel as decimal text: the database's numbers are exact, and wider than any of Rust's that it knows.
fn number<T: FromStr>(text: &str) -> Result<T, StoreError>
where
    T::Err: Display,
{
    text.parse().map_err(|e| unreadable(&format!("{text:?}: {e}")))
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Inconsistent(format!("a stored transaction cannot be read: {what}"))
}
