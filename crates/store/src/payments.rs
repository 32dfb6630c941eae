//! Payments, as the events of the payment service tell of them.

use std::num::NonZeroU64;

use alloy::primitives::U256;
use collimate_chain::follower::Cursor;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::cursors::move_cursor;
use crate::store::{to_i64, to_u64};
use crate::{PaymentStatus, Store, StoreError};

/// The payment service with which accounts, nonces and credits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PaymentContract {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the `AggregationModePaymentService`.
    pub address: [u8; 20],
}

/// A purchase in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// Transaction that paid.
    pub tx_hash: [u8; 32],
    /// Index of the event's log in its block.
    pub log_index: u64,
    /// Height of the block.
    pub block_number: u64,
    /// Hash of the block.
    pub block_hash: [u8; 32],
    /// The contract's number of the purchase, from 1.
    pub purchase_id: u64,
    /// Who paid.
    pub payer: [u8; 20],
    /// Who may spend the credits.
    pub account: [u8; 20],
    /// Price, in wei.
    pub amount_wei: U256,
    /// Credits bought.
    pub credits: u64,
    /// First second, since 1970, in which they are worth nothing.
    pub expires_at: u64,
    /// Terms that they were bought under.
    pub terms_id: u64,
}

/// A payment as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Transaction that paid.
    pub tx_hash: [u8; 32],
    /// Index of the event's log in its block.
    pub log_index: u64,
    /// Height of the block.
    pub block_number: u64,
    /// The contract's number of the purchase.
    pub purchase_id: u64,
    /// Who paid.
    pub payer: [u8; 20],
    /// Who may spend the credits.
    pub account: [u8; 20],
    /// Price, in wei.
    pub amount_wei: U256,
    /// Credits bought.
    pub credits: u64,
    /// How many of them were spent.
    pub spent: u64,
    /// First second, since 1970, in which they are worth nothing.
    pub expires_at: u64,
    /// Where it stands.
    pub status: PaymentStatus,
    /// When it was seen first.
    pub created_at: OffsetDateTime,
}

/// What a step of the ledger did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaymentsMoved {
    /// Payments that were stored.
    pub seen: u64,
    /// Payments that got their confirmations.
    pub credited: u64,
    /// Unconfirmed payments that a reorganisation took back.
    pub dropped: u64,
    /// Credited payments that a reorganisation took back: it was deeper than the confirmations.
    pub revoked: u64,
}

/// Payments of one contract and the cursor of whoever follows its events. Each step is one transaction: both or neither.
#[derive(Clone, Debug)]
pub struct PaymentLedger {
    pool: PgPool,
    contract: PaymentContract,
    confirmations: NonZeroU64,
}

impl Store {
    /// The ledger of a contract, in which a payment is confirmed by so many blocks, counting its own.
    #[must_use]
    pub fn payment_ledger(
        &self,
        contract: PaymentContract,
        confirmations: NonZeroU64,
    ) -> PaymentLedger {
        PaymentLedger { pool: self.pool.clone(), contract, confirmations }
    }

    /// All payments for an account, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn payments_of(
        &self,
        contract: &PaymentContract,
        account: &[u8; 20],
        limit: u32,
    ) -> Result<Vec<Payment>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT p.tx_hash AS "tx_hash: [u8; 32]", p.log_index, p.block_number, p.purchase_id,
                p.payer AS "payer: [u8; 20]", a.address AS "account: [u8; 20]", p.amount_wei::text AS "amount_wei!",
                p.credits, p.spent, p.expires_at, p.status AS "status: PaymentStatus", p.created_at
            FROM payments p JOIN accounts a ON a.id = p.account_id
            WHERE a.chain_id = $1 AND a.contract = $2 AND a.address = $3 ORDER BY p.id DESC LIMIT $4"#,
            to_i64("chain id", contract.chain_id)?,
            &contract.address[..],
            &account[..],
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let amount_wei = row.amount_wei.parse().map_err(|e| {
                    StoreError::Inconsistent(format!(
                        "the amount {} of a payment: {e}",
                        row.amount_wei
                    ))
                })?;
                Ok(Payment {
                    tx_hash: row.tx_hash,
                    log_index: to_u64(row.log_index),
                    block_number: to_u64(row.block_number),
                    purchase_id: to_u64(row.purchase_id),
                    payer: row.payer,
                    account: row.account,
                    amount_wei,
                    credits: to_u64(row.credits),
                    spent: to_u64(row.spent),
                    expires_at: to_u64(row.expires_at),
                    status: row.status,
                    created_at: row.created_at,
                })
            })
            .collect()
    }
}

impl PaymentLedger {
    /// The contract it is about.
    #[must_use]
    pub const fn contract(&self) -> PaymentContract {
        self.contract
    }

    /// Name of the follower's cursor.
    #[must_use]
    pub fn cursor_name(&self) -> String {
        let contract = alloy::hex::encode(self.contract.address);
        format!("payments/{}/{contract}", self.contract.chain_id)
    }

    /// Stores the payments of blocks that were delivered, credits those that have their confirmations now, and moves the
    /// cursor from `from` (`None` at the very first step) to `to`, whose tip is the newest of these blocks.
    ///
    /// # Errors
    /// [`StoreError::CursorMoved`] if another process was faster; [`StoreError::OutOfRange`] for a number that no such
    /// contract emits; or the database failed. Nothing is stored then.
    pub async fn advance(
        &self,
        payments: &[NewPayment],
        from: Option<&Cursor>,
        to: &Cursor,
    ) -> Result<PaymentsMoved, StoreError> {
        let mut transaction = self.pool.begin().await?;
        move_cursor(&mut transaction, &self.cursor_name(), from, to).await?;
        let mut seen: u64 = 0;
        for payment in payments {
            seen = seen.saturating_add(self.see(&mut transaction, payment).await?);
        }
        let newest_confirmed =
            to.next.checked_sub(self.confirmations.get()).map(|number| to_i64("block", number));
        let credited = match newest_confirmed.transpose()? {
            None => 0,
            Some(newest) => sqlx::query!(
                "UPDATE payments SET status = 'credited', updated_at = now() \
                 WHERE chain_id = $1 AND contract = $2 AND status = 'seen' AND block_number <= $3",
                self.chain_id()?,
                &self.contract.address[..],
                newest,
            )
            .execute(&mut *transaction)
            .await?
            .rows_affected(),
        };
        transaction.commit().await?;
        Ok(PaymentsMoved { seen, credited, ..PaymentsMoved::default() })
    }

    /// Takes back what came from blocks that are no longer part of the chain, and moves the cursor. Blocks from `first` on are
    /// concerned.
    ///
    /// # Errors
    /// [`StoreError::CursorMoved`] if another process was faster, or the database failed. Nothing is changed then.
    pub async fn revert(
        &self,
        first: u64,
        from: Option<&Cursor>,
        to: &Cursor,
    ) -> Result<PaymentsMoved, StoreError> {
        let mut transaction = self.pool.begin().await?;
        move_cursor(&mut transaction, &self.cursor_name(), from, to).await?;
        let (chain_id, first) = (self.chain_id()?, to_i64("block", first)?);
        let contract = &self.contract.address[..];
        let revoked = sqlx::query!(
            "UPDATE payments SET status = 'revoked', updated_at = now() \
             WHERE chain_id = $1 AND contract = $2 AND block_number >= $3 AND status = 'credited'",
            chain_id,
            contract,
            first
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        let dropped = sqlx::query!(
            "DELETE FROM payments \
             WHERE chain_id = $1 AND contract = $2 AND block_number >= $3 AND status = 'seen'",
            chain_id,
            contract,
            first
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        transaction.commit().await?;
        Ok(PaymentsMoved { dropped, revoked, ..PaymentsMoved::default() })
    }

    /// Stores one payment; whether it is new.
    async fn see(&self, db: &mut PgConnection, payment: &NewPayment) -> Result<u64, StoreError> {
        let account_id = self.account_id(db, &payment.account).await?;
        let stored = sqlx::query!(
            "INSERT INTO payments (chain_id, tx_hash, log_index, contract, block_number, block_hash, purchase_id, payer, \
                 account_id, amount_wei, terms_id, credits, expires_at, status) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::numeric, $11, $12, $13, 'seen') \
             ON CONFLICT (chain_id, tx_hash, log_index) WHERE status <> 'revoked' DO NOTHING",
            self.chain_id()?,
            &payment.tx_hash[..],
            to_i64("log index", payment.log_index)?,
            &self.contract.address[..],
            to_i64("block", payment.block_number)?,
            &payment.block_hash[..],
            to_i64("purchase", payment.purchase_id)?,
            &payment.payer[..],
            account_id,
            payment.amount_wei.to_string(),
            to_i64("terms", payment.terms_id)?,
            to_i64("number of credits", payment.credits)?,
            to_i64("expiry", payment.expires_at)?,
        )
        .execute(db)
        .await?;
        Ok(stored.rows_affected())
    }

    /// The account's row, made if it is not there. It is not locked: whoever spends locks it before any payment.
    async fn account_id(
        &self,
        db: &mut PgConnection,
        address: &[u8; 20],
    ) -> Result<i64, StoreError> {
        let (chain_id, contract) = (self.chain_id()?, &self.contract.address[..]);
        sqlx::query!(
            "INSERT INTO accounts (chain_id, contract, address) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            chain_id,
            contract,
            &address[..],
        )
        .execute(&mut *db)
        .await?;
        Ok(sqlx::query_scalar!(
            "SELECT id FROM accounts WHERE chain_id = $1 AND contract = $2 AND address = $3",
            chain_id,
            contract,
            &address[..],
        )
        .fetch_one(db)
        .await?)
    }

    fn chain_id(&self) -> Result<i64, StoreError> {
        to_i64("chain id", self.contract.chain_id)
    }
}
