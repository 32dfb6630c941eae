//! What the tests on a real node share: the node, a proxy with fault handles before it, and contracts of a few bytes.

pub mod proxy;

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256, Bytes, address, hex},
    providers::{DynProvider, Provider},
};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, Mining, development_signer},
    provider::{Timeouts, connect},
    tx::{RevertDecoder, TransactionRecord, TxConfig, TxManager, TxStore, fake::FakeTxStore},
};
use proxy::Proxy;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Emits a log whose topic is the first word of the call data: `LOG1(0, 0, calldataload(0))`.
pub const LOGGER: Address = address!("0x00000000000000000000000000000000000c0de1");
/// Emits a log whose topic is the first blob's hash, and reverts without one.
pub const BLOB_LOGGER: Address = address!("0x00000000000000000000000000000000000c0de2");
/// Reverts with the four bytes `deadbeef`.
pub const REVERTER: Address = address!("0x00000000000000000000000000000000000c0de3");

pub const LOGGER_CODE: &[u8] = &hex!("5f355f5fa100");
pub const BLOB_LOGGER_CODE: &[u8] = &hex!("5f4980600957" "5f5ffd" "5b5f5fa100");
pub const REVERTER_CODE: &[u8] = &hex!("63deadbeef60e01b5f5260045ffd");

/// A node with the three contracts, a proxy before it, and a manager that talks to the proxy.
pub struct World {
    pub anvil: Anvil,
    pub proxy: Proxy,
    /// Straight to the node.
    pub node: DynProvider,
    pub store: Arc<FakeTxStore>,
    pub config: TxConfig,
    pub manager: TxManager,
}

impl World {
    pub async fn start(mining: Mining) -> Self {
        Self::start_with(AnvilOptions { mining, ..AnvilOptions::default() }).await
    }

    pub async fn start_with(options: AnvilOptions) -> Self {
        drop(
            tracing_subscriber::fmt()
                .with_env_filter("collimate_chain=debug")
                .with_test_writer()
                .try_init(),
        );
        let anvil = Anvil::start(options).await.expect("anvil starts");
        let node = connect(&anvil.url(), Timeouts::default()).expect("url");
        for (address, code) in
            [(LOGGER, LOGGER_CODE), (BLOB_LOGGER, BLOB_LOGGER_CODE), (REVERTER, REVERTER_CODE)]
        {
            rpc(&node, "anvil_setCode", json!([address, Bytes::from_static(code)])).await;
        }
        let proxy = Proxy::start(anvil.port()).await;
        let store = Arc::new(FakeTxStore::default());
        let config = TxConfig {
            poll_interval: Duration::from_millis(50),
            resubmit_after: Duration::from_millis(500),
            patience: Duration::from_secs(60),
            ..TxConfig::development_chain(DEVELOPMENT_CHAIN_ID)
        };
        let manager = manager(&proxy, &config, store.clone());
        Self { anvil, proxy, node, store, config, manager }
    }

    /// A second manager on the same store, as after a restart.
    pub fn restarted(&self) -> TxManager {
        manager(&self.proxy, &self.config, self.store.clone())
    }

    pub fn account(&self) -> Address {
        self.manager.address()
    }

    pub async fn mine(&self, blocks: u64) {
        rpc(&self.node, "anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    /// Makes the next block, and so the market, this expensive.
    pub async fn raise_base_fee(&self, wei: u64) {
        rpc(&self.node, "anvil_setNextBlockBaseFeePerGas", json!([format!("{wei:#x}")])).await;
        self.mine(1).await;
    }

    pub async fn record(&self, key: &str) -> Option<TransactionRecord> {
        self.store.find(key).await.expect("the fake store works")
    }

    /// Waits until the transaction has so many attempts and the node has the newest.
    pub async fn attempt_in_pool(&self, key: &str, attempts: usize) -> B256 {
        until("the attempt is in the pool", || async {
            let record = self.record(key).await?;
            let newest = record.attempts.last().filter(|_| record.attempts.len() >= attempts)?;
            let found = self.node.get_transaction_by_hash(newest.hash).await.ok()?;
            found.map(|_| newest.hash)
        })
        .await
    }

    pub async fn nonce(&self) -> u64 {
        self.node.get_transaction_count(self.account()).await.expect("node")
    }
}

pub fn manager(proxy: &Proxy, config: &TxConfig, store: Arc<dyn TxStore>) -> TxManager {
    let timeouts = Timeouts { request: Duration::from_secs(5), connect: Duration::from_secs(1) };
    let provider = connect(&proxy.url(), timeouts).expect("url");
    let decoder =
        RevertDecoder::new(|data| (data == hex!("deadbeef")).then(|| "DeadBeef()".to_owned()));
    let signer = development_signer(0).expect("account 0");
    TxManager::new(provider, signer, store, config.clone(), decoder)
}

pub async fn rpc(node: &DynProvider, method: &'static str, params: Value) -> Value {
    node.client().request(method, params).await.unwrap_or_else(|error| panic!("{method}: {error}"))
}

/// Waits until `condition` gives a value; panics with `what` after a minute and a half.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, condition: impl Fn() -> F) -> T {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The answer of a task; panics after two minutes.
pub async fn done<T>(task: tokio::task::JoinHandle<T>) -> T {
    let limit = Duration::from_secs(120);
    tokio::time::timeout(limit, task).await.expect("it ends in time").expect("it does not panic")
}

/// A valid blob: a zero byte and 31 others in each field element, no two of them the same.
pub fn blob(seed: u8) -> Bytes {
    let mut bytes = vec![seed; 131_072];
    for (index, element) in (0_u32..).zip(bytes.chunks_exact_mut(32)) {
        element[..5].copy_from_slice(&[[0].as_slice(), &index.to_be_bytes()].concat());
    }
    bytes.into()
}
