//! Proving jobs. Their outputs are in the object store under their ids; the rows are for progress, for benchmarks,
//! and so that nobody proves twice.

use std::time::Duration;

use time::OffsetDateTime;

use crate::store::{short, to_u32, to_u64};
use crate::{JobStatus, RunId, Store, StoreError};

/// A job as it is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// The hash of program, form and inputs.
    pub id: [u8; 32],
    /// The run that wants it.
    pub run_id: RunId,
    /// The program that it proves.
    pub program: String,
    /// How many proofs it takes in.
    pub inputs: u32,
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The hash of program, form and inputs.
    pub id: [u8; 32],
    /// The run that wanted it last.
    pub run_id: RunId,
    /// The program that it proves.
    pub program: String,
    /// How many proofs it takes in.
    pub inputs: u32,
    /// Where it stands.
    pub status: JobStatus,
    /// How often it was started.
    pub attempts: u32,
    /// The code of a failure.
    pub code: Option<String>,
    /// The reason beside the code.
    pub reason: Option<String>,
    /// When it was first wanted.
    pub wanted_at: OffsetDateTime,
    /// When it was last started.
    pub started_at: Option<OffsetDateTime>,
    /// When it was done or failed.
    pub finished_at: Option<OffsetDateTime>,
    /// How long the proof took; zero when the output was found.
    pub duration: Option<Duration>,
}

/// `query!` that gives back a [`Job`]'s columns, which are listed once.
macro_rules! jobs_returning {
    ($head:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            JobRow,
            $head + r#" id AS "id: [u8; 32]", run_id, program, inputs, status AS "status: JobStatus", attempts,
                code, reason, wanted_at, started_at, finished_at, duration_ms"#
            $(, $argument)*
        )
    };
}

impl Store {
    /// Notes that a run wants a job. One that is known keeps its status: when it is `done`, its output is there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn want_job(&self, job: &NewJob) -> Result<Job, StoreError> {
        let inputs = i32::try_from(job.inputs).map_err(|_| StoreError::OutOfRange {
            what: "number of inputs",
            value: job.inputs.into(),
        })?;
        Ok(jobs_returning!(
            "INSERT INTO jobs (id, run_id, program, inputs, status) VALUES ($1, $2, $3, $4, 'wanted') \
             ON CONFLICT (id) DO UPDATE SET run_id = EXCLUDED.run_id RETURNING",
            &job.id[..],
            job.run_id,
            job.program,
            inputs
        )
        .fetch_one(&self.pool)
        .await?
        .into())
    }

    /// `wanted | failed → proving`, and `proving` again after a crash. Counts an attempt.
    ///
    /// # Errors
    /// [`StoreError::WrongStatus`] when it is done: its output is in the object store.
    pub async fn start_job(&self, id: &[u8; 32]) -> Result<Job, StoreError> {
        let started = jobs_returning!(
            "UPDATE jobs SET status = 'proving', attempts = attempts + 1, started_at = now(), finished_at = NULL, \
             code = NULL, reason = NULL WHERE id = $1 AND status IN ('wanted', 'failed', 'proving') RETURNING",
            &id[..]
        );
        match started.fetch_optional(&self.pool).await? {
            Some(job) => Ok(job.into()),
            None => Err(self.wrong_job_status(id, "wanted, failed or proving").await),
        }
    }

    /// `wanted | proving | failed → done`: the output is in the object store. Done is done: again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn finish_job(&self, id: &[u8; 32], duration: Duration) -> Result<Job, StoreError> {
        let finished = jobs_returning!(
            "UPDATE jobs SET status = 'done', finished_at = COALESCE(CASE status WHEN 'done' THEN finished_at END, now()), \
             duration_ms = COALESCE(duration_ms, $2), code = NULL, reason = NULL WHERE id = $1 RETURNING",
            &id[..],
            i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
        );
        match finished.fetch_optional(&self.pool).await? {
            Some(job) => Ok(job.into()),
            None => Err(self.wrong_job_status(id, "known").await),
        }
    }

    /// `proving → failed`: it died too often, or its input is bad.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::WrongStatus`].
    pub async fn fail_job(
        &self,
        id: &[u8; 32],
        code: &str,
        reason: &str,
    ) -> Result<Job, StoreError> {
        let failed = jobs_returning!(
            "UPDATE jobs SET status = 'failed', finished_at = now(), code = $2, reason = $3 \
             WHERE id = $1 AND status = 'proving' RETURNING",
            &id[..],
            code,
            short(reason)
        );
        match failed.fetch_optional(&self.pool).await? {
            Some(job) => Ok(job.into()),
            None => Err(self.wrong_job_status(id, "proving").await),
        }
    }

    /// `done → wanted`: its output can no longer be read.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::WrongStatus`].
    pub async fn forget_job_output(&self, id: &[u8; 32]) -> Result<Job, StoreError> {
        let forgotten = jobs_returning!(
            "UPDATE jobs SET status = 'wanted', finished_at = NULL, duration_ms = NULL \
             WHERE id = $1 AND status = 'done' RETURNING",
            &id[..]
        );
        match forgotten.fetch_optional(&self.pool).await? {
            Some(job) => Ok(job.into()),
            None => Err(self.wrong_job_status(id, "done").await),
        }
    }

    /// The jobs of a run, in the order in which they were wanted.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn jobs_of_run(&self, run_id: RunId) -> Result<Vec<Job>, StoreError> {
        let rows = sqlx::query_as!(
            JobRow,
            r#"SELECT id AS "id: [u8; 32]", run_id, program, inputs, status AS "status: JobStatus", attempts,
                code, reason, wanted_at, started_at, finished_at, duration_ms
            FROM jobs j WHERE run_id = $1 ORDER BY wanted_at, j.id"#,
            run_id
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(Job::from).collect())
    }

    async fn wrong_job_status(&self, id: &[u8; 32], needed: &str) -> StoreError {
        let name: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = sqlx::query_scalar!("SELECT status FROM jobs WHERE id = $1", &id[..]);
        match found.fetch_optional(&self.pool).await {
            Ok(Some(found)) => {
                StoreError::WrongStatus { what: "job", id: name, found, needed: needed.into() }
            }
            Ok(None) => StoreError::NotFound { what: "job", id: name },
            Err(e) => e.into(),
        }
    }
}

/// The table's columns.
struct JobRow {
    id: [u8; 32],
    run_id: RunId,
    program: String,
    inputs: i32,
    status: JobStatus,
    attempts: i32,
    code: Option<String>,
    reason: Option<String>,
    wanted_at: OffsetDateTime,
    started_at: Option<OffsetDateTime>,
    finished_at: Option<OffsetDateTime>,
    duration_ms: Option<i64>,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self {
            id: row.id,
            run_id: row.run_id,
            program: row.program,
            inputs: to_u32(row.inputs),
            status: row.status,
            attempts: to_u32(row.attempts),
            code: row.code,
            reason: row.reason,
            wanted_at: row.wanted_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            duration: row.duration_ms.map(|ms| Duration::from_millis(to_u64(ms))),
        }
    }
}
