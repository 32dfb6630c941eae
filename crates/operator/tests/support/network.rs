//! A node with the contracts and four registered operators.

use std::time::Duration;

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
};
use collimate_attestation::{Registration, SecretKey};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, development_signer},
    provider::{Timeouts, connect},
};
use collimate_contracts::{AlignedLayerServiceManager, OperatorRegistry};
use tokio::time::Instant;

/// Blocks in which a task can be answered.
pub(crate) const RESPONSE_BLOCKS: u32 = 50;
const EPOCH_BLOCKS: u64 = 100;
/// Enough for a response at the development chain's prices.
pub(crate) const FEE_LIMIT: u128 = 10_000_000_000_000_000;

pub(crate) struct Network {
    pub(crate) anvil: Anvil,
    pub(crate) node: DynProvider,
    /// Sends as account 0, which owns the contracts.
    pub(crate) wallet: DynProvider,
    pub(crate) owner: Address,
    pub(crate) manager: Address,
}

impl Network {
    /// The operators count from the start.
    pub(crate) async fn start(log: &str) -> Self {
        drop(tracing_subscriber::fmt().with_env_filter(log).with_test_writer().try_init());
        let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
        let node = connect(&anvil.url(), Timeouts::default()).unwrap();
        let (wallet, owner) = wallet(&anvil, 0);
        let registry =
            *OperatorRegistry::deploy(&wallet, owner, EPOCH_BLOCKS, 2, 1).await.unwrap().address();
        for number in 0..4 {
            register(&anvil, registry, number).await;
        }
        let manager = AlignedLayerServiceManager::deploy(
            &wallet,
            registry,
            owner,
            RESPONSE_BLOCKS,
            1_000_000_000,
        );
        let manager = *manager.await.unwrap().address();
        node.anvil_mine(Some(EPOCH_BLOCKS), None).await.unwrap();
        Self { anvil, node, wallet, owner, manager }
    }
}

/// An operator's key.
pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number + 1; 32]).unwrap()
}

/// A connection that sends as a development account.
pub(crate) fn wallet(anvil: &Anvil, account: usize) -> (DynProvider, Address) {
    let signer = development_signer(account).unwrap();
    let address = signer.address();
    let provider = ProviderBuilder::new()
        .wallet(EthereumWallet::from(signer.inner().clone()))
        .connect_http(anvil.url().parse().unwrap());
    (provider.erased(), address)
}

async fn register(anvil: &Anvil, registry: Address, number: u8) {
    let (wallet, account) = wallet(anvil, usize::from(number) + 1);
    let registration = Registration { chain_id: DEVELOPMENT_CHAIN_ID, registry, operator: account };
    let possession = key(number).prove_possession(&registration).to_point();
    let registry = OperatorRegistry::new(registry, wallet);
    let receipt = registry
        .register(key(number).public_key().to_point().into(), possession.into())
        .value(U256::from(1_000_000))
        .send()
        .await
        .unwrap()
        .get_receipt()
        .await
        .unwrap();
    assert!(receipt.status());
}

/// Waits until `condition` gives a value; panics with `what` after two minutes.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    condition: impl Fn() -> F,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
