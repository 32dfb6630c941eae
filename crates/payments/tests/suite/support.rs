//! A node with the payment service, and databases for pollers.
#![allow(dead_code, reason = "tests and benchmarks each use their part")]

use std::{collections::BTreeMap, num::NonZeroU64, path::Path, time::Duration};

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256, address},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{Filter, TransactionRequest},
    sol_types::{SolCall, SolEvent},
};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, development_signer},
    follower::FollowConfig,
    provider::{Timeouts, connect},
};
use collimate_contracts::{
    AggregationModePaymentService::{self as Service, CreditsPurchased},
    PaymentsConfig, Terms, deploy_payments,
};
use collimate_payments::{Poller, PollerConfig, decode};
use collimate_store::{EmbeddedPostgres, PaymentContract, PaymentStatus, Store};
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub(crate) const PRICE: u128 = 1_000;
pub(crate) const CONFIRMATIONS: u64 = 4;
pub(crate) const ALICE: Address = address!("0x00000000000000000000000000000000000a11ce");
pub(crate) const BOB: Address = address!("0x0000000000000000000000000000000000000b0b");

pub(crate) struct World {
    _anvil: Anvil,
    pub(crate) node: DynProvider,
    pub(crate) wallet: DynProvider,
    pub(crate) service: Address,
    pub(crate) start_block: u64,
    pub(crate) postgres: EmbeddedPostgres,
    databases: u32,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
        let node = connect(&anvil.url(), Timeouts::default()).unwrap();
        let signer = development_signer(0).unwrap();
        let owner = signer.address();
        let wallet = ProviderBuilder::new()
            .wallet(EthereumWallet::from(signer.inner().clone()))
            .connect_http(anvil.url().parse().unwrap())
            .erased();
        let start_block = node.get_block_number().await.unwrap();
        let terms = Terms {
            price_wei: PRICE,
            validity_seconds: 86_400,
            daily_cap: 1_000_000,
            packages: vec![],
        };
        let config = PaymentsConfig { owner, delay_seconds: 60, terms };
        let service = deploy_payments(&wallet, &config).await.unwrap();
        let folder = tempfile::tempdir_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        let postgres = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
        Self {
            _anvil: anvil,
            node,
            wallet,
            service,
            start_block,
            postgres,
            databases: 0,
            _folder: folder,
        }
    }

    pub(crate) async fn empty_store(&mut self) -> Store {
        self.databases += 1;
        let url = self.postgres.create_database(&format!("test_{}", self.databases)).await.unwrap();
        Store::connect(&url).await.unwrap()
    }

    pub(crate) fn contract(&self) -> PaymentContract {
        PaymentContract { chain_id: DEVELOPMENT_CHAIN_ID, address: self.service.into_array() }
    }

    /// Few blocks a request and a shallow safe depth, so that all ways of reading are taken.
    pub(crate) async fn poller(&self, store: &Store) -> Poller {
        let config = PollerConfig {
            contract: self.service,
            start_block: self.start_block,
            confirmations: NonZeroU64::new(CONFIRMATIONS).unwrap(),
            poll_interval: Duration::from_millis(20),
            follow: FollowConfig { lag: 0, safe_depth: 8, max_range: 5 },
        };
        Poller::new(self.node.clone(), store.clone(), config).await.unwrap()
    }

    pub(crate) async fn follow(
        &self,
        store: &Store,
    ) -> (Poller, CancellationToken, tokio::task::JoinHandle<()>) {
        let poller = self.poller(store).await;
        let (stop, running) = (CancellationToken::new(), poller.clone());
        let token = stop.clone();
        (poller, stop, tokio::spawn(async move { running.run(token).await.unwrap() }))
    }

    pub(crate) async fn deposit(&self, account: Address, credits: u128) {
        let service = Service::new(self.service, &self.wallet);
        let call = service.deposit(account, U256::ONE).value(U256::from(credits * PRICE));
        let call = call.nonce(self.nonce().await);
        assert!(call.send().await.unwrap().get_receipt().await.unwrap().status());
    }

    /// One transaction that deposits for each of these: the code of a contract whose creation makes the calls.
    pub(crate) async fn deposit_together(&self, deposits: &[(Address, u8)]) {
        let total: u128 = deposits.iter().map(|(_, credits)| u128::from(*credits) * PRICE).sum();
        let request = TransactionRequest::default()
            .with_deploy_code(batch(self.service, deposits))
            .with_value(U256::from(total))
            // An estimate would be what suffices without the last calls, whose failure the code ignores.
            .with_gas_limit(3_000_000)
            .with_nonce(self.nonce().await);
        let sent = self.wallet.send_transaction(request).await.unwrap();
        assert!(sent.get_receipt().await.unwrap().status());
    }

    /// The node's own count: a cached one would be wrong after a reorganisation that drops transactions.
    pub(crate) async fn nonce(&self) -> u64 {
        let account = development_signer(0).unwrap().address();
        self.node.get_transaction_count(account).await.unwrap()
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    pub(crate) async fn reorg(&self, depth: u64) {
        self.rpc("anvil_reorg", json!([depth, []])).await;
    }

    pub(crate) async fn rpc(&self, method: &'static str, params: serde_json::Value) {
        let _: serde_json::Value = self.node.client().request(method, params).await.unwrap();
    }

    /// What the chain says: (transaction, log) with account, credits and whether it is confirmed.
    pub(crate) async fn on_chain(&self) -> BTreeMap<([u8; 32], u64), (Address, u64, bool)> {
        let head = self.node.get_block_number().await.unwrap();
        let filter = Filter::new()
            .address(self.service)
            .event_signature(CreditsPurchased::SIGNATURE_HASH)
            .from_block(0);
        let logs = self.node.get_logs(&filter).await.unwrap();
        logs.iter()
            .map(|log| {
                let payment = decode(log).unwrap();
                let confirmed = payment.block_number + CONFIRMATIONS <= head + 1;
                let key = (payment.tx_hash, payment.log_index);
                (key, (payment.account.into(), payment.credits, confirmed))
            })
            .collect()
    }

    pub(crate) async fn stored(
        &self,
        store: &Store,
    ) -> BTreeMap<([u8; 32], u64), (Address, u64, bool)> {
        let mut stored = BTreeMap::new();
        for account in [ALICE, BOB] {
            let payments = store.payments_of(&self.contract(), &account.into_array(), 10_000).await;
            for payment in payments.unwrap() {
                if payment.status != PaymentStatus::Revoked {
                    let confirmed = payment.status == PaymentStatus::Credited;
                    let value = (payment.account.into(), payment.credits, confirmed);
                    assert!(stored.insert((payment.tx_hash, payment.log_index), value).is_none());
                }
            }
        }
        stored
    }

    pub(crate) async fn credits(&self, store: &Store, account: Address) -> (u64, u64) {
        let has = store.account(&self.contract(), &account.into_array()).await.unwrap();
        (has.credits, has.unconfirmed)
    }

    /// Waits until the poller has the newest block, and compares.
    pub(crate) async fn agrees(&self, poller: &Poller, store: &Store) {
        let head = self.node.get_header_by_number(alloy::eips::BlockNumberOrTag::Latest);
        let head: B256 = head.await.unwrap().unwrap().hash;
        until("the poller catches up", || async {
            let name =
                format!("payments/{DEVELOPMENT_CHAIN_ID}/{}", alloy::hex::encode(self.service));
            let cursor = store.load_cursor(&name).await.unwrap()?;
            cursor.tip().filter(|tip| tip.hash == head)
        })
        .await;
        assert_eq!(poller.behind().await.unwrap().blocks(), 0);
        assert_eq!(self.stored(store).await, self.on_chain().await);
    }
}

/// Creation code that calls `deposit` once for each, and leaves a contract without code.
pub(crate) fn batch(service: Address, deposits: &[(Address, u8)]) -> Bytes {
    const STEP: usize = 7 + 48;
    let data_at = deposits.len() * STEP + 1;
    let (mut code, mut data) = (vec![], vec![]);
    for (account, credits) in deposits {
        let call = Service::depositCall { account: *account, termsId: U256::ONE }.abi_encode();
        let offset = u16::try_from(data_at + data.len()).unwrap().to_be_bytes();
        // PUSH1 68, PUSH2 offset, PUSH0, CODECOPY
        code.extend([0x60, 68, 0x61, offset[0], offset[1], 0x5f, 0x39]);
        // PUSH0 PUSH0 PUSH1 68 PUSH0 PUSH16 value PUSH20 service GAS CALL POP
        code.extend([0x5f, 0x5f, 0x60, 68, 0x5f, 0x6f]);
        code.extend((u128::from(*credits) * PRICE).to_be_bytes());
        code.push(0x73);
        code.extend(service.as_slice());
        code.extend([0x5a, 0xf1, 0x50]);
        code.extend([0x5b, 0x5b]);
        data.extend(call);
    }
    code.push(0x00);
    assert_eq!(code.len(), data_at);
    code.extend(data);
    code.into()
}

pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    condition: impl Fn() -> F,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
