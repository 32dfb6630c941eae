//! One bad proof never stops the others: it is found, and only it is taken out of the run.

use std::{num::NonZeroUsize, sync::Arc};

use collimate_aggregator::{AggregatorError, JobLog, Member, Plan, PlanSettings, Proven, Proving};
use collimate_core::ProgramId;
use collimate_prover_client::AggregationPrograms;
use collimate_store::Deployment;
use collimate_verifiers::VerifierPool;

use crate::support::{FakeProver, Stores, asked};

struct World {
    stores: Stores,
    members: Vec<Member>,
    log: JobLog,
    programs: AggregationPrograms,
}

/// The committed sample proofs as the members of an open run.
async fn world() -> World {
    let stores = Stores::start().await;
    let members = stores.queue_samples().await;
    let deployment = Deployment { chain_id: 31337, contract: [7; 20] };
    let run = stores.store.open_run(&deployment, 10).await.unwrap().unwrap();
    let programs = AggregationPrograms::committed().unwrap();
    let log = JobLog::new(stores.store.clone(), run.id, programs.clone());
    World { stores, members, log, programs }
}

async fn prove(
    world: &World,
    members: &[Member],
    prover: Arc<FakeProver>,
) -> Result<Proven, AggregatorError> {
    let (objects, verifiers) =
        (world.stores.objects.clone(), VerifierPool::for_this_machine().unwrap());
    let proving = Proving::new(prover, objects, verifiers, NonZeroUsize::MIN);
    let settings = PlanSettings::default();
    let plan = Plan::new(members.to_vec(), [1; 32], settings, world.programs.clone()).unwrap();
    proving.run(&plan, &world.log, &|_| {}).await
}

#[tokio::test]
async fn a_proof_that_only_the_engine_refuses_is_found_by_halves() {
    let world = world().await;
    for bad in 0..world.members.len() {
        let prover = Arc::new(FakeProver::poisoned([world.members[bad].object.0]));
        let Proven::Bad(found) = prove(&world, &world.members, prover.clone()).await.unwrap()
        else {
            panic!("a poisoned run cannot be proven")
        };
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].object, world.members[bad].object);
        assert_eq!(found[0].code, "AGG-010");
        assert!(found[0].reason.contains("PRV-021"), "{}", found[0].reason);
        assert!(asked(&prover) <= 1 + 2 * 2, "halves, not one by one");
    }
}

#[tokio::test]
async fn several_bad_proofs_are_all_found() {
    let world = world().await;
    let poisoned = [world.members[0].object.0, world.members[3].object.0];
    let prover = Arc::new(FakeProver::poisoned(poisoned));
    let Proven::Bad(found) = prove(&world, &world.members, prover).await.unwrap() else {
        panic!("a poisoned run cannot be proven")
    };
    assert_eq!(found.iter().map(|bad| bad.object.0).collect::<Vec<_>>(), poisoned);
}

#[tokio::test]
async fn a_proof_that_does_not_verify_is_found_without_proving_halves() {
    let world = world().await;
    // A good proof that claims to be of another program, as if the door had let it in.
    let mut members = world.members.clone();
    members[2].program_id = ProgramId::from_sp1_words([5; 8]);
    let prover = Arc::new(FakeProver::poisoned([members[2].object.0]));
    let Proven::Bad(found) = prove(&world, &members, prover.clone()).await.unwrap() else {
        panic!("a poisoned run cannot be proven")
    };
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].object, found[0].code), (members[2].object, "VER-007"));
    assert_eq!(asked(&prover), 1, "native verification is enough");
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
    let suspected = prove(&world, &world.members, prover).await.unwrap();
    let Proven::Suspect { members, .. } = suspected else { panic!("{suspected:?}") };
    assert_eq!(members.len(), 4, "the engine has to show first that it works");
}

#[tokio::test]
async fn a_lone_proof_is_not_blamed_before_the_engine_shows_that_it_works() {
    let world = world().await;
    let prover = Arc::new(FakeProver { at_most: Some(0), ..FakeProver::default() });
    let suspected = prove(&world, &world.members[..1], prover).await.unwrap();
    assert!(matches!(suspected, Proven::Suspect { members, .. } if members.len() == 1));
    // What fails on every machine is the proof's fault.
    let reason = Some("recursive proof 0: [PRV-036] the verifying key is not that of the program");
    let prover = Arc::new(FakeProver { at_most: Some(0), reason, ..FakeProver::default() });
    let Proven::Bad(found) = prove(&world, &world.members[1..2], prover).await.unwrap() else {
        panic!("the key is wrong on every machine")
    };
    assert!(found[0].reason.contains("PRV-036"), "{}", found[0].reason);
}

#[tokio::test]
async fn a_lost_or_damaged_file_costs_its_proof_alone_if_the_store_is_there() {
    let world = world().await;
    let reason = Some("recursive proof 1: [OBJ-002] no object");
    let objects = [world.members[1].object, world.members[2].object];
    let [lost, damaged] = objects.map(|key| world.stores.file(&format!("objects/{key}")));
    let poisoned = || objects.map(|key| key.0);
    let prover = Arc::new(FakeProver { reason, ..FakeProver::poisoned(poisoned()) });
    // All of it can be read here: what the prover lacks is its own affair.
    let error = prove(&world, &world.members, prover.clone()).await.unwrap_err();
    assert_eq!(error.code(), "PRC-003");
    assert!(error.is_retryable() && asked(&prover) == 1);

    std::fs::remove_file(lost).unwrap();
    std::fs::write(damaged, b"other bytes").unwrap();
    let (identity, aside) = (world.stores.file("identity"), world.stores.file("aside"));
    std::fs::rename(&identity, &aside).unwrap();
    let error = prove(&world, &world.members, prover.clone()).await.unwrap_err();
    assert_eq!(error.code(), "OBJ-009", "a store that is away lacks everything");
    assert!(error.is_retryable());
    std::fs::rename(&aside, &identity).unwrap();
    let Proven::Bad(found) = prove(&world, &world.members, prover).await.unwrap() else {
        panic!("two files are gone")
    };
    let codes: Vec<_> = found.iter().map(|bad| (bad.object, bad.code)).collect();
    assert_eq!(codes, [(objects[0], "OBJ-002"), (objects[1], "OBJ-003")]);
}

#[tokio::test]
async fn a_prover_without_memory_blames_no_proof_and_is_asked_once() {
    let world = world().await;
    let reason = Some("[PRV-013] the proving process died while it worked on this job");
    let prover = Arc::new(FakeProver { at_most: Some(0), reason, ..FakeProver::default() });
    let error = prove(&world, &world.members, prover.clone()).await.unwrap_err();
    assert_eq!(error.code(), "PRC-003");
    assert!(error.is_retryable());
    assert_eq!(asked(&prover), 1);
}
