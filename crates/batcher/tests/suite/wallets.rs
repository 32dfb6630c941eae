//! Users that are contracts: asked for their word, and what it costs others when they take it back.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, hex},
    providers::{Provider, ext::AnvilApi},
};
use collimate_api::fast::{BatcherProblemCode as Code, GroupEnd, GroupStatus};

use crate::{
    group::{MAX_FEE, Request, group, message, request, signed},
    samples::sample,
    services::{Running, hoarding, start, start_with},
    support::{network::until, samples::Sample},
    world::{CHAIN, ETHER, World, user},
};

/// A wallet that takes any signature over the hash in its slot 0, and reverts for any other hash:
/// `calldataload(4) == sload(0) ? return 0x1626ba7e : revert`.
const WALLET: [u8; 32] = hex!("60043560005414600f5760006000fd5b631626ba7e60e01b60005260206000f3");
/// One that burns all gas that it gets: `jump(0)` for ever.
const ENDLESS: [u8; 4] = hex!("5b600056");

const ADDRESS: Address = Address::repeat_byte(0x3a);

async fn agree(world: &World, hash: B256) {
    agree_as(world, ADDRESS, hash).await;
}

async fn agree_as(world: &World, wallet: Address, hash: B256) {
    let set = world.node.raw_request("anvil_setStorageAt".into(), (wallet, B256::ZERO, hash));
    let _: bool = set.await.unwrap();
}

/// A wallet's group, with a signature longer than a key's.
fn of_wallet(world: &World, nonce: u64, samples: &[Sample]) -> Request {
    let message = message(world, ADDRESS, nonce, MAX_FEE, samples);
    request(message, vec![0x5a; 500], samples)
}

async fn world_with_wallet(code: &[u8]) -> World {
    let world = World::start().await;
    world.node.anvil_set_code(ADDRESS, Bytes::from(code.to_vec())).await.unwrap();
    world
}

/// A world with a wallet's group and an honest user's, both accepted by a batcher that stopped before it made a batch.
async fn two_that_wait() -> (World, [B256; 2]) {
    let world = world_with_wallet(&WALLET).await;
    let hoarder = start_with(&world, hoarding(&world)).await;
    let alice = user(1);
    world.deposit(ADDRESS, ETHER).await;
    world.deposit(alice.address(), ETHER).await;
    let wallets = of_wallet(&world, 0, &[sample(0)]);
    agree(&world, wallets.id(&world)).await;
    let wallets = world.accepted(&hoarder, &wallets).await.id;
    let honest = world.accepted(&hoarder, &group(&world, &alice, 0, &[sample(1)])).await.id;
    hoarder.stop().await;
    (world, [wallets, honest])
}

/// Starts a batcher, and has the wallet take its word back when the batch's transaction waits for its block.
async fn withdrawn_in_the_very_block(world: &World, wallet: Address) -> Running {
    world.node.anvil_set_auto_mine(false).await.unwrap();
    let batcher = start(world).await;
    until("it is sent", || async {
        let sent = world.node.get_transaction_count(world.batcher).pending().await.ok()?;
        (sent == 1).then_some(())
    })
    .await;
    agree_as(world, wallet, B256::ZERO).await;
    world.mine(1).await;
    batcher
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallets_word_counts_for_what_it_agreed_to() {
    let world = world_with_wallet(&WALLET).await;
    let batcher = start(&world).await;
    let group = of_wallet(&world, 0, &[sample(0)]);
    // It is asked only once it can pay.
    world.refused(&batcher, &group, Code::BalanceTooLow).await;
    world.deposit(ADDRESS, ETHER).await;
    world.refused(&batcher, &group, Code::BadSignature).await;
    agree(&world, group.id(&world)).await;
    assert_eq!(
        group.id(&world),
        message(&world, ADDRESS, 0, MAX_FEE, &[sample(0)]).digest(CHAIN, world.payments)
    );
    let id = world.accepted(&batcher, &group).await.id;
    let open = world.reaches(&batcher, id, GroupStatus::Open).await;
    let charged = open.charged.unwrap().0;
    assert!(charged > 0 && world.on_chain(ADDRESS).await == (ETHER - charged, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_burns_gas_is_refused() {
    let world = world_with_wallet(&ENDLESS).await;
    let batcher = start(&world).await;
    world.deposit(ADDRESS, ETHER).await;
    world.refused(&batcher, &of_wallet(&world, 0, &[sample(0)]), Code::BadSignature).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_withdraws_before_the_batch_is_dropped_and_not_taken_again() {
    let (world, [id, honest]) = two_that_wait().await;
    agree(&world, B256::ZERO).await;
    world.mine(1).await;
    let batcher = start(&world).await;
    world.dropped(&batcher, id, GroupEnd::SignatureWithdrawn).await;
    world.reaches(&batcher, honest, GroupStatus::Open).await;
    // Or a few that say yes at the door and no to every batch would keep all batches from being made, and pay nothing.
    let next = of_wallet(&world, 0, &[sample(2)]);
    agree(&world, next.id(&world)).await;
    world.refused(&batcher, &next, Code::BadSignature).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_offers_the_gas_that_it_takes() {
    let world = world_with_wallet(&WALLET).await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let (alice, proofs) = (user(1), [sample(0)]);
    let key = signed(&world, &alice, message(&world, alice.address(), 0, 1, &proofs), &proofs);
    let least = world.refused(&batcher, &key, Code::FeeTooLow).await.min_max_fee.unwrap();
    // What is enough for a key would wait for ever, in front of those that offer less for each of many proofs.
    let offering =
        |fee: u128| request(message(&world, ADDRESS, 0, fee, &proofs), vec![0x5a; 500], &proofs);
    let problem = world.refused(&batcher, &offering(least.0), Code::FeeTooLow).await;
    let least_of_wallet = problem.min_max_fee.unwrap();
    assert!(least_of_wallet > least, "{problem}");
    world.deposit(ADDRESS, ETHER).await;
    let enough = offering(2 * least_of_wallet.0);
    agree(&world, enough.id(&world)).await;
    world.accepted(&batcher, &enough).await;
}

/// An account of a key that delegated itself (EIP-7702): key and code can both sign for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_behind_a_wallets_group_of_its_own_stops_nobody() {
    let world = World::start().await;
    let (alice, bob) = (user(1), user(2));
    world.node.anvil_set_code(alice.address(), Bytes::from(WALLET.to_vec())).await.unwrap();
    let hoarder = start_with(&world, hoarding(&world)).await;
    for user in [&alice, &bob] {
        world.deposit(user.address(), ETHER).await;
    }
    let proofs = [sample(0)];
    let by_code = message(&world, alice.address(), 0, MAX_FEE, &proofs);
    let by_code = request(by_code, vec![0x5a; 500], &proofs);
    agree_as(&world, alice.address(), by_code.id(&world)).await;
    let by_code = world.accepted(&hoarder, &by_code).await.id;
    let by_key = world.accepted(&hoarder, &group(&world, &alice, 1, &[sample(2)])).await.id;
    let honest = world.accepted(&hoarder, &group(&world, &bob, 0, &[sample(1)])).await.id;
    hoarder.stop().await;

    let batcher = withdrawn_in_the_very_block(&world, alice.address()).await;
    world.node.anvil_set_auto_mine(true).await.unwrap();
    let open = world.reaches(&batcher, honest, GroupStatus::Open).await;
    assert!(open.charged.unwrap().0 > 0);
    for id in [by_code, by_key] {
        let free = world.reaches(&batcher, id, GroupStatus::Open).await;
        assert_eq!(free.charged.unwrap().0, 0, "the key's nonce was not its turn");
    }
    assert_eq!(world.on_chain(alice.address()).await, (ETHER, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_withdraws_in_the_very_block_stops_nobody_and_is_not_taken_again() {
    let (world, [id, honest]) = two_that_wait().await;
    let batcher = withdrawn_in_the_very_block(&world, ADDRESS).await;
    world.node.anvil_set_auto_mine(true).await.unwrap();
    let open = world.reaches(&batcher, honest, GroupStatus::Open).await;
    assert!(open.charged.unwrap().0 > 0);
    let free = world.reaches(&batcher, id, GroupStatus::Open).await;
    assert_eq!(free.charged.unwrap().0, 0, "at the batcher's expense");
    assert_eq!(world.on_chain(ADDRESS).await, (ETHER, 0));
    let ledger = world.ledger().await;
    let batch = ledger.batch(open.batch.unwrap().id).await.unwrap().unwrap();
    assert!(batch.task.unwrap().added > 0, "what was lacking came from the batcher");
    // Its nonce is free, and its next signature is not taken for a while.
    assert_eq!(world.account(&batcher, ADDRESS).await.next_nonce, 0);
    let next = of_wallet(&world, 0, &[sample(2)]);
    agree(&world, next.id(&world)).await;
    world.refused(&batcher, &next, Code::BadSignature).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_in_which_a_wallet_stands_by_its_word_after_all_ends_what_has_its_nonce() {
    let (world, [id, honest]) = two_that_wait().await;
    let batcher = withdrawn_in_the_very_block(&world, ADDRESS).await;
    let open = world.reaches(&batcher, id, GroupStatus::Open).await;
    assert_eq!(open.charged.unwrap().0, 0);
    batcher.stop().await;

    // Its nonce is free, and goes to another group, which waits.
    let mut forgiving = hoarding(&world);
    forgiving.intake.wallet_ban = Duration::ZERO;
    let batcher = start_with(&world, forgiving).await;
    let second = of_wallet(&world, 0, &[sample(2)]);
    agree(&world, second.id(&world)).await;
    let second = world.accepted(&batcher, &second).await.id;

    let head = world.node.get_block_number().await.unwrap();
    let depth = head + 1 - open.batch.unwrap().task_block.unwrap();
    world.node.anvil_rollback(Some(depth)).await.unwrap();
    agree(&world, id).await;
    world.node.anvil_set_auto_mine(true).await.unwrap();
    world.mine(depth + 1).await;
    world.dropped(&batcher, second, GroupEnd::WrongNonce).await;
    for id in [id, honest] {
        let open = world.reaches(&batcher, id, GroupStatus::Open).await;
        assert!(open.charged.unwrap().0 > 0);
    }
    assert_eq!(world.on_chain(ADDRESS).await.1, 1, "charged once");
    assert_eq!(world.account(&batcher, ADDRESS).await.next_nonce, 1);
}
