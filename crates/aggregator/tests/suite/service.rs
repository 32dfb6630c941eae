//! The service on a real node and a real database, with a fake prover, a fake seal and a contract that takes it: which run is
//! worked on, and when.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    primitives::{B256, Bytes, bytes},
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
};
use async_trait::async_trait;
use collimate_aggregator::{
    Activity, Aggregator, AggregatorError, Backoff, Concern, Driver, Pauses, PlanSettings, Proving,
    Seal, SealRequest, ServiceContract, Trigger, Troubles,
};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, Mining, development_signer},
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TxConfig, TxManager},
};
use collimate_contracts::{DeployConfig, HardVerifier, Sp1Verification, decode_revert, deploy};
use collimate_prover_client::{AggregationPrograms, JobId};
use collimate_store::{Deployment, ProofStatus, ProofsOfFailedRun, Run, RunStatus};
use collimate_verifiers::VerifierPool;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::support::{FakeProver, Stores, asked, committed};

/// Creation code of a verifier that accepts everything: its code is STOP.
const ACCEPTS_ALL: Bytes = bytes!("60016000f3");
/// Creation code of one that refuses everything: its code is INVALID.
const REFUSES_ALL: Bytes = bytes!("60fe60005360016000f3");

#[derive(Debug)]
struct FakeSeal;

#[async_trait]
impl Seal for FakeSeal {
    async fn seal(
        &self,
        _request: &SealRequest,
        _detail: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Vec<u8>, AggregatorError> {
        Ok(vec![1])
    }

    async fn is_stale(&self, _seal: &[u8]) -> Result<bool, AggregatorError> {
        Ok(false)
    }
}

/// Jobs at once: one that takes hours leaves room for another.
const PROVERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

struct World {
    stores: Stores,
    anvil: Anvil,
    deployment: Deployment,
}

struct Service {
    troubles: watch::Receiver<Troubles>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    async fn start(verifier: Bytes) -> Self {
        let options = AnvilOptions { mining: Mining::Every(1), ..AnvilOptions::default() };
        let anvil = Anvil::start(options).await.unwrap();
        let wallet = EthereumWallet::from(development_signer(9).unwrap().inner().clone());
        let provider =
            ProviderBuilder::new().wallet(wallet).connect_http(anvil.url().parse().unwrap());
        let verifier = TransactionRequest::default().with_deploy_code(verifier);
        let receipt =
            provider.send_transaction(verifier).await.unwrap().get_receipt().await.unwrap();
        let program = AggregationPrograms::committed().unwrap().chunk_aggregator.program_id;
        let config = DeployConfig {
            program_id: B256::from(program.0),
            verification: Sp1Verification::Hard(HardVerifier::Existing(
                receipt.contract_address.unwrap(),
            )),
            risc0: None,
            payments: None,
            fast_mode: None,
        };
        let deployed = deploy(provider, &config).await.unwrap();
        let deployment =
            Deployment { chain_id: DEVELOPMENT_CHAIN_ID, contract: deployed.service.into_array() };
        Self { stores: Stores::start().await, anvil, deployment }
    }

    async fn serve(
        &self,
        prover: &Arc<FakeProver>,
        plan: PlanSettings,
        trigger: Trigger,
    ) -> Service {
        let provider = connect(&self.anvil.url(), Timeouts::default()).unwrap();
        let programs = AggregationPrograms::committed().unwrap();
        let config = TxConfig::development_chain(DEVELOPMENT_CHAIN_ID);
        let program = programs.chunk_aggregator.program_id;
        let driver = Driver {
            store: self.stores.store.clone(),
            service: ServiceContract::check(
                provider.clone(),
                self.deployment.contract.into(),
                program,
            )
            .await
            .unwrap(),
            deployment: self.deployment,
            proving: Proving::new(
                prover.clone(),
                self.stores.objects.clone(),
                VerifierPool::for_this_machine().unwrap(),
                PROVERS,
            ),
            sealer: Arc::new(FakeSeal),
            confirmations: config.confirmations,
            transactions: TxManager::new(
                provider,
                development_signer(0).unwrap(),
                Arc::new(self.stores.store.transactions()),
                config,
                RevertDecoder::new(decode_revert),
            ),
            programs,
            plan,
            poll: Duration::from_millis(100),
            activity: watch::Sender::new(Activity::Idle),
        };
        let pauses = Pauses {
            idle: Duration::from_millis(20),
            reorg_check: Duration::from_millis(100),
            backoff: Backoff {
                first: Duration::from_millis(200),
                longest: Duration::from_millis(200),
                permanent: Duration::from_millis(400),
            },
            ..Pauses::default()
        };
        let service = Aggregator::new(driver, trigger, pauses);
        let (troubles, stop) = (service.troubles(), CancellationToken::new());
        let task = tokio::spawn(service.run(stop.clone()));
        Service { troubles, stop, task }
    }

    async fn run(&self, id: i64) -> Option<Run> {
        self.stores.store.run(id).await.unwrap()
    }

    /// Waits until a run has a status.
    async fn reaches(&self, id: i64, status: RunStatus) -> Run {
        let reached = async {
            loop {
                match self.run(id).await {
                    Some(run) if run.status == status => return run,
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(90), reached).await;
        match waited {
            Ok(run) => run,
            Err(_) => panic!("run {id} is {:?}", self.run(id).await),
        }
    }
}

impl Service {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn prover_of_the_committed_run(stores: &Stores, poisoned: BTreeSet<[u8; 32]>) -> Arc<FakeProver> {
    Arc::new(FakeProver {
        poisoned: poisoned.into(),
        // Nothing is known about the proof: the machine is to blame.
        reason: Some("[PRV-013] the proving process died"),
        output: Some((stores.objects.clone(), committed("run/run.proof"))),
        ..FakeProver::default()
    })
}

const FIRST: Concern = Concern::Run(1);
const SECOND: Concern = Concern::Run(2);
const WHENEVER: Trigger = Trigger { count: 4, age: Duration::ZERO, bytes: u64::MAX, fee: None };
const WHEN_ASKED: Trigger =
    Trigger { count: 100, age: Duration::from_secs(9_999), bytes: u64::MAX, fee: None };

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
