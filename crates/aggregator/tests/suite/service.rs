//! The service on a real node and a real database, with a fake prover, a fake seal and a contract that takes it: which run is
//! worked on, and when.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alloy::providers::Provider;
use collimate_aggregator::{PlanSettings, Trigger, Troubles};
use collimate_chain::provider::{Timeouts, connect};
use collimate_prover_client::JobId;
use collimate_store::{ProofStatus, ProofsOfFailedRun, RunStatus};

use crate::{
    support::{FakeProver, asked, committed},
    world::{
        ACCEPTS_ALL, FIRST, REFUSES_ALL, SECOND, WHEN_ASKED, WHENEVER, World,
        prover_of_the_committed_run,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_go_on_does_not_hold_up_the_next() {
    let world = World::start(ACCEPTS_ALL).await;
    let (_, bad) = world.stores.queue_nonsense().await;
    let prover = prover_of_the_committed_run(&world.stores, [bad.0].into());
    let service = world.serve(&prover, PlanSettings::default(), WHENEVER).await;
    world.reaches(1, RunStatus::Proving).await;
    let mut troubles = service.troubles.clone();
    let told = troubles.wait_for(|troubles| troubles.contains_key(&FIRST)).await.unwrap().clone();
    assert_eq!(told[&FIRST].code, "PRC-003");

    // Stopped meanwhile, or it would take the first of the four alone.
    service.stop().await;
    world.stores.queue_samples().await;
    let service = world.serve(&prover, PlanSettings::default(), WHENEVER).await;
    let second = world.reaches(2, RunStatus::Final).await;
    assert_eq!(second.leaf_count, 4);
    let waiting = world.stores.store.proofs_of_run(1).await.unwrap();
    assert_eq!(waiting[0].status, ProofStatus::Proving, "nothing accepted is lost");
    assert!(service.troubles.borrow().contains_key(&FIRST), "somebody is told");
    // Somebody gave the run up by hand: nothing is wrong with it any more.
    let given_up = world.stores.store.fail_run(1, "BY-HAND", "given up", ProofsOfFailedRun::Fail);
    given_up.await.unwrap();
    let mut troubles = service.troubles.clone();
    troubles.wait_for(|troubles| !troubles.contains_key(&FIRST)).await.unwrap();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_runs_that_cannot_go_on_do_not_hold_up_the_next() {
    let world = World::start(ACCEPTS_ALL).await;
    let prover = prover_of_the_committed_run(&world.stores, BTreeSet::new());
    let service = world.serve(&prover, PlanSettings::default(), WHEN_ASKED).await;
    // As many as are worked on side by side.
    for (run, text) in (1..).zip(["no proof", "nor this", "nor that", "nor the last"]) {
        let (_, bad) = world.stores.queue_text(text).await;
        prover.poisoned.lock().unwrap().insert(bad.0);
        world.stores.store.request_run(&world.deployment).await.unwrap();
        world.reaches(run, RunStatus::Proving).await;
    }
    world.stores.queue_samples().await;
    world.stores.store.request_run(&world.deployment).await.unwrap();
    assert_eq!(world.reaches(5, RunStatus::Final).await.leaf_count, 4);
    for run in 1..=4 {
        assert_eq!(world.run(run).await.unwrap().status, RunStatus::Proving, "nothing is lost");
    }
    let mut troubles = service.troubles.clone();
    let told = |troubles: &Troubles| troubles.values().filter(|told| told.is_lasting()).count();
    troubles.wait_for(|troubles| told(troubles) == 4).await.unwrap();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_proven_for_hours_does_not_hold_up_the_next() {
    let world = World::start(ACCEPTS_ALL).await;
    let (_, slow) = world.stores.queue_nonsense().await;
    let prover = Arc::new(FakeProver {
        slow: [slow.0].into(),
        output: Some((world.stores.objects.clone(), committed("run/run.proof"))),
        ..FakeProver::default()
    });
    let service = world.serve(&prover, PlanSettings::default(), WHEN_ASKED).await;
    world.stores.store.request_run(&world.deployment).await.unwrap();
    world.reaches(1, RunStatus::Proving).await;
    while asked(&prover) < 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.stores.queue_samples().await;
    world.stores.store.request_run(&world.deployment).await.unwrap();
    world.reaches(2, RunStatus::Final).await;
    assert_eq!(world.run(1).await.unwrap().status, RunStatus::Proving);
    assert!(service.troubles.borrow().is_empty(), "it is no trouble that proving takes its time");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_proof_fails_only_once_the_engine_has_shown_that_it_works() {
    let world = World::start(ACCEPTS_ALL).await;
    world.stores.queue_samples().await;
    let prover = Arc::new(FakeProver {
        output: Some((world.stores.objects.clone(), committed("run/run.proof"))),
        ..FakeProver::default()
    });
    let service = world.serve(&prover, PlanSettings::default(), WHENEVER).await;
    world.reaches(1, RunStatus::Final).await;

    prover.broken.store(true, Ordering::Relaxed);
    let (id, bad) = world.stores.queue_another().await;
    prover.poisoned.lock().unwrap().insert(bad.0);
    let mut troubles = service.troubles.clone();
    let again = |troubles: &Troubles| troubles.get(&SECOND).is_some_and(|t| t.times >= 2);
    let told = troubles.wait_for(again).await.unwrap()[&SECOND].clone();
    assert_eq!((told.code, told.retryable), ("AGG-012", false), "it needs a person");
    let proof = world.stores.store.proof(id).await.unwrap().unwrap();
    assert_eq!(proof.status, ProofStatus::Proving, "a broken machine costs nobody a proof");

    prover.broken.store(false, Ordering::Relaxed);
    world.reaches(2, RunStatus::Failed).await;
    let proof = world.stores.store.proof(id).await.unwrap().unwrap();
    assert_eq!((proof.status, proof.code.as_deref()), (ProofStatus::Failed, Some("AGG-010")));
    troubles.wait_for(Troubles::is_empty).await.unwrap();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_proof_that_can_be_proven_but_not_as_a_run_ends() {
    let world = World::start(ACCEPTS_ALL).await;
    let (id, _) = world.stores.queue_another().await;
    let prover = Arc::new(FakeProver { never_whole: true, ..FakeProver::default() });
    let service = world.serve(&prover, PlanSettings::default(), WHENEVER).await;
    let run = world.reaches(1, RunStatus::Failed).await;
    assert_eq!(run.code.as_deref(), Some("AGG-011"));
    let proof = world.stores.store.proof(id).await.unwrap().unwrap();
    assert_eq!((proof.status, proof.code.as_deref()), (ProofStatus::Failed, Some("AGG-011")));
    assert_eq!(asked(&prover), 6, "it is tried three times, as a run and as a part");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_file_fails_its_proof_and_the_run_goes_on_once_the_store_is_there() {
    let world = World::start(ACCEPTS_ALL).await;
    world.stores.queue_samples().await;
    let (id, lost) = world.stores.queue_another().await;
    let prover = Arc::new(FakeProver {
        reason: Some("recursive proof 4: [OBJ-002] no object"),
        output: Some((world.stores.objects.clone(), committed("run/run.proof"))),
        ..FakeProver::poisoned([lost.0])
    });
    std::fs::remove_file(world.stores.file(&format!("objects/{lost}"))).unwrap();
    let (identity, aside) = (world.stores.file("identity"), world.stores.file("aside"));
    std::fs::rename(&identity, &aside).unwrap();
    let five = Trigger { count: 5, ..WHENEVER };
    let service = world.serve(&prover, PlanSettings::default(), five).await;
    let mut troubles = service.troubles.clone();
    let told = troubles.wait_for(|troubles| troubles.contains_key(&FIRST)).await.unwrap().clone();
    assert_eq!(told[&FIRST].code, "OBJ-009");
    assert_eq!(world.run(1).await.unwrap().leaf_count, 5, "nothing is given up while it is away");

    std::fs::rename(&aside, &identity).unwrap();
    assert_eq!(world.reaches(1, RunStatus::Final).await.leaf_count, 4);
    let proof = world.stores.store.proof(id).await.unwrap().unwrap();
    assert_eq!((proof.status, proof.code.as_deref()), (ProofStatus::Failed, Some("OBJ-002")));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_run_whose_root_a_deep_reorg_removes_is_registered_again() {
    let world = World::start(ACCEPTS_ALL).await;
    let node = connect(&world.anvil.url(), Timeouts::default()).unwrap();
    let before: String = node.raw_request("evm_snapshot".into(), ()).await.unwrap();
    world.stores.queue_samples().await;
    let prover = prover_of_the_committed_run(&world.stores, BTreeSet::new());
    let service = world.serve(&prover, PlanSettings::default(), WHEN_ASKED).await;
    world.stores.store.request_run(&world.deployment).await.unwrap();
    let first = world.reaches(1, RunStatus::Final).await;
    assert_eq!(first.attempts, 1);

    assert!(node.raw_request::<_, bool>("evm_revert".into(), [before]).await.unwrap());
    while world.run(1).await.unwrap().attempts < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = world.reaches(1, RunStatus::Final).await;
    assert_ne!(again.tx_hash, first.tx_hash);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_contract_refuses_is_told_of_and_tried_again_with_pauses() {
    let world = World::start(REFUSES_ALL).await;
    world.stores.queue_samples().await;
    let prover = prover_of_the_committed_run(&world.stores, BTreeSet::new());
    let service = world.serve(&prover, PlanSettings::default(), WHENEVER).await;
    let mut troubles = service.troubles.clone();
    let refused = |troubles: &Troubles| troubles.get(&FIRST).is_some_and(|t| t.times == 2);
    let told = troubles.wait_for(refused).await.unwrap()[&FIRST].clone();
    assert_eq!(told.code, "AGG-013");
    let run = world.run(1).await.unwrap();
    assert!(run.attempts <= 3, "{} attempts", run.attempts);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_can_only_be_proven_in_parts_gives_way_to_smaller_ones() {
    let world = World::start(ACCEPTS_ALL).await;
    world.stores.queue_samples().await;
    let prover = Arc::new(FakeProver { at_most: Some(2), ..FakeProver::default() });
    let service = world.serve(&prover, PlanSettings::default(), WHENEVER).await;
    let first = world.reaches(1, RunStatus::Failed).await;
    assert_eq!(first.code.as_deref(), Some("AGG-011"));
    let second = world.reaches(2, RunStatus::Proving).await;
    assert_eq!(second.leaf_count, 2);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_chunks_are_proven_before_an_operator_asks_for_the_run() {
    let world = World::start(ACCEPTS_ALL).await;
    world.stores.queue_samples().await;
    world.stores.queue_nonsense().await;
    let prover = prover_of_the_committed_run(&world.stores, BTreeSet::new());
    let chunks_of_two = PlanSettings { direct_max: 2, chunk_size_log2: 1 };
    let service = world.serve(&prover, chunks_of_two, WHEN_ASKED).await;
    while asked(&prover) < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(asked(&prover), 2, "the fifth proof fills no chunk, and none is proven twice");
    assert_eq!(world.run(1).await, None);

    world.stores.store.request_run(&world.deployment).await.unwrap();
    let run = world.reaches(1, RunStatus::Proving).await;
    assert_eq!(run.leaf_count, 5);
    while asked(&prover) < 4 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let asked = prover.asked.lock().unwrap().clone();
    let jobs = |jobs: &[JobId]| jobs.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(jobs(&asked[..2]), jobs(&asked[2..4]), "the run's first chunks are those");
    service.stop().await;
}
