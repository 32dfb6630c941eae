use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::primitives::{Address, B256};
use collimate_core::ProgramId;
use collimate_verifiers::{
    ProgramKey, ProofSystem, Submission, VerifierPool, VerifyError, sp1::Sp1Compressed,
};

use crate::{
    AttestationError, AttestedProgram, SecretKey, Signature, SigningContext, journal::Journal,
};

/// Who an operator is and what it signs.
#[derive(Debug, Clone)]
pub struct OperatorConfig {
    /// The account that is registered.
    pub address: Address,
    /// Where its signatures count.
    pub context: SigningContext,
    /// The program whose proofs it attests.
    pub program: AttestedProgram,
    /// What it signed; the operator's own, on a disk that survives a restart.
    pub journal: PathBuf,
}

/// What an operator is asked to verify and sign.
#[derive(Clone, PartialEq, Eq)]
pub struct AttestationRequest {
    /// Where the signature shall count.
    pub context: SigningContext,
    /// The program that was proven, `programVKey` of `ISP1Verifier`.
    pub program_id: ProgramId,
    /// What the contract will be given.
    pub public_values: Vec<u8>,
    /// The compressed proof, as SP1's SDK saves it.
    pub proof: Vec<u8>,
}

impl std::fmt::Debug for AttestationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttestationRequest")
            .field("context", &self.context)
            .field("program_id", &self.program_id)
            .field("public_values_bytes", &self.public_values.len())
            .field("proof_bytes", &self.proof.len())
            .finish()
    }
}

impl AttestationRequest {
    /// The 32 bytes to be signed.
    pub fn message(&self) -> B256 {
        self.context.message(self.program_id, &self.public_values)
    }
}

/// Verifies proofs natively and signs what they prove, one answer a task.
///
/// The order is what makes it safe: check, verify, journal on disk, sign. The signature exists only after the journal
/// has the answer, so no crash loses one, and a second answer to the task is refused for ever.
#[derive(Debug, Clone)]
pub struct Operator {
    config: Arc<OperatorConfig>,
    key: Arc<SecretKey>,
    /// None once the operator is stopped.
    journal: Arc<Mutex<Option<Journal>>>,
    system: Arc<dyn ProofSystem>,
    pool: VerifierPool,
}

impl Operator {
    /// Opens the journal and prepares the verifier.
    ///
    /// # Errors
    /// The journal is in use, damaged or not writable.
    pub fn new(
        config: OperatorConfig,
        key: SecretKey,
        pool: VerifierPool,
    ) -> Result<Self, AttestationError> {
        let journal = Journal::open(&config.journal)?;
        Ok(Self {
            config: Arc::new(config),
            key: Arc::new(key),
            journal: Arc::new(Mutex::new(Some(journal))),
            system: Arc::new(Sp1Compressed::default()),
            pool,
        })
    }

    /// Its configuration.
    pub fn config(&self) -> &OperatorConfig {
        &self.config
    }

    /// Its public key.
    pub fn public_key(&self) -> crate::PublicKey {
        self.key.public_key()
    }

    /// Verifies a proof and signs it. Asked again for what it signed already, it gives the same signature.
    ///
    /// # Errors
    /// The request is not for this operator, its task has another answer, the proof is not accepted, or the journal
    /// cannot be written. Nothing is signed then.
    pub async fn attest(&self, request: AttestationRequest) -> Result<Signature, AttestationError> {
        let task = self.task(&request)?;
        let message = request.message();
        let answer = with(&self.journal, |journal| Ok(journal.answer(task)))?;
        match answer {
            // Verified before it was journaled.
            Some(signed) if signed == message => return Ok(self.key.sign(message)),
            // Refused before anything costly.
            Some(signed) => return Err(AttestationError::Conflict { task, signed }),
            None => self.verify(request).await?,
        }
        self.record(task, message).await?;
        tracing::info!(%task, %message, "signed");
        Ok(self.key.sign(message))
    }

    fn task(&self, request: &AttestationRequest) -> Result<B256, AttestationError> {
        let OperatorConfig { context, program, .. } = &*self.config;
        if request.context != *context {
            let SigningContext { chain_id, verifier } = *context;
            return Err(AttestationError::WrongContext { chain_id, verifier });
        }
        if request.program_id != program.id() {
            return Err(AttestationError::WrongProgram {
                found: request.program_id.0.into(),
                expected: program.id().0.into(),
            });
        }
        program.task(context, &request.public_values)
    }

    async fn verify(&self, request: AttestationRequest) -> Result<(), AttestationError> {
        let AttestationRequest { program_id, public_values, proof, .. } = request;
        let submission = Submission {
            proof,
            key: ProgramKey::ProgramId(program_id),
            public_values: Some(public_values.clone()),
        };
        let verified = self.pool.verify(Arc::clone(&self.system), submission).await?;
        // The verifier compared them; what is signed shall not depend on that.
        if verified.program_id == program_id && verified.public_values == public_values {
            Ok(())
        } else {
            Err(VerifyError::WrongPublicValues.into())
        }
    }

    /// Waiting for the disk must not hold up other tasks of the runtime.
    async fn record(&self, task: B256, message: B256) -> Result<(), AttestationError> {
        let journal = Arc::clone(&self.journal);
        tokio::task::spawn_blocking(move || with(&journal, |journal| journal.record(task, message)))
            .await
            .unwrap_or(Err(AttestationError::Stopped))
    }

    /// Gives the journal back: from here on every clone of this operator answers [`AttestationError::Stopped`].
    pub(crate) fn stop(&self) {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Nothing panics while it holds the journal, so a poisoned lock still guards a whole one.
fn with<T>(
    journal: &Mutex<Option<Journal>>,
    work: impl FnOnce(&mut Journal) -> Result<T, AttestationError>,
) -> Result<T, AttestationError> {
    let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
    work(journal.as_mut().ok_or(AttestationError::Stopped)?)
}
