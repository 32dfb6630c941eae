//! The jobs that this process was given, on disk: what survives when proving kills the process.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use collimate_prover_client::{Job, JobId, JobState, JobStatus};
use serde::{Deserialize, Serialize};

/// The reasons that mean, or most likely mean, that memory ran out.
const OUT_OF_MEMORY: [&str; 2] = ["[PRV-007]", "[PRV-013]"];

/// A job and where it stands, as one JSON file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    pub job: Job,
    pub state: JobState,
    pub attempts: u32,
    pub reason: Option<String>,
    /// Order of arrival.
    pub sequence: u64,
}

impl Entry {
    pub fn status(&self) -> JobStatus {
        JobStatus {
            id: self.job.id(),
            state: self.state,
            attempts: self.attempts,
            reason: self.reason.clone(),
            progress: None,
        }
    }
}

/// All jobs. Every change is on disk before the method returns.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    max_attempts: u32,
    entries: BTreeMap<JobId, Entry>,
    /// Held for the life of the process: two provers never share a folder.
    _lock: File,
}

impl Ledger {
    /// Opens the folder. A job that was being proven when the last process died goes back to the
    /// queue, or fails if that was its last attempt.
    pub fn open(folder: &Path, max_attempts: u32) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("[PRV-010] cannot create {}", folder.display()))?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock().with_context(|| {
            format!("[PRV-011] another collimate-prover uses {}: stop it, or give this one another --state folder", folder.display())
        })?;
        let mut ledger =
            Self { folder: folder.to_owned(), max_attempts, entries: BTreeMap::new(), _lock: lock };
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let entry: Entry =
                    serde_json::from_slice(&fs::read(&path)?).with_context(|| {
                        format!(
                            "[PRV-012] {} is damaged: delete it, the job will be asked for again",
                            path.display()
                        )
                    })?;
                ledger.entries.insert(entry.job.id(), entry);
            }
        }
        let interrupted: Vec<_> = ledger
            .entries
            .values()
            .filter(|e| e.state == JobState::Proving)
            .map(|e| e.job.id())
            .collect();
        for id in interrupted {
            let reason = "[PRV-013] the proving process died while it worked on this job, most likely out of memory";
            let reason =
                ledger.get(id).and_then(|e| e.reason.clone()).unwrap_or_else(|| reason.into());
            ledger.failed_attempt(id, reason, true)?;
        }
        Ok(ledger)
    }

    pub fn get(&self, id: JobId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes a job in, unless it is known. A failed job that is asked for again starts anew.
    pub fn submit(&mut self, job: Job) -> Result<JobStatus> {
        let id = job.id();
        if let Some(entry) = self.entries.get(&id)
            && entry.state != JobState::Failed
        {
            return Ok(entry.status());
        }
        let sequence = self.entries.values().map(|e| e.sequence + 1).max().unwrap_or(0);
        self.write(Entry { job, state: JobState::Queued, attempts: 0, reason: None, sequence })
    }

    /// Forgets the jobs that are done: their outputs are in the object store, under their names.
    pub fn forget_done(&mut self) -> Result<()> {
        let done = self.entries.iter().filter(|(_, e)| e.state == JobState::Done);
        for id in done.map(|(id, _)| *id).collect::<Vec<_>>() {
            let path = self.folder.join(format!("{id}.json"));
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            self.entries.remove(&id);
        }
        Ok(())
    }

    /// Whether a job waits whose last attempt ended for lack of memory.
    pub fn lacked_memory(&self) -> bool {
        let lacking = |reason: &String| OUT_OF_MEMORY.iter().any(|code| reason.starts_with(code));
        self.entries
            .values()
            .any(|e| e.state == JobState::Queued && e.reason.as_ref().is_some_and(lacking))
    }

    /// The job that waits longest.
    pub fn next(&self) -> Option<&Entry> {
        self.entries.values().filter(|e| e.state == JobState::Queued).min_by_key(|e| e.sequence)
    }

    /// Counts an attempt, before it begins.
    pub fn begin(&mut self, id: JobId) -> Result<()> {
        self.change(id, |e| {
            e.state = JobState::Proving;
            e.attempts += 1;
            e.reason = None;
        })
    }

    /// Notes why an attempt is about to end, in case the process does not live to say it.
    pub fn note(&mut self, id: JobId, reason: String) -> Result<()> {
        self.change(id, |e| e.reason = Some(reason))
    }

    pub fn done(&mut self, id: JobId) -> Result<()> {
        self.change(id, |e| e.state = JobState::Done)
    }

    /// Puts a job back that a clean shutdown interrupted: the attempt does not count.
    pub fn interrupted(&mut self, id: JobId) -> Result<()> {
        self.change(id, |e| {
            e.state = JobState::Queued;
            e.attempts = e.attempts.saturating_sub(1);
        })
    }

    /// Ends an attempt without a proof: back to the queue, or failed if it makes no sense to retry.
    pub fn failed_attempt(&mut self, id: JobId, reason: String, retry: bool) -> Result<()> {
        let max_attempts = self.max_attempts;
        self.change(id, |e| {
            e.state = if retry && e.attempts < max_attempts {
                JobState::Queued
            } else {
                JobState::Failed
            };
            e.reason = Some(reason);
        })
    }

    fn change(&mut self, id: JobId, change: impl FnOnce(&mut Entry)) -> Result<()> {
        let mut entry = self.entries.get(&id).with_context(|| format!("unknown job {id}"))?.clone();
        change(&mut entry);
        self.write(entry).map(drop)
    }

    fn write(&mut self, entry: Entry) -> Result<JobStatus> {
        let id = entry.job.id();
        let path = self.folder.join(format!("{id}.json"));
        let temporary = path.with_extension("new");
        let written = (|| -> std::io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(&serde_json::to_vec(&entry)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.folder)?.sync_all()
        })();
        written.with_context(|| {
            format!("[PRV-014] cannot write {}: is the disk full?", path.display())
        })?;
        let status = entry.status();
        self.entries.insert(id, entry);
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use collimate_core::ProgramId;
    use collimate_prover_client::Form;

    use super::*;

    fn job(n: u8) -> Job {
        Job {
            program_id: ProgramId([n; 32]),
            form: Form::Compressed,
            input: vec![n],
            proofs: vec![],
        }
    }

    #[test]
    fn a_job_that_kills_the_process_is_failed_after_its_last_attempt() {
        let folder = tempfile::tempdir().unwrap();
        let id = job(1).id();
        let mut ledger = Ledger::open(folder.path(), 2).unwrap();
        ledger.submit(job(1)).unwrap();
        for attempt in 1..=2 {
            ledger.begin(id).unwrap();
            drop(ledger);
            ledger = Ledger::open(folder.path(), 2).unwrap();
            assert_eq!(ledger.get(id).unwrap().attempts, attempt);
            assert_eq!(ledger.lacked_memory(), attempt == 1, "the next attempt takes less");
        }
        let entry = ledger.get(id).unwrap();
        assert_eq!(entry.state, JobState::Failed);
        assert!(entry.reason.as_ref().unwrap().contains("PRV-013"));
        assert!(ledger.next().is_none());
    }

    #[test]
    fn jobs_are_taken_in_order_and_never_twice() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), 3).unwrap();
        for n in [9, 3, 5] {
            ledger.submit(job(n)).unwrap();
        }
        ledger.submit(job(9)).unwrap();
        assert_eq!(ledger.len(), 3);
        for n in [9, 3, 5] {
            let id = ledger.next().unwrap().job.id();
            assert_eq!(id, job(n).id());
            ledger.begin(id).unwrap();
            ledger.done(id).unwrap();
        }
        assert_eq!(ledger.submit(job(3)).unwrap().state, JobState::Done);
    }

    #[test]
    fn jobs_that_are_done_can_be_forgotten_and_those_that_wait_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path(), 3).unwrap();
        for n in [1, 2] {
            ledger.submit(job(n)).unwrap();
        }
        ledger.begin(job(1).id()).unwrap();
        ledger.done(job(1).id()).unwrap();
        ledger.forget_done().unwrap();
        drop(ledger);
        let ledger = Ledger::open(folder.path(), 3).unwrap();
        assert!(ledger.get(job(1).id()).is_none());
        assert_eq!(ledger.next().unwrap().job.id(), job(2).id());
    }

    #[test]
    fn two_processes_never_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Ledger::open(folder.path(), 3).unwrap();
        let error = Ledger::open(folder.path(), 3).unwrap_err();
        assert!(format!("{error:#}").contains("PRV-011"));
    }
}
