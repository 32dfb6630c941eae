//! The committed sample proofs, stored and queued, and a fake prover.

use std::{
    collections::BTreeSet,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use collimate_aggregator::{Member, Prove};
use collimate_objects::{Key, Objects};
use collimate_prover_client::{AggregationPrograms, Job, JobId, JobStatus, ProverClientError};
use collimate_store::{EmbeddedPostgres, NewProof, ProofId, ProofSystem, Store};
use collimate_verifiers::{ProgramKey, Submission, sp1::Sp1Compressed, verify_guarded};

use crate::trapdoor;

const SAMPLES: [&str; 4] = ["ecdsa_secp256k1", "fibonacci", "merkle_membership", "sha256_preimage"];

/// A file below the project's `proofs`.
pub(crate) fn committed(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proofs").join(name)).unwrap()
}

/// A database and an object store.
pub(crate) struct Stores {
    folder: tempfile::TempDir,
    _server: EmbeddedPostgres,
    pub store: Store,
    pub objects: Objects,
}

impl Stores {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
        let store = Store::connect(server.url()).await.unwrap();
        let objects = Objects::folder(&folder.path().join("objects")).unwrap();
        objects.name().await.unwrap();
        Self { folder, _server: server, store, objects }
    }

    /// A file of the object store.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("objects").join(name)
    }

    async fn queue(&self, member: &Member) -> ProofId {
        let new = NewProof {
            proof_hash: member.object.0,
            proof_system: ProofSystem::Sp1,
            program_id: member.program_id.0,
            vk: member.verifying_key.clone(),
            public_values: member.public_values.clone(),
            commitment: member.commitment().0,
        };
        let id = self.store.insert_proof(&new).await.unwrap().id;
        self.store.mark_verified(id).await.unwrap();
        self.store.queue(id).await.unwrap();
        id
    }

    /// The committed sample proofs.
    pub(crate) async fn queue_samples(&self) -> Vec<Member> {
        let mut members = vec![];
        for name in SAMPLES {
            members.push(self.queue_file(name, committed(&format!("{name}.proof"))).await.1);
        }
        members
    }

    /// Another proof that holds: one of the samples in the shorter form, in which proofs come from the network.
    pub(crate) async fn queue_another(&self) -> (ProofId, Key) {
        let mut proof = committed("fibonacci.proof");
        proof.pop();
        let (id, member) = self.queue_file("fibonacci", proof).await;
        (id, member.object)
    }

    async fn queue_file(&self, name: &str, proof: Vec<u8>) -> (ProofId, Member) {
        let verifying_key = committed(&format!("{name}.vk"));
        let key = ProgramKey::VerifyingKey(verifying_key.clone());
        let submission = Submission { proof: proof.clone(), key, public_values: None };
        let verified = verify_guarded(&Sp1Compressed::default(), &submission).unwrap();
        let member = Member {
            object: self.objects.put(proof).await.unwrap(),
            program_id: verified.program_id,
            verifying_key,
            public_values: verified.public_values,
        };
        (self.queue(&member).await, member)
    }

    /// A proof that slipped through the door: a file that is none.
    pub(crate) async fn queue_nonsense(&self) -> (ProofId, Key) {
        self.queue_text("no proof").await
    }

    /// Another one of the kind.
    pub(crate) async fn queue_text(&self, text: &'static str) -> (ProofId, Key) {
        let object = self.objects.put(text.as_bytes()).await.unwrap();
        let member = Member {
            object,
            program_id: collimate_core::ProgramId::from_sp1_words([3; 8]),
            verifying_key: vec![],
            public_values: vec![1],
        };
        (self.queue(&member).await, object)
    }
}

/// Fails every job that has a poisoned proof in it, as the real engine does, and keeps the jobs.
#[derive(Default)]
pub(crate) struct FakeProver {
    pub poisoned: Mutex<BTreeSet<[u8; 32]>>,
    pub asked: Mutex<Vec<JobId>>,
    pub away: bool,
    /// Fails jobs of more proofs than this.
    pub at_most: Option<usize>,
    /// Why it fails.
    pub reason: Option<&'static str>,
    /// Fails every job, as a broken machine does.
    pub broken: AtomicBool,
    /// Fails every final job, and proves chunks.
    pub never_whole: bool,
    /// Proofs whose jobs take hours.
    pub slow: BTreeSet<[u8; 32]>,
    /// Where it stores this file as the output of whatever it is asked for. Wraps of it are forged, under the key whose trapdoor is
    /// known.
    pub output: Option<(Objects, Vec<u8>)>,
    /// The wraps that it was asked for.
    pub wraps: Mutex<Vec<JobId>>,
    /// Fails every wrap.
    pub wraps_fail: AtomicBool,
    /// Never ends a wrap.
    pub wraps_are_slow: bool,
    /// Wraps a proof of other public values than it is asked for.
    pub wraps_another: bool,
}

impl FakeProver {
    pub(crate) fn poisoned(objects: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self { poisoned: Mutex::new(objects.into_iter().collect()), ..Self::default() }
    }

    async fn answer(&self, job: &Job) -> Result<Key, ProverClientError> {
        if job.as_wrap().is_some() {
            return self.wrap(job).await;
        }
        self.asked.lock().unwrap().push(job.id());
        if self.away {
            return Err(ProverClientError::Unreachable {
                url: "http://127.0.0.1:1".into(),
                seconds: 600,
                cause: "refused".into(),
            });
        }
        if job.proofs.iter().any(|proof| self.slow.contains(&proof.object)) {
            std::future::pending::<()>().await;
        }
        let whole = AggregationPrograms::committed().unwrap().chunk_aggregator.program_id;
        let cannot =
            self.broken.load(Ordering::Relaxed) || (self.never_whole && job.program_id == whole);
        let too_many = self.at_most.is_some_and(|most| job.proofs.len() > most);
        let poisoned = self.poisoned.lock().unwrap().clone();
        if cannot || too_many || job.proofs.iter().any(|proof| poisoned.contains(&proof.object)) {
            let reason = self.reason.unwrap_or("[PRV-021] the engine failed").into();
            return Err(ProverClientError::Failed { id: job.id(), attempts: 3, reason });
        }
        match &self.output {
            Some((objects, file)) => {
                Ok(objects.put_output(&job.id().0, file.clone()).await.unwrap())
            }
            None => Ok(Key::of(&job.id().0)),
        }
    }
}

impl FakeProver {
    async fn wrap(&self, job: &Job) -> Result<Key, ProverClientError> {
        self.wraps.lock().unwrap().push(job.id());
        if self.wraps_are_slow {
            std::future::pending::<()>().await;
        }
        if self.wraps_fail.load(Ordering::Relaxed) {
            let reason = self.reason.unwrap_or("[PRV-051] a stage failed").into();
            return Err(ProverClientError::Failed { id: job.id(), attempts: 3, reason });
        }
        let (objects, proof) = self.output.as_ref().expect("what is wrapped was proven");
        assert_eq!(job.proofs[0].object, Key::of(proof).0, "the run's final proof is wrapped");
        let mut statement = statement_of(proof.clone());
        if self.wraps_another {
            statement[95] ^= 1;
        }
        let wrapped = trapdoor::forge(job.program_id, &statement);
        Ok(objects.put_output(&job.id().0, wrapped).await.unwrap())
    }
}

/// What a final proof states.
pub(crate) fn statement_of(proof: Vec<u8>) -> Vec<u8> {
    let program = AggregationPrograms::committed().unwrap().chunk_aggregator.program_id;
    let key = ProgramKey::ProgramId(program);
    let submission = Submission { proof, key, public_values: None };
    verify_guarded(&Sp1Compressed::default(), &submission).unwrap().public_values
}

impl Prove for FakeProver {
    fn prove<'a>(
        &'a self,
        job: &'a Job,
        _on_status: &'a (dyn Fn(&JobStatus) + Send + Sync),
    ) -> Pin<Box<dyn Future<Output = Result<Key, ProverClientError>> + Send + 'a>> {
        Box::pin(self.answer(job))
    }
}

/// How many jobs a prover was asked for.
pub(crate) fn asked(prover: &Arc<FakeProver>) -> usize {
    prover.asked.lock().unwrap().len()
}
