//! Verifiers that are slow, stuck, broken or wrong, around the real one.

use std::sync::{
    Arc, Condvar, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use collimate_core::ProgramId;
use collimate_verifiers::{ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError};

use super::samples::VERIFIER;

/// The real verifier, which waits until it is let through.
#[derive(Debug)]
pub(crate) struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    entered: AtomicUsize,
}

impl Gate {
    pub(crate) fn new(open: bool) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::new(open),
            opened: Condvar::new(),
            entered: AtomicUsize::new(0),
        })
    }

    pub(crate) fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// Verifications that began.
    pub(crate) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }
}

impl ProofSystem for Gate {
    fn name(&self) -> &'static str {
        VERIFIER.name()
    }

    fn max_proof_bytes(&self) -> usize {
        VERIFIER.max_proof_bytes()
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        VERIFIER.program_id(key)
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
        VERIFIER.verify(submission)
    }
}

/// Panics on whatever it is given.
#[derive(Debug)]
pub(crate) struct Panics;

impl ProofSystem for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn max_proof_bytes(&self) -> usize {
        VERIFIER.max_proof_bytes()
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        VERIFIER.program_id(key)
    }

    fn verify(&self, _: &Submission) -> Result<VerifiedProof, VerifyError> {
        panic!("a verifier that cannot cope")
    }
}

/// A verifier that is wrong about every proof: a machine that fails.
#[derive(Debug)]
pub(crate) struct Wrong;

impl ProofSystem for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn max_proof_bytes(&self) -> usize {
        VERIFIER.max_proof_bytes()
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        VERIFIER.program_id(key)
    }

    fn verify(&self, _: &Submission) -> Result<VerifiedProof, VerifyError> {
        Err(VerifyError::Rejected { reason: "a flipped bit in memory".to_owned() })
    }
}
