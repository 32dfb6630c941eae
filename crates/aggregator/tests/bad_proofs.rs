//! One bad proof never stops the others: it is found, and only it is taken out of the run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeSet,
    future::Future,
    num::NonZeroUsize,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
};

use collimate_aggregator::{
    AggregatorError, JobLog, Member, Plan, PlanSettings, Prove, Proven, Proving,
};
use collimate_core::ProgramId;
use collimate_objects::{Key, Objects};
use collimate_prover_client::{AggregationPrograms, Job, JobId, JobStatus, ProverClientError};
use collimate_store::{Deployment, EmbeddedPostgres, NewProof, ProofSystem, Store};
use collimate_verifiers::{
    ProgramKey, Submission, VerifierPool, sp1::Sp1Compressed, verify_guarded,
};

const SAMPLES: [&str; 4] = ["ecdsa_secp256k1", "fibonacci", "merkle_membership", "sha256_preimage"];

/// Fails every job that has a poisoned proof in it, as the real engine does, and counts the jobs.
#[derive(Default)]
struct FakeProver {
    poisoned: BTreeSet<[u8; 32]>,
    asked: Mutex<Vec<JobId>>,
    away: bool,
    /// Fails jobs of more proofs than this.
    at_most: Option<usize>,
    /// Why it fails.
    reason: Option<&'static str>,
}

impl Prove for FakeProver {
    fn prove<'a>(
        &'a self,
        job: &'a Job,
        _on_status: &'a (dyn Fn(&JobStatus) + Send + Sync),
    ) -> Pin<Box<dyn Future<Output = Result<Key, ProverClientError>> + Send + 'a>> {
        self.asked.lock().unwrap().push(job.id());
        let failed = || ProverClientError::Failed {
            id: job.id(),
            attempts: 3,
            reason: self.reason.unwrap_or("[PRV-021] the engine failed").into(),
        };
        let away = || ProverClientError::Unreachable {
            url: "http://127.0.0.1:1".into(),
            seconds: 600,
            cause: "refused".into(),
        };
        let too_many = self.at_most.is_some_and(|most| job.proofs.len() > most);
        let poisoned =
            too_many || job.proofs.iter().any(|proof| self.poisoned.contains(&proof.object));
        let result = match (self.away, poisoned) {
            (true, _) => Err(away()),
            (_, true) => Err(failed()),
            _ => Ok(Key::of(&job.id().0)),
        };
        Box::pin(async move { result })
    }
}

struct World {
    _folder: tempfile::TempDir,
    _server: EmbeddedPostgres,
    objects: Objects,
    members: Vec<Member>,
    log: JobLog,
    programs: AggregationPrograms,
}

/// The committed sample proofs as the members of an open run.
async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let server = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
    let store = Store::connect(server.url()).await.unwrap();
    let objects = Objects::folder(&folder.path().join("objects")).unwrap();
    let mut members = vec![];
    for name in SAMPLES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proofs").join(name);
        let proof = std::fs::read(path.with_extension("proof")).unwrap();
        let verifying_key = std::fs::read(path.with_extension("vk")).unwrap();
        let key = ProgramKey::VerifyingKey(verifying_key.clone());
        let submission = Submission { proof: proof.clone(), key, public_values: None };
        let verified = verify_guarded(&Sp1Compressed::default(), &submission).unwrap();
        let object = objects.put(proof).await.unwrap();
        let new = NewProof {
            proof_hash: object.0,
            proof_system: ProofSystem::Sp1,
            program_id: verified.program_id.0,
            vk: verifying_key.clone(),
            public_values: verified.public_values.clone(),
            commitment: verified.commitment.0,
        };
        let id = store.insert_proof(&new).await.unwrap().id;
        store.mark_verified(id).await.unwrap();
        store.queue(id).await.unwrap();
        members.push(Member {
            object,
            program_id: verified.program_id,
            verifying_key,
            public_values: verified.public_values,
        });
    }
    let deployment = Deployment { chain_id: 31337, contract: [7; 20] };
    let run = store.open_run(&deployment, 10).await.unwrap().unwrap();
    let programs = AggregationPrograms::committed().unwrap();
    let log = JobLog::new(store, run.id, programs.clone());
    World { _folder: folder, _server: server, objects, members, log, programs }
}

async fn prove(
    world: &World,
    members: &[Member],
    prover: Arc<FakeProver>,
) -> Result<Proven, AggregatorError> {
    let proving = Proving {
        prover,
        objects: world.objects.clone(),
        verifiers: VerifierPool::for_this_machine().unwrap(),
        parallel: NonZeroUsize::MIN,
    };
    let settings = PlanSettings::default();
    let plan = Plan::new(members.to_vec(), [1; 32], settings, world.programs.clone()).unwrap();
    proving.run(&plan, &world.log, &|_| {}).await
}

#[tokio::test]
async fn a_proof_that_only_the_engine_refuses_is_found_by_halves() {
    let world = world().await;
    for bad in 0..world.members.len() {
        let poisoned = BTreeSet::from([world.members[bad].object.0]);
        let prover = Arc::new(FakeProver { poisoned, ..FakeProver::default() });
        let Proven::Bad(found) = prove(&world, &world.members, prover.clone()).await.unwrap()
        else {
            panic!("a poisoned run cannot be proven")
        };
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].object, world.members[bad].object);
        assert_eq!(found[0].code, "AGG-010");
        assert!(found[0].reason.contains("PRV-021"), "{}", found[0].reason);
        assert!(prover.asked.lock().unwrap().len() <= 1 + 2 * 2, "halves, not one by one");
    }
}

#[tokio::test]
async fn several_bad_proofs_are_all_found() {
    let world = world().await;
    let poisoned = BTreeSet::from([world.members[0].object.0, world.members[3].object.0]);
    let prover = Arc::new(FakeProver { poisoned: poisoned.clone(), ..FakeProver::default() });
    let Proven::Bad(found) = prove(&world, &world.members, prover).await.unwrap() else {
        panic!("a poisoned run cannot be proven")
    };
    assert_eq!(found.iter().map(|bad| bad.object.0).collect::<BTreeSet<_>>(), poisoned);
}

#[tokio::test]
async fn a_proof_that_does_not_verify_is_found_without_proving_halves() {
    let world = world().await;
    // A good proof that claims to be of another program, as if the door had let it in.
    let mut members = world.members.clone();
    members[2].program_id = ProgramId::from_sp1_words([5; 8]);
    let poisoned = BTreeSet::from([members[2].object.0]);
    let prover = Arc::new(FakeProver { poisoned, ..FakeProver::default() });
    let Proven::Bad(found) = prove(&world, &members, prover.clone()).await.unwrap() else {
        panic!("a poisoned run cannot be proven")
    };
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].object, found[0].code), (members[2].object, "VER-007"));
    assert_eq!(prover.asked.lock().unwrap().len(), 1, "native verification is enough");
}

#[tokio::test]
async fn a_prover_that_is_away_blames_no_proof() {
    let world = world().await;
    let prover = Arc::new(FakeProver { away: true, ..FakeProver::default() });
    let error = prove(&world, &world.members, prover).await.unwrap_err();
    assert_eq!(error.code(), "PRC-001");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_run_that_fails_only_as_a_whole_blames_no_proof() {
    let world = world().await;
    let prover = Arc::new(FakeProver { at_most: Some(2), ..FakeProver::default() });
    let error = prove(&world, &world.members, prover).await.unwrap_err();
    assert_eq!(error.code(), "AGG-011");
}

#[tokio::test]
async fn a_prover_that_fails_on_everything_blames_no_proof() {
    let world = world().await;
    let prover = Arc::new(FakeProver { at_most: Some(0), ..FakeProver::default() });
    let error = prove(&world, &world.members, prover).await.unwrap_err();
    assert_eq!(error.code(), "AGG-012");
    assert!(!error.is_retryable(), "it needs a person");
}

#[tokio::test]
async fn a_prover_without_memory_blames_no_proof_and_is_asked_once() {
    let world = world().await;
    let reason = Some("[PRV-013] the proving process died while it worked on this job");
    let prover = Arc::new(FakeProver { at_most: Some(0), reason, ..FakeProver::default() });
    let error = prove(&world, &world.members, prover.clone()).await.unwrap_err();
    assert_eq!(error.code(), "PRC-003");
    assert!(error.is_retryable());
    assert_eq!(prover.asked.lock().unwrap().len(), 1);
}
