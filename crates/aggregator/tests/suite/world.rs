//! A node, a database, contracts, and the service with a fake prover and a fake quorum.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, Bytes, bytes},
    providers::{Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
};
use async_trait::async_trait;
use collimate_aggregator::{
    Activity, Aggregator, AggregatorError, Backoff, Concern, Driver, Pauses, PlanSettings, Proving,
    Seal, SealRequest, ServiceContract, Trigger, Troubles, Wrapping,
};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, Mining, development_signer},
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TxConfig, TxManager},
};
use collimate_contracts::{
    AlignedProofAggregationService, DeployConfig, HardVerifier, Sp1Verification, decode_revert,
    deploy,
};
use collimate_prover_client::AggregationPrograms;
use collimate_store::{Deployment, Run, RunStatus};
use collimate_verifiers::{VerifierPool, sp1::Sp1Groth16Under};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    support::{FakeProver, Stores, committed},
    trapdoor,
};

/// Creation code of a verifier that accepts everything: its code is STOP.
pub(crate) const ACCEPTS_ALL: Bytes = bytes!("60016000f3");
/// Creation code of one that refuses everything: its code is INVALID.
pub(crate) const REFUSES_ALL: Bytes = bytes!("60fe60005360016000f3");

pub(crate) const FIRST: Concern = Concern::Run(1);
pub(crate) const SECOND: Concern = Concern::Run(2);
pub(crate) const WHENEVER: Trigger =
    Trigger { count: 4, age: Duration::ZERO, bytes: u64::MAX, fee: None };
pub(crate) const WHEN_ASKED: Trigger =
    Trigger { count: 100, age: Duration::from_secs(9_999), bytes: u64::MAX, fee: None };

/// A quorum's word, which a verifier that accepts everything takes.
#[derive(Debug)]
struct FakeSeal(Vec<u8>);

#[async_trait]
impl Seal for FakeSeal {
    async fn seal(
        &self,
        _request: &SealRequest,
        _detail: &(dyn for<'a> Fn(&'a str) + Send + Sync),
    ) -> Result<Vec<u8>, AggregatorError> {
        Ok(self.0.clone())
    }

    async fn is_stale(&self, _seal: &[u8]) -> Result<bool, AggregatorError> {
        Ok(false)
    }
}

/// Jobs at once: one that takes hours leaves room for another.
const PROVERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// How a world's contract verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guarantees {
    /// Some verifier, which the aggregator takes for the quorum's.
    One,
    /// Proofs under the key whose trapdoor is known, and nothing else.
    HardAlone,
    /// A quorum's word, and proofs.
    Both,
}

pub(crate) struct World {
    pub(crate) stores: Stores,
    pub(crate) anvil: Anvil,
    pub(crate) deployment: Deployment,
    guarantees: Guarantees,
}

pub(crate) struct Service {
    pub(crate) troubles: watch::Receiver<Troubles>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn node() -> Anvil {
    let options = AnvilOptions { mining: Mining::Every(1), ..AnvilOptions::default() };
    Anvil::start(options).await.unwrap()
}

/// A provider that sends the deployer's transactions.
fn deployer(anvil: &Anvil) -> impl Provider + Clone + use<> {
    let wallet = EthereumWallet::from(development_signer(9).unwrap().inner().clone());
    ProviderBuilder::new().wallet(wallet).connect_http(anvil.url().parse().unwrap())
}

async fn create(provider: &impl Provider, code: Bytes) -> Address {
    let request = TransactionRequest::default().with_deploy_code(code);
    let receipt = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
    receipt.contract_address.unwrap()
}

fn program() -> B256 {
    AggregationPrograms::committed().unwrap().chunk_aggregator.program_id.0.into()
}

/// A service that has this verifier alone, and the verifier.
async fn deploy_hard(provider: impl Provider, hard: HardVerifier) -> (Address, Address) {
    let config = DeployConfig {
        program_id: program(),
        verification: Sp1Verification::Hard(hard),
        risc0: None,
        payments: None,
        fast_mode: None,
    };
    let deployed = deploy(provider, &config).await.unwrap();
    (deployed.service, deployed.hard_verifier.unwrap())
}

impl World {
    /// A contract with this verifier alone, which is taken for a quorum's.
    pub(crate) async fn start(verifier: Bytes) -> Self {
        let anvil = node().await;
        let provider = deployer(&anvil);
        let verifier = HardVerifier::Existing(create(&provider, verifier).await);
        let (service, _) = deploy_hard(provider, verifier).await;
        Self::of(anvil, service, Guarantees::One).await
    }

    /// A contract that takes proofs under the key whose trapdoor is known, and nothing else.
    pub(crate) async fn with_proofs_alone() -> Self {
        let anvil = node().await;
        let key = HardVerifier::Groth16(Box::new(trapdoor::contract_key()));
        let (service, _) = deploy_hard(deployer(&anvil), key).await;
        Self::of(anvil, service, Guarantees::HardAlone).await
    }

    /// A contract that takes any quorum's word, and proofs under the key whose trapdoor is known.
    pub(crate) async fn with_two_guarantees() -> Self {
        let anvil = node().await;
        let key = HardVerifier::Groth16(Box::new(trapdoor::contract_key()));
        let (_, hard) = deploy_hard(deployer(&anvil), key).await;
        Self::with_both(anvil, hard).await
    }

    /// A contract that takes any quorum's word, and refuses every proof.
    pub(crate) async fn that_refuses_proofs() -> Self {
        let anvil = node().await;
        let hard = create(&deployer(&anvil), REFUSES_ALL).await;
        Self::with_both(anvil, hard).await
    }

    async fn with_both(anvil: Anvil, hard: Address) -> Self {
        let provider = deployer(&anvil);
        let quorum = create(&provider, ACCEPTS_ALL).await;
        let service = AlignedProofAggregationService::deploy_builder(
            &provider,
            hard,
            program(),
            Address::ZERO,
            B256::ZERO,
            quorum,
        );
        let service = service.deploy().await.unwrap();
        Self::of(anvil, service, Guarantees::Both).await
    }

    async fn of(anvil: Anvil, service: Address, guarantees: Guarantees) -> Self {
        let deployment =
            Deployment { chain_id: DEVELOPMENT_CHAIN_ID, contract: service.into_array() };
        Self { stores: Stores::start().await, anvil, deployment, guarantees }
    }

    /// The contract as the aggregator uses it.
    pub(crate) async fn contract(&self) -> ServiceContract {
        let provider = connect(&self.anvil.url(), Timeouts::default()).unwrap();
        let program = AggregationPrograms::committed().unwrap().chunk_aggregator.program_id;
        ServiceContract::check(provider, self.deployment.contract.into(), program).await.unwrap()
    }

    pub(crate) async fn serve(
        &self,
        prover: &Arc<FakeProver>,
        plan: PlanSettings,
        trigger: Trigger,
    ) -> Service {
        let provider = connect(&self.anvil.url(), Timeouts::default()).unwrap();
        let programs = AggregationPrograms::committed().unwrap();
        let config = TxConfig::development_chain(DEVELOPMENT_CHAIN_ID);
        let proving = Proving::new(
            prover.clone(),
            self.stores.objects.clone(),
            VerifierPool::for_this_machine().unwrap(),
            PROVERS,
        );
        let wrapping = Wrapping::new(
            proving.clone(),
            self.stores.store.clone(),
            programs.clone(),
            Sp1Groth16Under::new(trapdoor::verifying_key()),
        );
        let sealer: Arc<dyn Seal> = match self.guarantees {
            Guarantees::One => Arc::new(FakeSeal(vec![1])),
            // An epoch, which begins with zeros.
            Guarantees::Both => Arc::new(FakeSeal(vec![0; 32])),
            Guarantees::HardAlone => Arc::new(wrapping.clone()),
        };
        let driver = Driver {
            store: self.stores.store.clone(),
            service: self.contract().await,
            deployment: self.deployment,
            proving,
            sealer,
            hardening: (self.guarantees != Guarantees::One).then_some(wrapping),
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

    pub(crate) async fn run(&self, id: i64) -> Option<Run> {
        self.stores.store.run(id).await.unwrap()
    }

    /// Waits until a run has a status.
    pub(crate) async fn reaches(&self, id: i64, status: RunStatus) -> Run {
        self.becomes(id, |run| run.status == status).await
    }

    /// Waits until a run is as it is wanted.
    pub(crate) async fn becomes(&self, id: i64, wanted: impl Fn(&Run) -> bool) -> Run {
        let reached = async {
            loop {
                match self.run(id).await {
                    Some(run) if wanted(&run) => return run,
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
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

pub(crate) fn prover_of_the_committed_run(
    stores: &Stores,
    poisoned: BTreeSet<[u8; 32]>,
) -> Arc<FakeProver> {
    Arc::new(FakeProver {
        poisoned: poisoned.into(),
        // Nothing is known about the proof: the machine is to blame.
        reason: Some("[PRV-013] the proving process died"),
        output: Some((stores.objects.clone(), committed("run/run.proof"))),
        ..FakeProver::default()
    })
}

/// The same, whose wraps fail until they are told to succeed.
pub(crate) fn prover_that_cannot_wrap_yet(stores: &Stores) -> Arc<FakeProver> {
    Arc::new(FakeProver {
        wraps_fail: AtomicBool::new(true),
        reason: Some("[PRV-053] the stage 'wrap' needs 14 GiB of memory"),
        output: Some((stores.objects.clone(), committed("run/run.proof"))),
        ..FakeProver::default()
    })
}
