//! Proofs: from the door to the queue, and what their owners read.

use sqlx::PgExecutor;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::{short, to_u64};
use crate::{ProofId, ProofStatus, ProofSystem, RunId, Store, StoreError};

/// A proof as it is submitted. Its file is in the object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProof {
    /// SHA-256 of the proof file: its key in the object store.
    pub proof_hash: [u8; 32],
    /// The system it was made with.
    pub proof_system: ProofSystem,
    /// What was proven.
    pub program_id: [u8; 32],
    /// The serialised verification key, at most 64 KiB.
    pub vk: Vec<u8>,
    /// The public values that it claims.
    pub public_values: Vec<u8>,
    /// `keccak256(public_values ‖ program_id)`.
    pub commitment: [u8; 32],
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The proof's id, the first submission's if it was submitted before.
    pub id: ProofId,
    /// The status it has now.
    pub status: ProofStatus,
    /// Whether this submission stored it.
    pub is_new: bool,
}

/// A proof as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Its id.
    pub id: ProofId,
    /// SHA-256 of the proof file: its key in the object store.
    pub proof_hash: [u8; 32],
    /// The system it was made with.
    pub proof_system: ProofSystem,
    /// What was proven.
    pub program_id: [u8; 32],
    /// The serialised verification key.
    pub vk: Vec<u8>,
    /// The public values.
    pub public_values: Vec<u8>,
    /// `keccak256(public_values ‖ program_id)`.
    pub commitment: [u8; 32],
    /// Where it stands.
    pub status: ProofStatus,
    /// The code of a rejection or failure.
    pub code: Option<String>,
    /// The reason beside the code.
    pub reason: Option<String>,
    /// When it was submitted.
    pub created_at: OffsetDateTime,
    /// When its status changed last.
    pub updated_at: OffsetDateTime,
}

/// One change in the life of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofEvent {
    /// The status it got.
    pub status: ProofStatus,
    /// The code of a rejection or failure.
    pub code: Option<String>,
    /// The reason beside the code.
    pub reason: Option<String>,
    /// The live run it was in.
    pub run_id: Option<RunId>,
    /// When.
    pub at: OffsetDateTime,
}

/// How much waits for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// Queued proofs.
    pub count: u64,
    /// The bytes of their public values together.
    pub bytes: u64,
    /// When the one that has waited longest was submitted.
    pub oldest: Option<OffsetDateTime>,
}

/// `query_as!` for [`Proof`]: the columns are listed once.
macro_rules! select_proofs {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            crate::Proof,
            r#"SELECT p.id, p.proof_hash AS "proof_hash: [u8; 32]", p.proof_system AS "proof_system: ProofSystem",
                p.program_id AS "program_id: [u8; 32]", p.vk, p.public_values, p.commitment AS "commitment: [u8; 32]",
                p.status AS "status: ProofStatus", p.code, p.reason, p.created_at, p.updated_at
            FROM proofs p "# + $tail
            $(, $argument)*
        )
    };
}
pub(crate) use select_proofs;

impl Store {
    /// Stores a submitted proof as `received`. The same proof of the same program is stored once; whoever submits it
    /// again gets the first id. Its file must be in the object store already.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the verification key is too large.
    pub async fn insert_proof(&self, proof: &NewProof) -> Result<Submission, StoreError> {
        let id = Uuid::now_v7();
        let inserted = sqlx::query!(
            r#"INSERT INTO proofs (id, proof_hash, proof_system, program_id, vk, public_values, commitment, status)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'received') ON CONFLICT (proof_hash, program_id) DO NOTHING"#,
            id,
            &proof.proof_hash[..],
            proof.proof_system.as_str(),
            &proof.program_id[..],
            proof.vk,
            proof.public_values,
            &proof.commitment[..],
        )
        .execute(&self.pool)
        .await?;
        if inserted.rows_affected() == 1 {
            return Ok(Submission { id, status: ProofStatus::Received, is_new: true });
        }
        self.find_submitted(proof).await
    }

    /// The first submission of a proof that is stored.
    pub(crate) async fn find_submitted(&self, proof: &NewProof) -> Result<Submission, StoreError> {
        // Proofs are never deleted, so the one that was in the way is there.
        let first = sqlx::query!(
            r#"SELECT id, status AS "status: ProofStatus" FROM proofs WHERE proof_hash = $1 AND program_id = $2"#,
            &proof.proof_hash[..],
            &proof.program_id[..],
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Submission { id: first.id, status: first.status, is_new: false })
    }

    /// `received → verified`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::WrongStatus`].
    pub async fn mark_verified(&self, id: ProofId) -> Result<(), StoreError> {
        self.step_proof(id, &[ProofStatus::Received], ProofStatus::Verified, None).await
    }

    /// `verified → queued`: from here on it is in a run, or ends with a name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::WrongStatus`].
    pub async fn queue(&self, id: ProofId) -> Result<(), StoreError> {
        self.step_proof(id, &[ProofStatus::Verified], ProofStatus::Queued, None).await
    }

    /// `received | verified → rejected`, with the code and reason that its owner reads.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::WrongStatus`].
    pub async fn reject(&self, id: ProofId, code: &str, reason: &str) -> Result<(), StoreError> {
        let from = [ProofStatus::Received, ProofStatus::Verified];
        self.step_proof(id, &from, ProofStatus::Rejected, Some((code, reason))).await
    }

    async fn step_proof(
        &self,
        id: ProofId,
        from: &[ProofStatus],
        to: ProofStatus,
        failure: Option<(&str, &str)>,
    ) -> Result<(), StoreError> {
        let from: Vec<String> = from.iter().map(ToString::to_string).collect();
        let changed = sqlx::query!(
            "UPDATE proofs SET status = $3, code = $4, reason = $5, updated_at = now() \
             WHERE id = $1 AND status = ANY ($2)",
            id,
            &from,
            to.as_str(),
            failure.map(|(code, _)| code),
            failure.map(|(_, reason)| short(reason)),
        )
        .execute(&self.pool)
        .await?;
        if changed.rows_affected() == 1 {
            return Ok(());
        }
        Err(wrong_proof_status(&self.pool, id, &from.join(" or ")).await)
    }

    /// One proof.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn proof(&self, id: ProofId) -> Result<Option<Proof>, StoreError> {
        Ok(select_proofs!("WHERE p.id = $1", id).fetch_optional(&self.pool).await?)
    }

    /// What happened to a proof, oldest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn proof_events(&self, id: ProofId) -> Result<Vec<ProofEvent>, StoreError> {
        Ok(sqlx::query_as!(
            ProofEvent,
            r#"SELECT status AS "status: ProofStatus", code, reason, run_id, at
            FROM proof_events e WHERE proof_id = $1 ORDER BY e.id"#,
            id
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// A page of proofs in the order of submission, all or those of one status. Pass the last id of a page as
    /// `after` to get the next one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn proofs_page(
        &self,
        status: Option<ProofStatus>,
        after: Option<ProofId>,
        limit: u32,
    ) -> Result<Vec<Proof>, StoreError> {
        let after = after.unwrap_or(Uuid::nil());
        let (limit, pool) = (i64::from(limit), &self.pool);
        // Two queries, so that each can use its index.
        Ok(match status {
            Some(status) => {
                select_proofs!(
                    "WHERE p.status = $1 AND p.id > $2 ORDER BY p.id LIMIT $3",
                    status.as_str(),
                    after,
                    limit
                )
                .fetch_all(pool)
                .await?
            }
            None => {
                select_proofs!("WHERE p.id > $1 ORDER BY p.id LIMIT $2", after, limit)
                    .fetch_all(pool)
                    .await?
            }
        })
    }

    /// Proofs that are, or were, in a final proof, the newest first: they can be aggregated.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn aggregated_proofs(&self, limit: u32) -> Result<Vec<Proof>, StoreError> {
        Ok(select_proofs!(
            "JOIN run_proofs rp ON rp.proof_id = p.id AND rp.live JOIN runs r ON r.id = rp.run_id \
             WHERE r.status IN ('attesting', 'submitting', 'confirming', 'final') \
             ORDER BY r.id DESC, rp.position LIMIT $1",
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// How many proofs wait for a run, and since when.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn queue_depth(&self) -> Result<QueueDepth, StoreError> {
        let row = sqlx::query!(
            r#"SELECT count(*) AS "count!", COALESCE(sum(octet_length(public_values)), 0)::bigint AS "bytes!",
                min(created_at) AS oldest FROM proofs WHERE status = 'queued'"#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(QueueDepth { count: to_u64(row.count), bytes: to_u64(row.bytes), oldest: row.oldest })
    }
}

/// Why a guarded update of a proof found no row.
pub(crate) async fn wrong_proof_status(
    db: impl PgExecutor<'_>,
    id: ProofId,
    needed: &str,
) -> StoreError {
    let found = sqlx::query_scalar!("SELECT status FROM proofs WHERE id = $1", id);
    match found.fetch_optional(db).await {
        Ok(Some(found)) => StoreError::WrongStatus {
            what: "proof",
            id: id.to_string(),
            found,
            needed: needed.into(),
        },
        Ok(None) => StoreError::NotFound { what: "proof", id: id.to_string() },
        Err(e) => e.into(),
    }
}
