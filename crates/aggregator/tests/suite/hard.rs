//! The second stage: a run that is final by the operators' word becomes hard by its proof, which a real `SP1Groth16Verifier` verifies
//! under a key whose trapdoor is known. Prover and quorum are fakes; node, database, contracts and verification are not.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alloy::{
    primitives::{B256, Bytes},
    providers::{DynProvider, Provider},
    rpc::types::TransactionReceipt,
};
use collimate_aggregator::{Concern, Member, PlanSettings, ServiceContract, Troubles};
use collimate_chain::{
    anvil::{DEVELOPMENT_CHAIN_ID, development_signer},
    kzg::Sidecar,
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TxConfig, TxManager, TxRequest},
};
use collimate_contracts::decode_revert;
use collimate_core::{
    Commitment, Hash, blob, statement::RunStatement, statement::blobs_hash, tree,
};
use collimate_store::{JobStatus, ProofStatus, Run, RunStatus};

use crate::{
    support::{FakeProver, asked, committed},
    world::{
        FIRST, Service, WHEN_ASKED, World, prover_of_the_committed_run, prover_that_cannot_wrap_yet,
    },
};

const HARD: Concern = Concern::Hard(1);

fn node(world: &World) -> DynProvider {
    connect(&world.anvil.url(), Timeouts::default()).unwrap()
}

/// Starts the service, and asks for a run of the samples.
async fn run_of_samples(world: &World, prover: &Arc<FakeProver>) -> Service {
    let service = world.serve(prover, PlanSettings::default(), WHEN_ASKED).await;
    world.stores.queue_samples().await;
    world.stores.store.request_run(&world.deployment).await.unwrap();
    service
}

async fn becomes_hard(world: &World) -> Run {
    world.becomes(1, |run| run.hard_since.is_some()).await
}

fn wraps(prover: &FakeProver) -> usize {
    prover.wraps.lock().unwrap().len()
}

async fn told(service: &Service, concern: Concern, code: &str) {
    let mut troubles = service.troubles.clone();
    let is_told = |troubles: &Troubles| troubles.get(&concern).is_some_and(|t| t.code == code);
    let waited = tokio::time::timeout(Duration::from_secs(60), troubles.wait_for(is_told)).await;
    assert!(waited.is_ok(), "{code} was not told: {:?}", service.troubles.borrow());
}

async fn receipt(world: &World, hash: Option<[u8; 32]>) -> TransactionReceipt {
    let hash = B256::from(hash.expect("a transaction of ours"));
    node(world).get_transaction_receipt(hash).await.unwrap().expect("it is mined")
}

/// What the contract says, and the database.
async fn assert_hard_on_chain(world: &World, run: &Run) {
    let root = run.statement.as_ref().unwrap().root;
    assert_eq!(world.contract().await.hard_since(&root).await.unwrap(), run.hard_since);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_final_by_the_operators_word_and_hard_once_its_proof_can_be_wrapped() {
    let world = World::with_two_guarantees().await;
    let prover = prover_that_cannot_wrap_yet(&world.stores);
    let service = run_of_samples(&world, &prover).await;
    let soft = world.reaches(1, RunStatus::Final).await;
    assert_eq!((soft.hard_since, soft.attempts), (None, 1));
    told(&service, HARD, "PRC-003").await;
    assert!(!service.troubles.borrow().contains_key(&FIRST), "nothing is wrong with the run");
    let jobs = world.stores.store.jobs_of_run(1).await.unwrap();
    let wrap = jobs.iter().find(|job| job.program == "wrap").unwrap();
    assert!(matches!(wrap.status, JobStatus::Failed | JobStatus::Proving), "{wrap:?}");
    let still = world.run(1).await.unwrap();
    assert_eq!(
        (still.status, still.tx_hash),
        (RunStatus::Final, soft.tx_hash),
        "as final as before"
    );
    for proof in world.stores.store.proofs_of_run(1).await.unwrap() {
        assert_eq!(proof.status, ProofStatus::Final);
    }

    prover.wraps_fail.store(false, Ordering::Relaxed);
    let hard = becomes_hard(&world).await;
    assert_hard_on_chain(&world, &hard).await;
    assert_eq!((hard.status, hard.block_number), (RunStatus::Final, soft.block_number));
    assert_eq!((hard.tx_hash, hard.hard_attempts), (soft.tx_hash, 1));
    let proof = receipt(&world, hard.hard_tx_hash).await;
    assert_eq!(proof.block_number, hard.hard_since);
    assert_eq!(proof.blob_gas_used.unwrap_or_default(), 0, "the blobs are there already");
    assert!(receipt(&world, soft.tx_hash).await.blob_gas_used.unwrap_or_default() > 0);
    let mut troubles = service.troubles.clone();
    troubles.wait_for(Troubles::is_empty).await.unwrap();
    let jobs = world.stores.store.jobs_of_run(1).await.unwrap();
    assert!(jobs.iter().all(|job| job.status == JobStatus::Done), "{jobs:?}");

    // Once is enough, also for whoever starts next.
    service.stop().await;
    let before = wraps(&prover);
    let service = world.serve(&prover, PlanSettings::default(), WHEN_ASKED).await;
    world.stores.queue_nonsense().await;
    world.stores.store.request_run(&world.deployment).await.unwrap();
    world.reaches(2, RunStatus::Proving).await;
    assert_eq!((wraps(&prover), world.run(1).await.unwrap()), (before, hard));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrap_that_takes_hours_holds_up_neither_its_run_nor_the_next() {
    let world = World::with_two_guarantees().await;
    let prover = Arc::new(FakeProver {
        wraps_are_slow: true,
        output: Some((world.stores.objects.clone(), committed("run/run.proof"))),
        ..FakeProver::default()
    });
    let service = run_of_samples(&world, &prover).await;
    world.reaches(1, RunStatus::Final).await;
    while wraps(&prover) < 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = asked(&prover);
    world.stores.queue_nonsense().await;
    world.stores.store.request_run(&world.deployment).await.unwrap();
    world.reaches(2, RunStatus::Proving).await;
    while asked(&prover) == before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(wraps(&prover), 1);
    assert!(!service.troubles.borrow().contains_key(&HARD), "it is no trouble that it takes time");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_was_on_its_way_when_the_service_died_is_not_sent_twice() {
    let world = World::with_two_guarantees().await;
    let prover = prover_that_cannot_wrap_yet(&world.stores);
    let service = run_of_samples(&world, &prover).await;
    world.reaches(1, RunStatus::Final).await;
    let node = node(&world);
    let mine = async |seconds: u64| {
        let _: Option<bool> =
            node.raw_request("evm_setIntervalMining".into(), [seconds]).await.unwrap();
    };
    mine(0).await;
    prover.wraps_fail.store(false, Ordering::Relaxed);
    loop {
        let pool: BTreeMap<String, String> =
            node.raw_request("txpool_status".into(), ()).await.unwrap();
        if pool["pending"] != "0x0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    service.stop().await;
    assert_eq!(world.run(1).await.unwrap().hard_since, None);
    // It is mined while nobody looks.
    mine(1).await;
    let contract = world.contract().await;
    let root = world.run(1).await.unwrap().statement.unwrap().root;
    while contract.hard_since(&root).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let before = wraps(&prover);
    let service = world.serve(&prover, PlanSettings::default(), WHEN_ASKED).await;
    let hard = becomes_hard(&world).await;
    assert_hard_on_chain(&world, &hard).await;
    assert!(receipt(&world, hard.hard_tx_hash).await.status(), "the one that was sent before");
    assert_eq!(hard.hard_attempts, 1);
    // The prover is asked for it again, and finds it in the object store; it wraps nothing.
    assert!(wraps(&prover) <= before + 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_verifier_of_proofs_alone_the_proof_registers_the_run_which_is_never_soft() {
    let world = World::with_proofs_alone().await;
    let prover = prover_of_the_committed_run(&world.stores, [].into());
    let service = run_of_samples(&world, &prover).await;
    let run = world.reaches(1, RunStatus::Final).await;
    assert_eq!(run.seal.as_ref().map(Vec::len), Some(356));
    assert_eq!((run.hard_since, run.hard_tx_hash), (run.block_number, run.tx_hash));
    assert!(run.hard_since.is_some());
    assert_hard_on_chain(&world, &run).await;
    assert!(receipt(&world, run.tx_hash).await.blob_gas_used.unwrap_or_default() > 0);
    assert_eq!(world.stores.store.soft_runs(&world.deployment, 9).await.unwrap(), vec![]);
    assert_eq!(wraps(&prover), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_operators_a_wrap_that_fails_keeps_its_run_waiting_and_nothing_is_lost() {
    let world = World::with_proofs_alone().await;
    let prover = prover_that_cannot_wrap_yet(&world.stores);
    let service = run_of_samples(&world, &prover).await;
    told(&service, FIRST, "PRC-003").await;
    assert_eq!(world.run(1).await.unwrap().status, RunStatus::Attesting);
    prover.wraps_fail.store(false, Ordering::Relaxed);
    assert!(world.reaches(1, RunStatus::Final).await.hard_since.is_some());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_the_contract_refuses_leaves_the_run_final() {
    let world = World::that_refuses_proofs().await;
    let prover = prover_of_the_committed_run(&world.stores, [].into());
    let service = run_of_samples(&world, &prover).await;
    let soft = world.reaches(1, RunStatus::Final).await;
    told(&service, HARD, "AGG-016").await;
    let refused = world.becomes(1, |run| run.hard_attempts >= 3).await;
    assert_eq!((refused.status, refused.hard_since), (RunStatus::Final, None));
    assert_eq!((refused.tx_hash, refused.attempts), (soft.tx_hash, soft.attempts));
    // The refusal costs no gas: the call is tried first.
    let sender = development_signer(0).unwrap().address();
    assert_eq!(node(&world).get_transaction_count(sender).await.unwrap(), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_another_statement_is_not_sent() {
    let world = World::with_two_guarantees().await;
    let prover = Arc::new(FakeProver {
        wraps_another: true,
        output: Some((world.stores.objects.clone(), committed("run/run.proof"))),
        ..FakeProver::default()
    });
    let service = run_of_samples(&world, &prover).await;
    world.reaches(1, RunStatus::Final).await;
    told(&service, HARD, "VER-012").await;
    let run = world.run(1).await.unwrap();
    assert_eq!((run.status, run.hard_since, run.hard_attempts), (RunStatus::Final, None, 1));
    let sender = development_signer(0).unwrap().address();
    assert_eq!(node(&world).get_transaction_count(sender).await.unwrap(), 1, "the run's own");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_a_deep_reorg_removes_is_brought_again() {
    let world = World::with_two_guarantees().await;
    let prover = prover_that_cannot_wrap_yet(&world.stores);
    let service = run_of_samples(&world, &prover).await;
    let soft = world.reaches(1, RunStatus::Final).await;
    let node = node(&world);
    let before: String = node.raw_request("evm_snapshot".into(), ()).await.unwrap();
    prover.wraps_fail.store(false, Ordering::Relaxed);
    let first = becomes_hard(&world).await;

    assert!(node.raw_request::<_, bool>("evm_revert".into(), [before]).await.unwrap());
    let again =
        world.becomes(1, |run| run.hard_attempts > first.hard_attempts && run.hard_since.is_some());
    let again = again.await;
    assert_hard_on_chain(&world, &again).await;
    assert_ne!(again.hard_tx_hash, first.hard_tx_hash);
    assert_eq!((again.status, again.tx_hash), (RunStatus::Final, soft.tx_hash), "the run stayed");
    let events = world.stores.store.run_events(1).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.status == RunStatus::Final).count(), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_that_removes_the_root_takes_the_guarantee_and_both_come_back() {
    let world = World::with_two_guarantees().await;
    let node = node(&world);
    let before: String = node.raw_request("evm_snapshot".into(), ()).await.unwrap();
    let prover = prover_of_the_committed_run(&world.stores, [].into());
    let service = run_of_samples(&world, &prover).await;
    let first = becomes_hard(&world).await;

    assert!(node.raw_request::<_, bool>("evm_revert".into(), [before]).await.unwrap());
    let again = world.becomes(1, |run| run.attempts > 1 && run.hard_since.is_some()).await;
    assert_hard_on_chain(&world, &again).await;
    assert_ne!((again.tx_hash, again.hard_tx_hash), (first.tx_hash, first.hard_tx_hash));
    service.stop().await;
}

/// Registers the root of these members beside blobs that are not theirs, on a quorum's word.
async fn sign_falsely(world: &World, members: &[Member]) -> Hash {
    let leaves: Vec<Hash> = members.iter().map(|member| member.commitment().leaf()).collect();
    let root = tree::root(&leaves).unwrap();
    let blobs: Vec<Bytes> =
        blob::encode(&[Commitment([7; 32])]).unwrap().into_iter().map(Bytes::from).collect();
    let sidecar = Sidecar::compute(&blobs).await.unwrap();
    let hashes: Vec<Hash> = sidecar.versioned_hashes().into_iter().map(|hash| hash.0).collect();
    let statement = RunStatement { root, leaf_count: 1, blobs_hash: blobs_hash(&hashes) };
    let call = ServiceContract::register_call(statement.abi_encode(), vec![0; 32]);
    let manager = TxManager::new(
        node(world),
        development_signer(5).unwrap(),
        Arc::new(world.stores.store.transactions()),
        TxConfig::development_chain(DEVELOPMENT_CHAIN_ID),
        RevertDecoder::new(decode_revert),
    );
    let request = TxRequest::call("falsely", world.deployment.contract.into(), call);
    manager.send(request.with_sidecar(sidecar)).await.unwrap();
    root
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operators_signed_falsely_is_replaced_by_what_was_proven_with_its_blobs() {
    let world = World::with_two_guarantees().await;
    let members = world.stores.queue_samples().await;
    let root = sign_falsely(&world, &members).await;
    let contract = world.contract().await;
    assert_eq!(contract.registered_as(&root).await.unwrap().unwrap().leaf_count, 1);

    let prover = prover_of_the_committed_run(&world.stores, [].into());
    let service = world.serve(&prover, PlanSettings::default(), WHEN_ASKED).await;
    world.stores.store.request_run(&world.deployment).await.unwrap();
    let hard = becomes_hard(&world).await;
    let found = contract.registered_as(&root).await.unwrap().unwrap();
    let statement = hard.statement.clone().unwrap();
    assert_eq!(found.leaf_count, 4);
    assert_eq!(found.blob_hashes, statement.versioned_hashes);
    assert_eq!(Some(found.block), hard.hard_since);
    assert_eq!((hard.tx_hash, hard.block_number), (hard.hard_tx_hash, hard.hard_since));
    assert!(receipt(&world, hard.hard_tx_hash).await.blob_gas_used.unwrap_or_default() > 0);
    service.stop().await;
}
