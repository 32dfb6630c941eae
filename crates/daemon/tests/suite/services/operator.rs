//! The operator of these tests, in this process: it has all the stake.

use std::path::Path;

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
    providers::{Provider, ProviderBuilder},
};
use collimate_attestation::{
    AttestedProgram, OperatorConfig, OperatorService, Registration, SecretKey, ServiceConfig,
    SigningContext,
};
use collimate_chain::anvil::{Anvil, development_signer};
use collimate_contracts::{Deployment, OperatorRegistry};
use collimate_prover_client::AggregationPrograms;
use collimate_sdk::Signer;
use tokio_util::sync::CancellationToken;

/// Its development account.
const OPERATOR: usize = 1;
pub(crate) const STAKE_WEI: u128 = 1_000_000_000_000_000_000;

/// A provider that signs with this key.
pub(crate) fn with_wallet(anvil: &Anvil, signer: Signer) -> impl Provider + Clone {
    let wallet = EthereumWallet::from(signer.inner().clone());
    ProviderBuilder::new().wallet(wallet).connect_http(anvil.url().parse().unwrap())
}

/// Registers it, and starts it. Returns its account and address.
pub(crate) async fn start_operator(
    anvil: &Anvil,
    deployment: &Deployment,
    folder: &Path,
    stop: CancellationToken,
) -> (Address, String) {
    let signer = development_signer(OPERATOR).unwrap();
    let (account, registry) = (signer.address(), deployment.registry.unwrap());
    let key = SecretKey::from_seed(&[7; 32]).unwrap();
    let registration = Registration { chain_id: deployment.chain_id, registry, operator: account };
    let possession = key.prove_possession(&registration).to_point();
    let registered = OperatorRegistry::new(registry, with_wallet(anvil, signer))
        .register(key.public_key().to_point().into(), possession.into())
        .value(U256::from(STAKE_WEI))
        .send()
        .await
        .unwrap();
    assert!(registered.get_receipt().await.unwrap().status());
    let program = AggregationPrograms::committed().unwrap().chunk_aggregator.program_id;
    let config = OperatorConfig {
        address: account,
        context: SigningContext {
            chain_id: deployment.chain_id,
            verifier: deployment.sp1_verifier,
        },
        program: AttestedProgram::chunk_aggregator(program),
        journal: folder.join("operator.journal"),
    };
    let listen = ([127, 0, 0, 1], 0).into();
    let service = OperatorService::bind(ServiceConfig::new(listen, config), key).await.unwrap();
    let url = format!("http://{}", service.local_addr());
    tokio::spawn(async move { service.run(stop).await.unwrap() });
    (account, url)
}
