//! Accounts with a batcher, on the real contract.

use alloy::primitives::Address;
use collimate_sdk::{
    FastContracts, FastError, FastModeProfile, SdkError,
    fast::{LockState, Wei},
};

use crate::fast_network::{ALICE, BATCHER, FastNetwork, UNLOCK_DELAY, account, signer};

const ETHER: u128 = 1_000_000_000_000_000_000;

#[tokio::test]
async fn an_account_is_paid_into_by_anybody_and_withdrawn_from_by_its_owner_after_the_delay() {
    let network = FastNetwork::start().await;
    let client = network.client();
    let (batcher, alice) = (account(BATCHER), account(ALICE));
    let contracts = client.fast_contracts().await.unwrap();
    assert_eq!(contracts.unlock_delay().as_secs(), UNLOCK_DELAY);
    let payer = client.fast_payer(signer(ALICE), &network.journal(ALICE)).await.unwrap();

    let deposit = payer.deposit(batcher, alice, ETHER).await.unwrap();
    assert_eq!((deposit.batcher, deposit.user, deposit.payer), (batcher, alice, alice));
    assert_eq!(deposit.amount_wei, Wei(ETHER));
    let friend = client.fast_payer(signer(5), &network.journal(5)).await.unwrap();
    let gift = friend.deposit(batcher, alice, 7).await.unwrap();
    assert_eq!((gift.user, gift.payer), (alice, account(5)));
    // The same again is another deposit.
    friend.deposit(batcher, alice, 7).await.unwrap();
    let found = contracts.account(batcher, alice).await.unwrap();
    assert_eq!((found.balance_wei, found.nonce), (Wei(ETHER + 14), 0));
    assert_eq!((found.state, found.unlocked_from), (LockState::Locked, None));
    assert_eq!(contracts.account(alice, alice).await.unwrap().balance_wei, Wei(0));

    let refused = |error: SdkError| assert_eq!(error.code(), "SDK-053", "{error}");
    refused(payer.withdraw(batcher, alice, None).await.unwrap_err());
    refused(payer.lock(batcher).await.unwrap_err());
    refused(payer.deposit(batcher, alice, 0).await.unwrap_err());
    refused(payer.deposit(Address::ZERO, alice, 1).await.unwrap_err());

    let (from, _) = payer.unlock(batcher).await.unwrap();
    let found = contracts.account(batcher, alice).await.unwrap();
    assert_eq!((found.state, found.unlocked_from), (LockState::Unlocking, Some(from)));
    refused(payer.unlock(batcher).await.unwrap_err());
    refused(payer.withdraw(batcher, alice, None).await.unwrap_err());
    payer.lock(batcher).await.unwrap();
    assert_eq!(contracts.account(batcher, alice).await.unwrap().state, LockState::Locked);

    payer.unlock(batcher).await.unwrap();
    network.pass(UNLOCK_DELAY + 1).await;
    assert_eq!(contracts.account(batcher, alice).await.unwrap().state, LockState::Unlocked);
    refused(payer.withdraw(batcher, alice, Some(2 * ETHER)).await.unwrap_err());
    let receiver = Address::repeat_byte(0xee);
    let some = payer.withdraw(batcher, receiver, Some(ETHER)).await.unwrap();
    assert_eq!((some.receiver, some.amount_wei), (receiver, Wei(ETHER)));
    let rest = payer.withdraw(batcher, receiver, None).await.unwrap();
    assert_eq!(rest.amount_wei, Wei(14));
    refused(payer.withdraw(batcher, receiver, None).await.unwrap_err());
    payer.stop().await;
    friend.stop().await;
}

#[tokio::test]
async fn other_contracts_and_chains_are_refused() {
    let network = FastNetwork::start().await;
    let right = network.profile.fast_mode.clone().unwrap();
    let connect = async |change: &dyn Fn(&mut FastModeProfile), chain| {
        let mut profile = right.clone();
        change(&mut profile);
        FastContracts::connect(network.provider.clone(), &profile, chain).await
    };
    let connected = connect(&|_| (), None).await.unwrap();
    assert_eq!(connected.service_manager(), network.manager());
    assert_eq!(connect(&|_| (), Some(1)).await.unwrap_err().code(), "CHN-003");
    let nowhere = connect(&|p| p.batcher_payments = Address::repeat_byte(9), None).await;
    assert_eq!(nowhere.unwrap_err().code(), "SDK-003");
    let registry = network.deployment.registry.unwrap();
    let changes: [&dyn Fn(&mut FastModeProfile); 3] = [
        &|profile| profile.service_manager = profile.batcher_payments,
        &|profile| profile.batcher_payments = registry,
        &|profile| profile.service_manager = registry,
    ];
    for change in changes {
        let error = connect(change, None).await.unwrap_err();
        assert!(matches!(error, SdkError::Fast(FastError::WrongContract { .. })), "{error}");
        assert_eq!(error.code(), "SDK-052");
    }
}
