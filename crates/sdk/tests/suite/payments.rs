//! Buying credits from the real contract on a real node.

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, development_signer},
    provider::{Timeouts, connect},
};
use collimate_contracts::{
    AggregationModePaymentService, Package, PaymentsConfig, Terms, deploy_payments,
};
use collimate_sdk::{Amount, Payer, Payments, SdkError, TxJournal};

const PRICE: u128 = 1_000_000;

struct Shop {
    _anvil: Anvil,
    provider: DynProvider,
    wallet: DynProvider,
    contract: Address,
    folder: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
        let provider = connect(&anvil.url(), Timeouts::default()).unwrap();
        let owner = development_signer(9).unwrap();
        let wallet = ProviderBuilder::new()
            .wallet(EthereumWallet::from(owner.inner().clone()))
            .connect_http(anvil.url().parse().unwrap())
            .erased();
        let terms = Terms {
            price_wei: PRICE,
            validity_seconds: 3_600,
            daily_cap: 200,
            packages: vec![Package { credits: 100, price_wei: 70 * PRICE }],
        };
        let config = PaymentsConfig { owner: owner.address(), delay_seconds: 60, terms };
        let contract = deploy_payments(&wallet, &config).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { _anvil: anvil, provider, wallet, contract, folder }
    }

    async fn payments(&self) -> Payments {
        Payments::connect(self.provider.clone(), self.contract, Some(DEVELOPMENT_CHAIN_ID))
            .await
            .unwrap()
    }

    async fn payer(&self) -> Payer {
        let journal = TxJournal::open(self.folder.path()).unwrap();
        let signer = development_signer(0).unwrap();
        Payer::new(self.provider.clone(), signer, journal, &self.payments().await)
    }
}

#[tokio::test]
async fn credits_and_packages_are_bought_at_the_exact_price_for_anybody() {
    let shop = Shop::open().await;
    let offer = shop.payments().await.offer().await.unwrap();
    assert_eq!((offer.terms_id, offer.left_today), (1, 200));
    assert_eq!(offer.terms.packages.len(), 1);
    let payer = shop.payer().await;
    let friend = Address::repeat_byte(5);

    let order = offer.order(payer.address(), Amount::Credits(3)).unwrap();
    let first = payer.buy(&order).await.unwrap();
    assert_eq!((first.id, first.credits), (1, 3));
    assert_eq!(first.amount_wei, U256::from(3 * PRICE));
    assert_eq!((first.payer, first.account), (payer.address(), payer.address()));

    let package = offer.order(friend, Amount::Package(0)).unwrap();
    let second = payer.buy(&package).await.unwrap();
    assert_eq!((second.id, second.credits, second.account), (2, 100, friend));

    // The same order after it was finished is another deposit.
    assert!(!payer.is_interrupted(&order).await.unwrap());
    let third = payer.buy(&order).await.unwrap();
    assert_eq!(third.id, 3);
    assert_ne!(third.transaction, first.transaction);

    let contract = AggregationModePaymentService::new(shop.contract, &shop.provider);
    assert_eq!(contract.totalRefundable().call().await.unwrap(), U256::ZERO, "no change");
    assert_eq!(shop.payments().await.offer().await.unwrap().left_today, 200 - 106);
}

#[tokio::test]
async fn a_deposit_that_was_interrupted_is_finished_and_not_made_twice() {
    let shop = Shop::open().await;
    let offer = shop.payments().await.offer().await.unwrap();
    let order = offer.order(Address::repeat_byte(5), Amount::Credits(2)).unwrap();
    // Blocks stop, so that the transaction is sent and not mined.
    let set = |method: &'static str, value: bool| {
        shop.provider.raw_request::<_, serde_json::Value>(method.into(), (value,))
    };
    set("evm_setAutomine", false).await.unwrap();
    let payer = shop.payer().await;
    let waited = tokio::time::timeout(std::time::Duration::from_secs(3), payer.buy(&order)).await;
    assert!(waited.is_err(), "nothing is mined");
    payer.stop().await;
    drop(payer);

    let payer = shop.payer().await;
    assert!(payer.is_interrupted(&order).await.unwrap());
    let other = offer.order(Address::repeat_byte(6), Amount::Credits(2)).unwrap();
    assert!(!payer.is_interrupted(&other).await.unwrap());
    set("evm_setAutomine", true).await.unwrap();
    shop.provider.raw_request::<_, serde_json::Value>("evm_mine".into(), ()).await.unwrap();
    let purchase = payer.buy(&order).await.unwrap();
    assert_eq!(purchase.id, 1);
    assert_eq!(shop.payments().await.purchases().await.unwrap(), 1);
}

#[tokio::test]
async fn terms_that_changed_meanwhile_sell_nothing() {
    let shop = Shop::open().await;
    let offer = shop.payments().await.offer().await.unwrap();
    let payer = shop.payer().await;
    let order = offer.order(payer.address(), Amount::Credits(1)).unwrap();
    let contract = AggregationModePaymentService::new(shop.contract, &shop.wallet);
    let dearer = Terms { price_wei: 2 * PRICE, ..offer.terms.clone() };
    let announced = contract.announceTerms(dearer.into()).send().await.unwrap();
    announced.get_receipt().await.unwrap();
    let move_on =
        shop.provider.raw_request::<_, serde_json::Value>("evm_increaseTime".into(), (61,));
    move_on.await.unwrap();
    shop.provider.raw_request::<_, serde_json::Value>("evm_mine".into(), ()).await.unwrap();
    let error = payer.buy(&order).await.unwrap_err();
    assert_eq!(error.code(), "CHN-030", "{error}");
    assert!(error.to_string().contains("TermsNotCurrent"), "{error}");
    assert_eq!(shop.payments().await.offer().await.unwrap().terms_id, 2);
}

#[tokio::test]
async fn another_contract_or_chain_is_refused() {
    let shop = Shop::open().await;
    let connect = async |contract, chain| {
        Payments::connect(shop.provider.clone(), contract, chain).await.unwrap_err()
    };
    let error = connect(Address::repeat_byte(9), None).await;
    assert!(matches!(error, SdkError::NoContract { .. }), "{error}");
    assert_eq!(connect(shop.contract, Some(1)).await.code(), "CHN-003");
    let owner = development_signer(9).unwrap().inner().clone();
    let provider = ProviderBuilder::new().wallet(EthereumWallet::from(owner));
    let provider = provider.connect_provider(&shop.wallet);
    let other = collimate_contracts::OperatorRegistry::deploy_builder(
        provider,
        Address::repeat_byte(1),
        10,
        2,
        1,
    );
    let other = other.deploy().await.unwrap();
    assert_eq!(connect(other, None).await.code(), "SDK-026");
}
