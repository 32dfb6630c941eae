//! Runs as they are read.

use sqlx::PgExecutor;
use time::OffsetDateTime;

use crate::proofs::select_proofs;
use crate::store::{to_i64, to_u32, to_u64};
use crate::{Deployment, Proof, ProofStatus, ProofSystem, RunId, RunStatus, Store, StoreError};

/// A run: the proofs that become one proof and one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Where it is submitted to.
    pub deployment: Deployment,
    /// Where it stands.
    pub status: RunStatus,
    /// How many proofs it has.
    pub leaf_count: u32,
    /// What is proven; there from `attesting` on.
    pub statement: Option<crate::Statement>,
    /// The proof bytes that the contract gets; there from `submitting` on.
    pub seal: Option<Vec<u8>>,
    /// The transaction that carries it. None when somebody else registered the root.
    pub tx_hash: Option<[u8; 32]>,
    /// The block that the root was registered in.
    pub block_number: Option<u64>,
    /// How often it was, or is being, submitted; 1 without reorgs.
    pub attempts: u32,
    /// The block since which its root is hard; none while a final run rests on the operators' word.
    pub hard_since: Option<u64>,
    /// Our transaction that made it hard. None when somebody else did.
    pub hard_tx_hash: Option<[u8; 32]>,
    /// How often its proof was, or is being, brought; 1 without reorgs and refusals.
    pub hard_attempts: u32,
    /// The code of a failure.
    pub code: Option<String>,
    /// The reason beside the code.
    pub reason: Option<String>,
    /// When it was opened.
    pub created_at: OffsetDateTime,
    /// When it changed last.
    pub updated_at: OffsetDateTime,
    /// When it became final or failed.
    pub finished_at: Option<OffsetDateTime>,
}

/// One change in the life of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// The status it got.
    pub status: RunStatus,
    /// The code of a failure.
    pub code: Option<String>,
    /// The reason beside the code.
    pub reason: Option<String>,
    /// When.
    pub at: OffsetDateTime,
}

/// The table's columns.
pub(crate) struct RunRow {
    pub(crate) id: RunId,
    pub(crate) chain_id: i64,
    pub(crate) contract: [u8; 20],
    pub(crate) status: RunStatus,
    pub(crate) leaf_count: i32,
    pub(crate) root: Option<[u8; 32]>,
    pub(crate) statement: Option<Vec<u8>>,
    pub(crate) blobs_hash: Option<[u8; 32]>,
    pub(crate) versioned_hashes: Vec<[u8; 32]>,
    pub(crate) final_job: Option<[u8; 32]>,
    pub(crate) seal: Option<Vec<u8>>,
    pub(crate) tx_hash: Option<[u8; 32]>,
    pub(crate) block_number: Option<i64>,
    pub(crate) attempts: i32,
    pub(crate) hard_since: Option<i64>,
    pub(crate) hard_tx_hash: Option<[u8; 32]>,
    pub(crate) hard_attempts: i32,
    pub(crate) code: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) updated_at: OffsetDateTime,
    pub(crate) finished_at: Option<OffsetDateTime>,
}

impl From<RunRow> for Run {
    fn from(row: RunRow) -> Self {
        let leaf_count = to_u32(row.leaf_count);
        let statement = match (row.root, row.statement, row.blobs_hash, row.final_job) {
            (Some(root), Some(public_values), Some(blobs_hash), Some(final_job)) => {
                Some(crate::Statement {
                    root,
                    leaf_count,
                    public_values,
                    blobs_hash,
                    versioned_hashes: row.versioned_hashes,
                    final_job,
                })
            }
            _ => None,
        };
        Self {
            id: row.id,
            deployment: Deployment { chain_id: to_u64(row.chain_id), contract: row.contract },
            status: row.status,
            leaf_count,
            statement,
            seal: row.seal,
            tx_hash: row.tx_hash,
            block_number: row.block_number.map(to_u64),
            attempts: to_u32(row.attempts),
            hard_since: row.hard_since.map(to_u64),
            hard_tx_hash: row.hard_tx_hash,
            hard_attempts: to_u32(row.hard_attempts),
            code: row.code,
            reason: row.reason,
            created_at: row.created_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
        }
    }
}

/// `query_as!` for [`RunRow`]: the columns are listed once.
macro_rules! select_runs {
    ($tail:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            RunRow,
            r#"SELECT id, chain_id, contract AS "contract: [u8; 20]", status AS "status: RunStatus", leaf_count,
                root AS "root: [u8; 32]", statement, blobs_hash AS "blobs_hash: [u8; 32]",
                versioned_hashes AS "versioned_hashes: Vec<[u8; 32]>", final_job AS "final_job: [u8; 32]", seal,
                tx_hash AS "tx_hash: [u8; 32]", block_number, attempts, hard_since,
                hard_tx_hash AS "hard_tx_hash: [u8; 32]", hard_attempts, code, reason, created_at, updated_at, finished_at
            FROM runs "# + $tail
            $(, $argument)*
        )
    };
}

pub(crate) async fn run_by_id(
    db: impl PgExecutor<'_>,
    id: RunId,
) -> Result<Option<Run>, StoreError> {
    Ok(select_runs!("WHERE id = $1", id).fetch_optional(db).await?.map(Run::from))
}

impl Store {
    /// One run.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        run_by_id(&self.pool, id).await
    }

    /// The runs of this deployment that are neither final nor failed, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn live_runs(
        &self,
        deployment: &Deployment,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let chain_id = to_i64("chain id", deployment.chain_id)?;
        let rows = select_runs!(
            "WHERE chain_id = $1 AND contract = $2 AND status NOT IN ('final', 'failed') ORDER BY id LIMIT $3",
            chain_id,
            &deployment.contract[..],
            i64::from(limit)
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(Run::from).collect())
    }

    /// The final runs of this deployment that were registered, or became hard, at or above a block, oldest first: those
    /// that a reorg can take back.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn final_runs_since(
        &self,
        deployment: &Deployment,
        block_number: u64,
    ) -> Result<Vec<Run>, StoreError> {
        let chain_id = to_i64("chain id", deployment.chain_id)?;
        let block_number = to_i64("block number", block_number)?;
        let rows = select_runs!(
            "WHERE chain_id = $1 AND contract = $2 AND status = 'final' \
             AND (block_number >= $3 OR hard_since >= $3) ORDER BY id",
            chain_id,
            &deployment.contract[..],
            block_number
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(Run::from).collect())
    }

    /// The final runs of this deployment that are not known to be hard, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn soft_runs(
        &self,
        deployment: &Deployment,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let chain_id = to_i64("chain id", deployment.chain_id)?;
        let rows = select_runs!(
            "WHERE chain_id = $1 AND contract = $2 AND status = 'final' AND hard_since IS NULL ORDER BY id LIMIT $3",
            chain_id,
            &deployment.contract[..],
            i64::from(limit)
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(Run::from).collect())
    }

    /// A page of runs, newest first. Pass the last id of a page as `before` to get the next one.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn runs_page(
        &self,
        before: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let rows = select_runs!(
            "WHERE id < $1 ORDER BY id DESC LIMIT $2",
            before.unwrap_or(RunId::MAX),
            i64::from(limit)
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(Run::from).collect())
    }

    /// The proofs of a run in the order of its leaves. Those that were quarantined are not among them.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn proofs_of_run(&self, id: RunId) -> Result<Vec<Proof>, StoreError> {
        Ok(select_proofs!(
            "JOIN run_proofs rp ON rp.proof_id = p.id WHERE rp.run_id = $1 ORDER BY rp.position",
            id
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// The live run that a proof is in, and its leaf's index.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn run_of_proof(
        &self,
        id: crate::ProofId,
    ) -> Result<Option<(RunId, u32)>, StoreError> {
        let row = sqlx::query!(
            "SELECT run_id, position FROM run_proofs WHERE proof_id = $1 AND live",
            id
        );
        let row = row.fetch_optional(&self.pool).await?;
        Ok(row.map(|row| (row.run_id, to_u32(row.position))))
    }

    /// What happened to a run, oldest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn run_events(&self, id: RunId) -> Result<Vec<RunEvent>, StoreError> {
        Ok(sqlx::query_as!(
            RunEvent,
            r#"SELECT status AS "status: RunStatus", code, reason, at FROM run_events e WHERE run_id = $1 ORDER BY e.id"#,
            id
        )
        .fetch_all(&self.pool)
        .await?)
    }
}
