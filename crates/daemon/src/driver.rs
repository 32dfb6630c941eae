//! What a devnet and production have in common: the aggregator's driver put together from its parts, and a deployment as each
//! service names it.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256},
    providers::DynProvider,
};
use anyhow::{Context, Result, ensure};
use collimate_aggregator::{
    Activity, Driver, PlanSettings, Proving, QuorumOptions, QuorumSeal, Seal, ServiceContract,
    Wrapping,
};
use collimate_attestation::{CollectorConfig, SigningContext};
use collimate_chain::{
    signer::Signer,
    tx::{RevertDecoder, TxConfig, TxManager},
};
use collimate_contracts::{Deployment, decode_revert, takes_circuit_key};
use collimate_gateway::GatewayDeployment;
use collimate_objects::Objects;
use collimate_prover_client::{AggregationPrograms, ProverClient};
use collimate_store::Store;
use collimate_verifiers::{VerifierPool, sp1::Sp1Groth16Under};
use tokio::sync::watch;

/// What differs between one aggregator and another.
#[derive(Debug)]
pub(crate) struct Parts {
    pub provider: DynProvider,
    pub deployment: Deployment,
    pub store: Store,
    pub objects: Objects,
    pub verifiers: VerifierPool,
    pub prover: ProverClient,
    /// Sends the transactions.
    pub signer: Signer,
    pub transactions: TxConfig,
    /// Where operators are reached, by account.
    pub operators: BTreeMap<Address, String>,
    pub plan: PlanSettings,
    /// Jobs that are asked for at once.
    pub parallel: NonZeroUsize,
    /// Pause between two looks at the chain.
    pub poll: Duration,
    /// Brings the proofs of runs to the contract; none where the operators' word is enough.
    pub hard: Option<HardParts>,
}

/// What wraps the proofs of runs.
#[derive(Debug)]
pub(crate) struct HardParts {
    /// The circuit key that they are wrapped under.
    pub circuit: Sp1Groth16Under,
    /// The prover that does nothing else; none if the one that proves wraps, too.
    pub prover: Option<ProverClient>,
}

/// Where operators' signatures count.
pub(crate) fn signing_context(deployment: &Deployment) -> SigningContext {
    SigningContext { chain_id: deployment.chain_id, verifier: deployment.sp1_verifier }
}

/// The deployment as the store names it.
pub(crate) fn stored(deployment: &Deployment) -> collimate_store::Deployment {
    collimate_store::Deployment {
        chain_id: deployment.chain_id,
        contract: deployment.service.into_array(),
    }
}

/// The payment service, where accounts have their credits.
pub(crate) fn payment_service(deployment: &Deployment) -> Result<Address> {
    deployment.payments.context(
        "[DMN-065] the deployment has no payment service: deploy one, or leave gateway and payments out",
    )
}

/// The operators whose signatures a run is sealed with, where it is not its proof alone.
pub(crate) fn registry(deployment: &Deployment) -> Result<Address> {
    deployment.registry.context(
        "[DMN-021] the deployment has no operators: its runs are registered by their proofs alone, for which the aggregator needs the \
         section [aggregator.hard]",
    )
}

/// The deployment as a gateway names it.
pub(crate) fn gateway_deployment(deployment: &Deployment) -> Result<GatewayDeployment> {
    Ok(GatewayDeployment {
        chain_id: deployment.chain_id,
        payment_service: payment_service(deployment)?,
        aggregation_service: deployment.service,
    })
}

/// The verifier of proofs themselves, after checking that it takes those under this circuit key.
pub(crate) async fn hard_verifier(
    provider: &DynProvider,
    deployment: &Deployment,
    circuit: &Sp1Groth16Under,
) -> Result<Address> {
    let verifier = deployment.hard_verifier.context(
        "[DMN-022] the deployment has no verifier of proofs themselves: leave [aggregator.hard] out, or deploy with one",
    )?;
    let hash = B256::from(circuit.key_hash());
    ensure!(
        takes_circuit_key(provider, verifier, hash).await? != Some(false),
        "[DMN-023] the verifier at {verifier} takes no proofs under the circuit key {hash}: name the key that it was deployed with as \
         aggregator.hard.circuit_key, or none for SP1's published one"
    );
    Ok(verifier)
}

/// Checks that the contract takes this release's proofs, and puts the driver together.
pub(crate) async fn driver(parts: Parts) -> Result<Driver> {
    let programs = AggregationPrograms::committed()?;
    let (provider, deployment) = (parts.provider, parts.deployment);
    let program = programs.chunk_aggregator.program_id;
    let service = ServiceContract::check(provider.clone(), deployment.service, program).await?;
    let (objects, verifiers) = (parts.objects, parts.verifiers);
    let proving =
        Proving::new(Arc::new(parts.prover), objects.clone(), verifiers.clone(), parts.parallel);
    let hardening = match parts.hard {
        None => None,
        Some(HardParts { circuit, prover }) => {
            hard_verifier(&provider, &deployment, &circuit).await?;
            // A prover of its own wraps one proof at a time, and runs do not wait for it.
            let own = prover.map(|prover| {
                Proving::new(Arc::new(prover), objects, verifiers, NonZeroUsize::MIN)
            });
            let wraps = own.unwrap_or_else(|| proving.clone());
            Some(Wrapping::new(wraps, parts.store.clone(), programs.clone(), circuit))
        }
    };
    let sealer: Arc<dyn Seal> = match &hardening {
        Some(wrapping) if deployment.registry.is_none() => Arc::new(wrapping.clone()),
        _ => {
            let quorum = QuorumOptions {
                registry: registry(&deployment)?,
                context: signing_context(&deployment),
                endpoints: parts.operators,
                collector: CollectorConfig::default(),
            };
            Arc::new(QuorumSeal::new(provider.clone(), quorum))
        }
    };
    Ok(Driver {
        service,
        deployment: stored(&deployment),
        proving,
        sealer,
        hardening,
        confirmations: parts.transactions.confirmations,
        transactions: TxManager::new(
            provider,
            parts.signer,
            Arc::new(parts.store.transactions()),
            parts.transactions,
            RevertDecoder::new(decode_revert),
        ),
        store: parts.store,
        programs,
        plan: parts.plan,
        poll: parts.poll,
        activity: watch::Sender::new(Activity::Idle),
    })
}
