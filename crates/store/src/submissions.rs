//! Submissions as their owners see them: proofs with who paid, what was promised, and the run they are in.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{to_i64, to_u32, to_u64};
use crate::{
    PaymentContract, ProofEvent, ProofId, ProofStatus, ProofSystem, RunId, Store, StoreError,
};

/// A proof without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmittedProof {
    /// Its id.
    pub id: ProofId,
    /// SHA-256 of the proof file: its key in the object store.
    pub proof_hash: [u8; 32],
    /// The system it was made with.
    pub proof_system: ProofSystem,
    /// What was proven.
    pub program_id: [u8; 32],
    /// `keccak256(public_values ‖ program_id)`.
    pub commitment: [u8; 32],
    /// Where it stands.
    pub status: ProofStatus,
    /// The code of a rejection or failure.
    pub code: Option<String>,
    /// The reason beside the code.
    pub reason: Option<String>,
    /// Who paid, and with which nonce; none for a proof that was put in without payment.
    pub payer: Option<Payer>,
    /// What was promised; none until it is queued.
    pub promise: Option<Promise>,
    /// The live run that it is in, and its leaf's index.
    pub run: Option<(RunId, u32)>,
    /// The block since which that run's root is hard.
    pub hard_since: Option<u64>,
    /// When it was submitted.
    pub created_at: OffsetDateTime,
    /// When its status changed last.
    pub updated_at: OffsetDateTime,
}

/// Who paid for a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payer {
    /// The account.
    pub account: [u8; 20],
    /// The nonce that was spent.
    pub nonce: u64,
}

/// What a receipt says beyond the proof itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The proof's place among all that were ever accepted; numbers can be missing.
    pub position: u64,
    /// Second since 1970 until which it is to be on chain.
    pub deadline: u64,
}

/// The query's columns.
struct Row {
    id: ProofId,
    proof_hash: [u8; 32],
    proof_system: ProofSystem,
    program_id: [u8; 32],
    commitment: [u8; 32],
    status: ProofStatus,
    code: Option<String>,
    reason: Option<String>,
    account: Option<[u8; 20]>,
    nonce: Option<i64>,
    position: Option<i64>,
    deadline: Option<i64>,
    run_id: Option<RunId>,
    leaf_index: Option<i32>,
    hard_since: Option<i64>,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl From<Row> for SubmittedProof {
    fn from(row: Row) -> Self {
        let payer = row
            .account
            .zip(row.nonce)
            .map(|(account, nonce)| Payer { account, nonce: to_u64(nonce) });
        let promise = row.position.zip(row.deadline).map(|(position, deadline)| Promise {
            position: to_u64(position),
            deadline: to_u64(deadline),
        });
        Self {
            id: row.id,
            proof_hash: row.proof_hash,
            proof_system: row.proof_system,
            program_id: row.program_id,
            commitment: row.commitment,
            status: row.status,
            code: row.code,
            reason: row.reason,
            payer,
            promise,
            run: row.run_id.zip(row.leaf_index.map(to_u32)),
            hard_since: row.hard_since.map(to_u64),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// `query_as!` for [`Row`]: the columns are listed once.
macro_rules! select_submissions {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Row,
            r#"SELECT p.id, p.proof_hash AS "proof_hash: [u8; 32]", p.proof_system AS "proof_system: ProofSystem",
                p.program_id AS "program_id: [u8; 32]", p.commitment AS "commitment: [u8; 32]",
                p.status AS "status: ProofStatus", p.code, p.reason, a.address AS "account?: [u8; 20]",
                s.nonce AS "nonce?", r.position AS "position?", r.deadline AS "deadline?", rp.run_id AS "run_id?",
                rp.position AS "leaf_index?", run.hard_since AS "hard_since?", p.created_at, p.updated_at
            FROM proofs p
            LEFT JOIN accounts a ON a.id = p.account_id
            LEFT JOIN spendings s ON s.proof_id = p.id
            LEFT JOIN receipts r ON r.proof_id = p.id
            LEFT JOIN run_proofs rp ON rp.proof_id = p.id AND rp.live
            LEFT JOIN runs run ON run.id = rp.run_id "# + $tail
            $(, $argument)*
        )
    };
}

fn all(rows: Vec<Row>) -> Vec<SubmittedProof> {
    rows.into_iter().map(SubmittedProof::from).collect()
}

impl Store {
    /// One submission.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn submission(&self, id: ProofId) -> Result<Option<SubmittedProof>, StoreError> {
        let row = select_submissions!("WHERE p.id = $1", id).fetch_optional(&self.pool).await?;
        Ok(row.map(SubmittedProof::from))
    }

    /// The submission of a proof file for a program, if there was one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn submission_of(
        &self,
        proof_hash: &[u8; 32],
        program_id: &[u8; 32],
    ) -> Result<Option<SubmittedProof>, StoreError> {
        let row = select_submissions!(
            "WHERE p.proof_hash = $1 AND p.program_id = $2",
            &proof_hash[..],
            &program_id[..]
        );
        Ok(row.fetch_optional(&self.pool).await?.map(SubmittedProof::from))
    }

    /// A page of submissions in their order: all, or those that one account paid for, and of them all or those of one
    /// status. Pass the last id of a page as `after` to get the next one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn submissions_page(
        &self,
        payer: Option<(&PaymentContract, &[u8; 20])>,
        status: Option<ProofStatus>,
        after: Option<ProofId>,
        limit: u32,
    ) -> Result<Vec<SubmittedProof>, StoreError> {
        let account = match payer {
            None => None,
            Some((contract, address)) => match self.account_id(contract, address).await? {
                None => return Ok(vec![]),
                some => some,
            },
        };
        let after = after.unwrap_or(Uuid::nil());
        let (limit, pool) = (i64::from(limit), &self.pool);
        // Four queries, so that each can use its index.
        Ok(all(match (account, status) {
            (None, None) => {
                select_submissions!("WHERE p.id > $1 ORDER BY p.id LIMIT $2", after, limit)
                    .fetch_all(pool)
                    .await?
            }
            (None, Some(status)) => {
                select_submissions!(
                    "WHERE p.status = $1 AND p.id > $2 ORDER BY p.id LIMIT $3",
                    status.as_str(),
                    after,
                    limit
                )
                .fetch_all(pool)
                .await?
            }
            (Some(account), None) => {
                select_submissions!(
                    "WHERE p.account_id = $1 AND p.id > $2 ORDER BY p.id LIMIT $3",
                    account,
                    after,
                    limit
                )
                .fetch_all(pool)
                .await?
            }
            (Some(account), Some(status)) => select_submissions!(
                "WHERE p.account_id = $1 AND p.status = $2 AND p.id > $3 ORDER BY p.id LIMIT $4",
                account,
                status.as_str(),
                after,
                limit
            )
            .fetch_all(pool)
            .await?,
        }))
    }

    /// The submissions of an account by falling nonce, from below `before`; or the one of a nonce.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn submissions_by_nonce(
        &self,
        contract: &PaymentContract,
        address: &[u8; 20],
        nonce: Option<u64>,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<SubmittedProof>, StoreError> {
        let Some(account) = self.account_id(contract, address).await? else { return Ok(vec![]) };
        // No nonce is above what the database has room for.
        let bound = |nonce: u64| i64::try_from(nonce).unwrap_or(i64::MAX);
        let (least, below) = match nonce {
            Some(nonce) => (bound(nonce), bound(nonce.saturating_add(1))),
            None => (0, before.map_or(i64::MAX, bound)),
        };
        Ok(all(select_submissions!(
            "WHERE s.account_id = $1 AND s.nonce >= $2 AND s.nonce < $3 ORDER BY s.nonce DESC LIMIT $4",
            account,
            least,
            below,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?))
    }

    /// How many proofs are queued before this one, counted up to `most`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn queued_before(&self, id: ProofId, most: u32) -> Result<u64, StoreError> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM
                (SELECT FROM proofs WHERE status = 'queued' AND id < $1 LIMIT $2) AS before"#,
            id,
            i64::from(most)
        );
        Ok(to_u64(count.fetch_one(&self.pool).await?))
    }

    /// What happened to a proof after the event numbered `after`, oldest first, each with its number.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn proof_events_after(
        &self,
        id: ProofId,
        after: i64,
    ) -> Result<Vec<(i64, ProofEvent)>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT e.id, status AS "status: ProofStatus", code, reason, run_id, at
            FROM proof_events e WHERE proof_id = $1 AND e.id > $2 ORDER BY e.id"#,
            id,
            after
        );
        let rows = rows.fetch_all(&self.pool).await?;
        let numbered = rows.into_iter().map(|row| {
            let (status, code, reason) = (row.status, row.code, row.reason);
            (row.id, ProofEvent { status, code, reason, run_id: row.run_id, at: row.at })
        });
        Ok(numbered.collect())
    }

    /// The commitments of a run's proofs in the order of its leaves.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn commitments_of_run(&self, id: RunId) -> Result<Vec<[u8; 32]>, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT p.commitment AS "commitment: [u8; 32]"
            FROM run_proofs rp JOIN proofs p ON p.id = rp.proof_id WHERE rp.run_id = $1 ORDER BY rp.position"#,
            id
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// The verifying key of a program of which a proof was accepted before.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn program_key(
        &self,
        system: ProofSystem,
        program_id: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(sqlx::query_scalar!(
            "SELECT vk FROM programs WHERE proof_system = $1 AND program_id = $2",
            system.as_str(),
            &program_id[..]
        )
        .fetch_optional(&self.pool)
        .await?)
    }

    async fn account_id(
        &self,
        contract: &PaymentContract,
        address: &[u8; 20],
    ) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar!(
            "SELECT id FROM accounts WHERE chain_id = $1 AND contract = $2 AND address = $3",
            to_i64("chain id", contract.chain_id)?,
            &contract.address[..],
            &address[..],
        )
        .fetch_optional(&self.pool)
        .await?)
    }
}
