//! The payment service deployed on a real node: its terms read back, and credits bought.

use crate::node::Node;
use alloy::primitives::{Address, U256};
use collimate_contracts::{
    AggregationModePaymentService as Payments, ContractsError, Package, PaymentsConfig, Terms,
    deploy_payments,
};

fn config(owner: Address) -> PaymentsConfig {
    PaymentsConfig {
        owner,
        delay_seconds: 60,
        terms: Terms {
            price_wei: 1_000,
            validity_seconds: 3_600,
            daily_cap: 50,
            packages: vec![Package { credits: 20, price_wei: 15_000 }],
        },
    }
}

#[tokio::test]
async fn terms_are_read_back_and_a_purchase_says_all_that_credits_need() {
    let node = Node::start();
    let [owner, payer, account] = [0, 1, 2].map(|index| node.accounts[index].address());
    let provider = node.provider(&node.accounts[0]);
    let address = deploy_payments(&provider, &config(owner)).await.unwrap();
    let service = Payments::new(address, node.provider(&node.accounts[1]));
    let current = service.currentTerms().call().await.unwrap();
    assert_eq!((current.id, Terms::from(current.terms_)), (1, config(owner).terms));

    let deposit = service.deposit(account, U256::ONE).value(U256::from(3_500));
    let receipt = deposit.send().await.unwrap().get_receipt().await.unwrap();
    let event = receipt.decoded_log::<Payments::CreditsPurchased>().unwrap();
    assert_eq!(event.address, address);
    assert_eq!((event.id, event.payer, event.account), (U256::ONE, payer, account));
    assert_eq!((event.amount, event.credits, event.termsId), (U256::from(3_000), 3, 1));
    let block = receipt.block_number.unwrap();
    let block = alloy::providers::Provider::get_block_by_number(&provider, block.into());
    let mined_at = block.await.unwrap().unwrap().header.timestamp;
    assert_eq!(event.expiresAt, mined_at + 3_600);
    assert_eq!(service.refundable(payer).call().await.unwrap(), U256::from(500));
}

#[tokio::test]
async fn terms_that_sell_nothing_are_not_deployed() {
    let node = Node::start();
    let mut config = config(node.accounts[0].address());
    config.terms.packages[0].credits = 51;
    let error = deploy_payments(&node.provider(&node.accounts[0]), &config).await.unwrap_err();
    assert!(matches!(error, ContractsError::Deploy { .. }));
    assert!(error.to_string().contains("InvalidTerms()"), "{error}");
}
