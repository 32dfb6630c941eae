//! The light client of the proving process.

use std::time::{Duration, Instant};

use collimate_objects::{Key, Objects, ObjectsError};
use reqwest::StatusCode;
use tokio::time::sleep;

use crate::{Job, JobId, JobState, JobStatus, ProverInfo};

/// How the client talks to the proving process.
#[derive(Debug, Clone)]
pub struct ProverSettings {
    /// Base URL of the process, such as `http://127.0.0.1:7301`.
    pub url: String,
    /// Time between two questions about a job.
    pub poll: Duration,
    /// How long the process may be away (it restarts when it dies) before the job is given up.
    pub patience: Duration,
}

impl ProverSettings {
    /// Settings with the usual times: four questions a second, so that little time passes between a proof and its use, and
    /// ten minutes of patience.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        let poll = Duration::from_millis(250);
        Self { url: url.into(), poll, patience: Duration::from_secs(600) }
    }
}

/// Why a job gave no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProverClientError {
    /// The process was away for longer than the client waits.
    #[error(
        "[PRC-001] the prover at {url} takes no job since {seconds} s ({cause}): start collimate-prover, or check its log"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// For how long.
        seconds: u64,
        /// The last error.
        cause: String,
    },
    /// The process refused the job.
    #[error("[PRC-002] the prover refused job {id}: {reason}")]
    Refused {
        /// The job.
        id: JobId,
        /// Its words.
        reason: String,
    },
    /// The job failed for good.
    #[error("[PRC-003] job {id} failed after {attempts} attempts: {reason}")]
    Failed {
        /// The job.
        id: JobId,
        /// How often it was tried.
        attempts: u32,
        /// The last reason.
        reason: String,
    },
    /// The process says that it is done, but the store holds no output.
    #[error(
        "[PRC-004] job {id} is done but its output is not in the object store: prover and aggregator must use the same store"
    )]
    OutputMissing {
        /// The job.
        id: JobId,
    },
    /// The object store failed.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
}

impl ProverClientError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "PRC-001",
            Self::Refused { .. } => "PRC-002",
            Self::Failed { .. } => "PRC-003",
            Self::OutputMissing { .. } => "PRC-004",
            Self::Objects(error) => error.code(),
        }
    }

    /// What caused it, as far as the proving process's reason tells.
    #[must_use]
    pub fn cause(&self) -> Cause {
        let Self::Failed { reason, .. } = self else { return Cause::Elsewhere };
        // The first code is the outermost: what the network's refusal quotes is not the job's fault.
        let Some((_, code)) = reason.split_once('[') else { return Cause::Elsewhere };
        let cause = CAUSES.iter().find(|(prefix, _)| code.starts_with(prefix));
        cause.map_or(Cause::Elsewhere, |(_, cause)| *cause)
    }
}

/// What made a job fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its program, its input or one of its proofs: it fails on every machine.
    Input,
    /// The engine failed on it, for its input or for the machine: nobody knows before it proves something else.
    Engine,
    /// A proof's file could not be read.
    Object,
    /// Machine, settings or network of the proving process: nothing is known about the job.
    Elsewhere,
}

/// The causes that the codes in the proving process's reasons stand for; the first that fits. Others are [`Cause::Elsewhere`].
const CAUSES: [(&str, Cause); 14] = [
    // Its verifiers were busy or stopped.
    ("VER-014", Cause::Elsewhere),
    ("VER-015", Cause::Elsewhere),
    ("VER-", Cause::Input),
    ("PRV-031", Cause::Input),
    ("PRV-035", Cause::Input),
    ("PRV-036", Cause::Input),
    ("PRV-037", Cause::Input),
    ("PRV-042", Cause::Input),
    ("PRV-021", Cause::Engine),
    ("PRV-032", Cause::Engine),
    ("PRV-033", Cause::Engine),
    ("PRV-034", Cause::Engine),
    ("OBJ-002", Cause::Object),
    ("OBJ-003", Cause::Object),
];

/// Asks the proving process for proofs, and takes them from the object store.
#[derive(Debug, Clone)]
pub struct ProverClient {
    settings: ProverSettings,
    http: reqwest::Client,
    objects: Objects,
}

impl ProverClient {
    /// A client of the process at `settings.url`, whose outputs lie in `objects`.
    #[must_use]
    pub fn new(settings: ProverSettings, objects: Objects) -> Self {
        Self { settings, http: reqwest::Client::new(), objects }
    }

    /// The key of a job's finished output, if there is one.
    pub async fn output(&self, id: JobId) -> Result<Option<Key>, ProverClientError> {
        Ok(finished_output(&self.objects, id).await?)
    }

    /// Proves a job and returns the key of the proof file in the object store. A job with a stored output is not proven again.
    /// `on_status` hears each answer of the process, and that there is none.
    pub async fn prove(
        &self,
        job: &Job,
        mut on_status: impl FnMut(&JobStatus) + Send,
    ) -> Result<Key, ProverClientError> {
        let id = job.id();
        let mut away_since: Option<Instant> = None;
        let mut submitted = false;
        loop {
            if let Some(output) = self.output(id).await? {
                return Ok(output);
            }
            let asked = if submitted { self.status(id).await } else { self.submit(id, job).await };
            match asked {
                Ok(Answer::Status(status)) => {
                    away_since = None;
                    submitted = true;
                    on_status(&status);
                    match status.state {
                        JobState::Queued | JobState::Proving => {}
                        JobState::Done => {
                            return self
                                .output(id)
                                .await?
                                .ok_or(ProverClientError::OutputMissing { id });
                        }
                        JobState::Failed => {
                            return Err(ProverClientError::Failed {
                                id,
                                attempts: status.attempts,
                                reason: status.reason.unwrap_or_default(),
                            });
                        }
                    }
                }
                // A prover that was started with an empty state folder has forgotten the job.
                Ok(Answer::Unknown) => submitted = false,
                Ok(Answer::Refused(reason)) => {
                    return Err(ProverClientError::Refused { id, reason });
                }
                Err(error) => {
                    if away_since.is_none() {
                        tracing::warn!(%error, job = %id, "the prover does not answer");
                    }
                    let since = *away_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > self.settings.patience {
                        return Err(ProverClientError::Unreachable {
                            url: self.settings.url.clone(),
                            seconds: since.elapsed().as_secs(),
                            cause: error.to_string(),
                        });
                    }
                    submitted = false;
                    on_status(&away(id, since.elapsed(), &error));
                }
            }
            sleep(self.settings.poll).await;
        }
    }

    /// What the process says of itself.
    pub async fn info(&self) -> Result<ProverInfo, reqwest::Error> {
        let url = format!("{}/v1/info", self.settings.url);
        self.http.get(url).timeout(TIMEOUT).send().await?.error_for_status()?.json().await
    }

    async fn submit(&self, id: JobId, job: &Job) -> Result<Answer, Away> {
        let url = format!("{}/v1/jobs/{id}", self.settings.url);
        Answer::from(self.http.put(url).timeout(TIMEOUT).json(job).send().await?).await
    }

    async fn status(&self, id: JobId) -> Result<Answer, Away> {
        let url = format!("{}/v1/jobs/{id}", self.settings.url);
        Answer::from(self.http.get(url).timeout(TIMEOUT).send().await?).await
    }
}

/// What is said of a job while its prover does not take it.
fn away(id: JobId, since: Duration, error: &Away) -> JobStatus {
    let seconds = since.as_secs();
    let reason = format!("the prover does not answer to the job since {seconds} s ({error})");
    JobStatus { id, state: JobState::Queued, attempts: 0, reason: Some(reason), progress: None }
}

/// The largest proof file: a compressed proof has about 1.3 MB.
pub const MAX_PROOF_BYTES: u64 = 8 << 20;

/// The key of a job's output. An output that can no longer be read counts as none: proving the job
/// again replaces it.
pub async fn finished_output(objects: &Objects, id: JobId) -> Result<Option<Key>, ObjectsError> {
    match objects.get_output(&id.0, MAX_PROOF_BYTES).await {
        Ok(output) => Ok(output.map(|bytes| Key::of(&bytes))),
        Err(ObjectsError::NotFound { .. } | ObjectsError::Corrupt { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Jobs are small (proofs travel through the object store), so an answer takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer to a job, for the time being.
#[derive(Debug, thiserror::Error)]
enum Away {
    /// Nobody answers, or not in our language.
    #[error(transparent)]
    Silent(#[from] reqwest::Error),
    /// It says what keeps it from taking jobs, and its code.
    #[error("{status}: {words}")]
    Unwell { status: StatusCode, words: String },
}

/// The most of a refusal that is passed on.
const MAX_WORDS: usize = 500;

enum Answer {
    Status(JobStatus),
    Unknown,
    Refused(String),
}

impl Answer {
    async fn from(response: reqwest::Response) -> Result<Self, Away> {
        match response.status() {
            StatusCode::NOT_FOUND => Ok(Self::Unknown),
            status if status.is_client_error() => Ok(Self::Refused(response.text().await?)),
            status if status.is_server_error() => {
                let words = response.text().await?.trim().chars().take(MAX_WORDS).collect();
                Err(Away::Unwell { status, words })
            }
            _ => Ok(Self::Status(response.error_for_status()?.json().await?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_blamed_on_what_its_outermost_code_names() {
        let failed = |reason: &str| ProverClientError::Failed {
            id: JobId([0; 32]),
            attempts: 3,
            reason: reason.to_owned(),
        };
        for (reason, cause) in [
            ("recursive proof 2: [VER-007] wrong key", Cause::Input),
            ("[PRV-031] rejects its input", Cause::Input),
            ("[PRV-021] the engine failed: [VER-012]", Cause::Engine),
            ("[PRV-034] the engine's proof does not verify: [VER-012]", Cause::Engine),
            ("recursive proof 0: [OBJ-002] no object", Cause::Object),
            ("recursive proof 0: [VER-014] the verifiers are busy", Cause::Elsewhere),
            ("recursive proof 0: [VER-015] the verifiers are stopped", Cause::Elsewhere),
            ("[PRV-013] the proving process died", Cause::Elsewhere),
            ("[PRV-022] the network gave no proof: [PRV-021] the engine failed", Cause::Elsewhere),
            ("[PRV-030] this prover carries no such program", Cause::Elsewhere),
            ("no space left on device", Cause::Elsewhere),
        ] {
            assert_eq!(failed(reason).cause(), cause, "{reason}");
        }
    }
}
