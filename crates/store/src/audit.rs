//! What the database says of itself that cannot be: each rule is one query for the rows that break it.
//!
//! The schema refuses most of it already; this looks at what is there, whoever wrote it, after a restore for example.

mod batchers;

use sqlx::AssertSqlSafe;

use crate::store::{to_i64, to_u64};
use crate::{PaymentContract, Store, StoreError};

/// A row that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, in words.
    pub rule: &'static str,
    /// What breaks it: an id of the kind that the rule speaks of.
    pub subject: String,
}

/// A rule in words, and the query for what breaks it.
type Rule = (&'static str, &'static str);

/// Each rule and the query, of one text column, for what breaks it.
const RULES: [Rule; 9] = [
    (
        "a proof has the status of the live run that holds it",
        "SELECT p.id::text FROM proofs p JOIN run_proofs rp ON rp.proof_id = p.id AND rp.live JOIN runs r ON r.id = rp.run_id
         WHERE p.status <> CASE r.status WHEN 'proving' THEN 'proving' WHEN 'attesting' THEN 'aggregated'
             WHEN 'submitting' THEN 'aggregated' WHEN 'confirming' THEN 'submitted' WHEN 'final' THEN 'final' END",
    ),
    (
        "a proof that is being proven, or was, is held by a live run",
        "SELECT p.id::text FROM proofs p WHERE p.status IN ('proving', 'aggregated', 'submitted', 'final')
         AND NOT EXISTS (SELECT FROM run_proofs rp WHERE rp.proof_id = p.id AND rp.live)",
    ),
    (
        "a proof that is in no run yet, or has failed, is held by none",
        "SELECT p.id::text FROM proofs p JOIN run_proofs rp ON rp.proof_id = p.id AND rp.live
         WHERE p.status IN ('received', 'verified', 'queued', 'rejected', 'failed')",
    ),
    (
        "a live run has as many proofs as it says, at positions without gaps",
        "SELECT r.id::text FROM runs r LEFT JOIN run_proofs rp ON rp.run_id = r.id AND rp.live WHERE r.status <> 'failed'
         GROUP BY r.id HAVING count(rp.*) <> r.leaf_count OR max(rp.position) <> r.leaf_count - 1",
    ),
    (
        "a failed run holds no proof",
        "SELECT DISTINCT r.id::text FROM runs r JOIN run_proofs rp ON rp.run_id = r.id AND rp.live WHERE r.status = 'failed'",
    ),
    (
        "a payment's spent credits are those that proofs were paid with",
        "SELECT p.id::text FROM payments p LEFT JOIN spendings s ON s.payment_id = p.id
         GROUP BY p.id HAVING count(s.*) <> p.spent OR p.spent > p.credits",
    ),
    (
        "an account's nonce is the number of its proofs",
        "SELECT encode(a.address, 'hex') FROM accounts a LEFT JOIN spendings s ON s.account_id = a.id
         GROUP BY a.id HAVING count(s.*) <> a.nonce OR max(s.nonce) >= a.nonce",
    ),
    (
        "a proof is paid from a payment of the account whose nonce it took",
        "SELECT s.proof_id::text FROM spendings s JOIN payments p ON p.id = s.payment_id WHERE p.account_id <> s.account_id",
    ),
    (
        "a proof's last recorded status is the one it has",
        "SELECT p.id::text FROM proofs p JOIN LATERAL (SELECT status FROM proof_events e WHERE e.proof_id = p.id
         ORDER BY e.id DESC LIMIT 1) last ON true WHERE last.status <> p.status",
    ),
];

/// All of them.
fn rules() -> impl Iterator<Item = Rule> {
    RULES.into_iter().chain(batchers::RULES)
}

/// Violations of one rule that are named; more would say no more.
const MAX_NAMED: usize = 100;

/// A purchase that the database gave credits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CreditedPurchase {
    /// The transaction of its event.
    pub tx_hash: [u8; 32],
    /// The event's index in its block.
    pub log_index: u64,
    /// Credits.
    pub credits: u64,
}

impl Store {
    /// The purchases from a contract whose credits can be, or were, spent, in no order: to be compared with the chain.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn credited_purchases(
        &self,
        contract: &PaymentContract,
    ) -> Result<Vec<CreditedPurchase>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT tx_hash AS "tx_hash: [u8; 32]", log_index, credits FROM payments
            WHERE chain_id = $1 AND contract = $2 AND status = 'credited'"#,
            to_i64("chain id", contract.chain_id)?,
            &contract.address[..],
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| CreditedPurchase {
                tx_hash: row.tx_hash,
                log_index: to_u64(row.log_index),
                credits: to_u64(row.credits),
            })
            .collect())
    }

    /// The rules, in words.
    pub fn audit_rules() -> impl Iterator<Item = &'static str> {
        rules().map(|(rule, _)| rule)
    }

    /// The rows that break a rule, at most a hundred for each; all rules are read from one snapshot.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn audit(&self) -> Result<Vec<Violation>, StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .execute(&mut *tx)
            .await?;
        let mut found = vec![];
        for (rule, query) in rules() {
            let query = AssertSqlSafe(format!("{query} LIMIT {MAX_NAMED}"));
            let subjects: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut *tx).await?;
            found.extend(subjects.into_iter().map(|subject| Violation { rule, subject }));
        }
        tx.commit().await?;
        Ok(found)
    }
}
