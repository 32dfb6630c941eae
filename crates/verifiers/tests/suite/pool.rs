//! The pool stays up and bounded whatever a verifier does.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Condvar, Mutex},
};

use collimate_core::{Commitment, ProgramId};
use collimate_verifiers::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifierPool, VerifyError,
};

/// A proof system whose proofs say what the verifier shall do: panic, wait at the gate, or accept.
#[derive(Debug, Default)]
struct Scripted {
    gate: Mutex<Gate>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Gate {
    waiting: usize,
    seen: usize,
    open: bool,
}

impl Scripted {
    async fn until_waiting(self: &Arc<Self>, count: usize) {
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let gate = this.gate.lock().unwrap();
            drop(this.changed.wait_while(gate, |gate| gate.waiting < count).unwrap());
        })
        .await
        .unwrap();
    }

    fn open(&self) {
        self.gate.lock().unwrap().open = true;
        self.changed.notify_all();
    }
}

impl ProofSystem for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn max_proof_bytes(&self) -> usize {
        100
    }

    fn program_id(&self, _: &ProgramKey) -> Result<ProgramId, VerifyError> {
        Ok(ProgramId::default())
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        let mut gate = self.gate.lock().unwrap();
        gate.seen += 1;
        match submission.proof.as_slice() {
            b"panic" => {
                drop(gate);
                panic!("told to")
            }
            b"wait" => {
                gate.waiting += 1;
                self.changed.notify_all();
                drop(self.changed.wait_while(gate, |gate| !gate.open).unwrap());
            }
            _ => {}
        }
        Ok(VerifiedProof {
            program_id: ProgramId::default(),
            public_values: Vec::new(),
            commitment: Commitment::default(),
            sp1: None,
        })
    }
}

fn proof(script: &str) -> Submission {
    Submission {
        proof: script.as_bytes().to_vec(),
        key: ProgramKey::ProgramId(ProgramId::default()),
        public_values: None,
    }
}

fn pool(threads: usize, queue: usize) -> VerifierPool {
    VerifierPool::new(NonZeroUsize::new(threads).unwrap(), queue).unwrap()
}

#[tokio::test]
async fn a_panic_is_a_rejected_proof_and_the_thread_goes_on() {
    let (pool, system) = (pool(1, 4), Arc::new(Scripted::default()));
    for _ in 0..3 {
        let error = pool.verify(system.clone(), proof("panic")).await.unwrap_err();
        assert_eq!(error, VerifyError::Panicked { reason: "told to".to_owned() });
        assert!(!error.is_retryable());
    }
    assert!(pool.verify(system, proof("accept")).await.is_ok());
}

#[tokio::test]
async fn a_full_queue_is_answered_with_busy_at_once() {
    let (pool, system) = (pool(1, 1), Arc::new(Scripted::default()));
    let ask = |script: &str| {
        let (pool, system, proof) = (pool.clone(), system.clone(), proof(script));
        tokio::spawn(async move { pool.verify(system, proof).await })
    };
    let verifying = ask("wait");
    system.until_waiting(1).await;
    // The only thread is taken: one more fits into the queue, whichever of the two comes first.
    let (second, third) = (ask("accept"), ask("accept"));
    let (busy, queued) = tokio::select! {
        busy = second => (busy, None),
        busy = third => (busy, Some(())),
    };
    assert_eq!(busy.unwrap().unwrap_err(), VerifyError::Busy);
    let _ = queued;
    system.open();
    assert!(verifying.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_proof_whose_sender_went_away_is_not_verified() {
    let (pool, system) = (pool(1, 4), Arc::new(Scripted::default()));
    let verifying = tokio::spawn({
        let (pool, system) = (pool.clone(), system.clone());
        async move { pool.verify(system, proof("wait")).await }
    });
    system.until_waiting(1).await;
    {
        let abandoned = pool.verify(system.clone(), proof("accept"));
        futures::pin_mut!(abandoned);
        assert!(futures::poll!(abandoned.as_mut()).is_pending());
    }
    system.open();
    assert!(verifying.await.unwrap().is_ok());
    assert!(pool.verify(system.clone(), proof("accept")).await.is_ok());
    assert_eq!(system.gate.lock().unwrap().seen, 2, "the abandoned proof was skipped");
}
