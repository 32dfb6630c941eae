//! Accounts: what they can spend, and the one statement that spends it.
//!
//! Spending takes three rows in this order, whoever spends: the proof (its unique key), the account (its nonce), the payment
//! (its credit). Two requests therefore wait for each other and never in a circle:
//!
//! - two with one proof meet at the proof's key: the second finds the first's row and spends nothing;
//! - two of one account with one nonce meet at the account: the second finds the nonce used, and its whole statement fails;
//! - a request and a reorganisation meet at the payment: if it was revoked meanwhile, the whole statement fails.
//!
//! That the credit chosen by the statement's snapshot is still there follows from the second point: whoever spent one of
//! this account since would have moved the nonce.

use sqlx::postgres::PgDatabaseError;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{to_i64, to_u64};
use crate::{NewProof, PaymentContract, Store, StoreError, Submission};

/// What an account signed for a proof: the gateway has checked the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authorisation {
    /// With whom its nonces and credits count.
    pub contract: PaymentContract,
    /// Who pays with a credit.
    pub account: [u8; 20],
    /// The nonce that was signed.
    pub nonce: u64,
}

/// What was bought and is not expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Confirmed credits that are not expired, spent or not.
    pub total: u64,
    /// Those of them that were spent.
    pub spent: u64,
    /// When the first of them expire.
    pub next_expiry: Option<OffsetDateTime>,
}

/// What an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The nonce that its next request must have.
    pub nonce: u64,
    /// Credits that can be spent now.
    pub credits: u64,
    /// When the first of them expire.
    pub next_expiry: Option<OffsetDateTime>,
    /// Credits of payments that wait for confirmations.
    pub unconfirmed: u64,
}

impl Store {
    /// What an account has. One that never paid has nothing, and nonce 0.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn account(
        &self,
        contract: &PaymentContract,
        address: &[u8; 20],
    ) -> Result<Account, StoreError> {
        let row = sqlx::query!(
            r#"SELECT a.nonce,
                COALESCE(sum(p.credits - p.spent) FILTER (WHERE p.status = 'credited'), 0)::bigint AS "credits!",
                COALESCE(sum(p.credits) FILTER (WHERE p.status = 'seen'), 0)::bigint AS "unconfirmed!",
                to_timestamp(min(p.expires_at) FILTER (WHERE p.status = 'credited')) AS next_expiry
            FROM accounts a
            LEFT JOIN payments p ON p.account_id = a.id AND p.spent < p.credits AND p.status <> 'revoked'
                AND p.expires_at > extract(epoch FROM now())
            WHERE a.chain_id = $1 AND a.contract = $2 AND a.address = $3 GROUP BY a.nonce"#,
            to_i64("chain id", contract.chain_id)?,
            &contract.address[..],
            &address[..],
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map_or_else(Account::default, |row| Account {
            nonce: to_u64(row.nonce),
            credits: to_u64(row.credits),
            next_expiry: row.next_expiry,
            unconfirmed: to_u64(row.unconfirmed),
        }))
    }

    /// What an account bought that is confirmed and not expired.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn quota(
        &self,
        contract: &PaymentContract,
        address: &[u8; 20],
    ) -> Result<Quota, StoreError> {
        let row = sqlx::query!(
            r#"SELECT COALESCE(sum(p.credits), 0)::bigint AS "total!", COALESCE(sum(p.spent), 0)::bigint AS "spent!",
                to_timestamp(min(p.expires_at) FILTER (WHERE p.spent < p.credits)) AS next_expiry
            FROM accounts a JOIN payments p ON p.account_id = a.id
            WHERE a.chain_id = $1 AND a.contract = $2 AND a.address = $3 AND p.status = 'credited'
                AND p.expires_at > extract(epoch FROM now())"#,
            to_i64("chain id", contract.chain_id)?,
            &contract.address[..],
            &address[..],
        )
        .fetch_one(&self.pool)
        .await?;
        let (total, spent) = (to_u64(row.total), to_u64(row.spent));
        Ok(Quota { total, spent, next_expiry: row.next_expiry })
    }

    /// Stores a proof as `received`, and takes the nonce and a credit for it, of those that expire first the first: all
    /// three or nothing, in one statement. A proof that is stored already costs nothing, whoever paid for it, and its first
    /// submission is answered: a request that is sent again gets the same answer. Its file must be in the object store
    /// already.
    ///
    /// # Errors
    /// [`StoreError::WrongNonce`] with the right one, [`StoreError::NoCredit`], [`StoreError::Refused`] when the
    /// verification key is too large, or the database failed. Nothing is spent then.
    pub async fn insert_paid_proof(
        &self,
        proof: &NewProof,
        authorisation: &Authorisation,
    ) -> Result<Submission, StoreError> {
        let contract = &authorisation.contract;
        let spent = sqlx::query!(
            r#"WITH inserted AS (
                INSERT INTO proofs (id, proof_hash, proof_system, program_id, vk, public_values, commitment, status, account_id)
                VALUES ($1, $2, $3, $4, $5, $6, $7, 'received',
                    (SELECT id FROM accounts WHERE chain_id = $8 AND contract = $9 AND address = $10))
                ON CONFLICT (proof_hash, program_id) DO NOTHING RETURNING id
            ), payer AS (
                UPDATE accounts a SET nonce = a.nonce + 1 FROM inserted
                WHERE a.chain_id = $8 AND a.contract = $9 AND a.address = $10 AND a.nonce = $11
                RETURNING a.id, a.nonce - 1 AS nonce
            ), credit AS (
                UPDATE payments p SET spent = p.spent + 1, updated_at = now() FROM payer
                WHERE p.id = (
                    SELECT c.id FROM payments c WHERE c.account_id = payer.id AND c.status = 'credited'
                        AND c.spent < c.credits AND c.expires_at > extract(epoch FROM now())
                    ORDER BY c.expires_at, c.id LIMIT 1
                ) AND p.status = 'credited' AND p.spent < p.credits
                RETURNING p.id
            )
            INSERT INTO spendings (account_id, nonce, payment_id, proof_id)
            SELECT payer.id, payer.nonce, credit.id, inserted.id
            FROM inserted LEFT JOIN payer ON true LEFT JOIN credit ON true"#,
            Uuid::now_v7(),
            &proof.proof_hash[..],
            proof.proof_system.as_str(),
            &proof.program_id[..],
            proof.vk,
            proof.public_values,
            &proof.commitment[..],
            to_i64("chain id", contract.chain_id)?,
            &contract.address[..],
            &authorisation.account[..],
            // No account ever has a nonce that the database has no room for.
            i64::try_from(authorisation.nonce).unwrap_or(-1),
        )
        .execute(&self.pool)
        .await;
        match spent {
            Ok(done) => {
                let is_new = done.rows_affected() == 1;
                let stored = self.find_submitted(proof).await?;
                Ok(Submission { is_new, ..stored })
            }
            Err(error) => match missing_column(&error).as_deref() {
                Some("payment_id") => Err(StoreError::NoCredit),
                Some("account_id" | "nonce") => {
                    let account = self.account(contract, &authorisation.account).await?;
                    // An account that never paid has no row in which to look for the nonce.
                    if (account.nonce, account.credits) == (authorisation.nonce, 0) {
                        return Err(StoreError::NoCredit);
                    }
                    Err(StoreError::WrongNonce { expected: account.nonce })
                }
                _ => Err(error.into()),
            },
        }
    }
}

/// The column of `spendings` that had nothing to hold.
fn missing_column(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    let is_missing = error.code() == "23502" && error.table() == Some("spendings");
    is_missing.then(|| error.column().map(str::to_owned)).flatten()
}
