//! What a devnet and production have in common: the aggregator's driver put together from its parts, and a deployment as each
//! service names it.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Arc, time::Duration};

use alloy::{primitives::Address, providers::DynProvider};
use anyhow::{Context, Result};
use collimate_aggregator::{
    Activity, Driver, PlanSettings, Proving, QuorumOptions, QuorumSeal, ServiceContract,
};
use collimate_attestation::{CollectorConfig, SigningContext};
use collimate_chain::{
    signer::Signer,
    tx::{RevertDecoder, TxConfig, TxManager},
};
use collimate_contracts::{Deployment, decode_revert};
use collimate_gateway::GatewayDeployment;
use collimate_objects::Objects;
use collimate_prover_client::{AggregationPrograms, ProverClient};
use collimate_store::Store;
use collimate_verifiers::VerifierPool;
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

/// The operators whose signatures a run is sealed with.
pub(crate) fn registry(deployment: &Deployment) -> Result<Address> {
    deployment.registry.context(
        "[DMN-021] the deployment has no operator registry, and operators' signatures are what this aggregator seals with",
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

/// Checks that the contract takes this release's proofs, and puts the driver together.
pub(crate) async fn driver(parts: Parts) -> Result<Driver> {
    let programs = AggregationPrograms::committed()?;
    let (provider, deployment) = (parts.provider, parts.deployment);
    let registry = registry(&deployment)?;
    let program = programs.chunk_aggregator.program_id;
    let service = ServiceContract::check(provider.clone(), deployment.service, program).await?;
    let quorum = QuorumOptions {
        registry,
        context: signing_context(&deployment),
        endpoints: parts.operators,
        collector: CollectorConfig::default(),
    };
    Ok(Driver {
        service,
        deployment: stored(&deployment),
        proving: Proving::new(
            Arc::new(parts.prover),
            parts.objects,
            parts.verifiers,
            parts.parallel,
        ),
        sealer: Arc::new(QuorumSeal::new(provider.clone(), quorum)),
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
