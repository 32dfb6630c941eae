use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use tokio::sync::oneshot;

use crate::{ProofSystem, Submission, VerifiedProof, VerifyError, verify_guarded};

/// Proofs are parsed and verified on these threads only, so that hostile ones cost a bounded share of the machine: at
/// most `threads + queue` proofs are in memory, and one more is answered with [`VerifyError::Busy`].
#[derive(Debug, Clone)]
pub struct VerifierPool {
    jobs: SyncSender<Job>,
}

#[derive(Debug)]
struct Job {
    system: Arc<dyn ProofSystem>,
    submission: Arc<Submission>,
    answer: oneshot::Sender<Result<VerifiedProof, VerifyError>>,
}

impl VerifierPool {
    /// Starts `threads` threads with room for `queue` waiting proofs. They end when the last clone is dropped.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn new(threads: NonZeroUsize, queue: usize) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for index in 0..threads.get() {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("verifier-{index}"))
                .spawn(move || work(&waiting))?;
        }
        Ok(Self { jobs })
    }

    /// One thread for each processor, and a queue of four proofs for each thread.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub fn for_this_machine() -> std::io::Result<Self> {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::new(threads, threads.get().saturating_mul(4))
    }

    /// Verifies one submission.
    ///
    /// A caller that goes away while its proof waits costs nothing: the proof is dropped unverified.
    ///
    /// # Errors
    /// [`VerifyError::Busy`] at once when the queue is full; otherwise the verifier's answer.
    pub async fn verify(
        &self,
        system: Arc<dyn ProofSystem>,
        submission: Submission,
    ) -> Result<VerifiedProof, VerifyError> {
        self.verify_shared(system, Arc::new(submission)).await
    }

    /// [`Self::verify`] for a caller that needs the proof afterwards: once it has the answer, nobody else holds the
    /// submission.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn verify_shared(
        &self,
        system: Arc<dyn ProofSystem>,
        submission: Arc<Submission>,
    ) -> Result<VerifiedProof, VerifyError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(Job { system, submission, answer }).map_err(|error| match error {
            TrySendError::Full(_) => VerifyError::Busy,
            TrySendError::Disconnected(_) => VerifyError::Stopped,
        })?;
        answered.await.unwrap_or(Err(VerifyError::Stopped))
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting for a job, never while verifying. Nothing can panic below it.
        let job = match waiting.lock() {
            Ok(jobs) => jobs.recv(),
            Err(_) => return,
        };
        let Ok(Job { system, submission, answer }) = job else { return };
        if !answer.is_closed() {
            let verdict = verify_guarded(system.as_ref(), &submission);
            drop(submission);
            let _ = answer.send(verdict);
        }
    }
}
