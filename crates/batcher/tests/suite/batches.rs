//! What becomes of groups that were accepted: who is in a batch, at which price, and who is dropped from it.

use std::time::Duration;

use alloy::{
    primitives::{U256, aliases::U96},
    providers::ext::AnvilApi,
};
use collimate_api::fast::{
    BATCHES, BatchStatus, BatcherProblemCode as Code, BatchesPage, FEES, FeesAnswer, GroupEnd,
    GroupStatus,
};
use collimate_batch::Pointer;

use crate::{
    group::{MAX_FEE, group, message, signed},
    samples::sample,
    services::{hoarding, quick, start, start_with},
    support::network::until,
    world::{ETHER, UNLOCK_DELAY, World, user},
};

#[tokio::test(flavor = "multi_thread")]
async fn users_share_a_batch_and_everybody_pays_the_same_price() {
    let world = World::start().await;
    let mut config = hoarding(&world);
    // Those of all groups.
    config.closing.enough_proofs = 5;
    let batcher = start_with(&world, config).await;
    let mut ids = vec![];
    for number in 0..3_u8 {
        let user = user(number);
        world.deposit(user.address(), ETHER).await;
    }
    // Alone, with two proofs, and twice.
    let groups = [
        group(&world, &user(0), 0, &[sample(0)]),
        group(&world, &user(1), 0, &[sample(1), sample(2)]),
        group(&world, &user(2), 0, &[sample(0).by(9)]),
        group(&world, &user(2), 1, &[sample(1).by(9)]),
    ];
    for group in &groups {
        ids.push(world.accepted(&batcher, group).await.id);
    }
    world.mine(3).await;
    let mut answers = vec![];
    for id in &ids {
        answers.push(world.reaches(&batcher, *id, GroupStatus::Open).await);
    }
    let batch = answers[0].batch.clone().unwrap();
    assert_eq!((batch.group_count, batch.proof_count), (4, 5));
    let price = batch.fee_per_proof.0;
    for (answer, proofs) in answers.iter().zip([1, 2, 1, 1]) {
        assert_eq!(answer.batch.as_ref().unwrap().id, batch.id, "one batch");
        assert_eq!(answer.charged.unwrap().0, price * proofs);
        assert!(answer.charged.unwrap().0 < MAX_FEE);
    }
    for (number, (spent, nonce)) in [(1, 1), (2, 2), (2, 2)].into_iter().enumerate() {
        let on_chain = world.on_chain(user(number as u8).address()).await;
        assert_eq!(on_chain, (ETHER - spent * price, nonce));
    }
    // What the pointer names is at the data service: the manifest, and every file.
    let pointer: Pointer = batch.pointer.parse().unwrap();
    assert_eq!(pointer.mirrors()[0].as_str().trim_end_matches('/'), world.mirror);
    let settings = collimate_batch::DownloadSettings { allow_private: true, ..Default::default() };
    let downloader = collimate_batch::Downloader::new(settings).unwrap();
    let manifest = downloader.manifest(&pointer, &batch.root.0).await.unwrap();
    assert_eq!(manifest.groups().len(), 4);
    for part in manifest.parts() {
        downloader.part(&pointer, part).await.unwrap();
    }
    let page: BatchesPage = world.get(&batcher, BATCHES).await;
    assert_eq!((page.batches.len(), page.next), (1, None));
    assert_eq!(page.batches[0].status, BatchStatus::Open);
    let page: BatchesPage = world.get(&batcher, &format!("{BATCHES}?after={}", batch.id)).await;
    assert!(page.batches.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_the_batcher_follows_only_later_pays_for_a_group_that_was_accepted_on_it() {
    let world = World::start().await;
    let mut config = quick(&world);
    config.poll_interval = Duration::from_secs(2);
    let batcher = start_with(&world, config).await;
    let alice = user(1);
    // In a block that no look at the chain saw yet, most likely: accounts are asked of the newest one.
    world.deposit(alice.address(), ETHER).await;
    let request = group(&world, &alice, 0, &[sample(0)]);
    let id = world.accepted(&batcher, &request).await.id;
    world.reaches(&batcher, id, GroupStatus::Open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_offers_little_waits_for_others_to_share_the_costs() {
    let world = World::start().await;
    let batcher = start(&world).await;
    let mut ids = vec![];
    for number in 0..8_u8 {
        let user = user(number);
        world.deposit(user.address(), ETHER).await;
        // A third of what a batch alone costs, so it takes several.
        let fees: FeesAnswer = world.get(&batcher, FEES).await;
        let proofs = [sample(usize::from(number) % 3).by(number)];
        let message = message(&world, user.address(), 0, fees.instant_fee.0 / 3, &proofs);
        let request = signed(&world, &user, message, &proofs);
        ids.push(world.accepted(&batcher, &request).await.id);
        world.mine(2).await;
        let first = world.group(&batcher, ids[0]).await;
        if number == 0 {
            assert_eq!(first.status, GroupStatus::Accepted, "it cannot pay alone");
        }
        if first.status != GroupStatus::Accepted {
            break;
        }
    }
    let open = world.reaches(&batcher, ids[0], GroupStatus::Open).await;
    assert!(open.charged.unwrap() <= open.max_fee);
    assert!(open.batch.unwrap().group_count > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_charged_any_more_is_dropped_with_a_reason_and_the_others_are_not() {
    let world = World::start().await;
    let hoarder = start_with(&world, hoarding(&world)).await;
    let (alice, bob) = (user(1), user(2));
    for address in [alice.address(), bob.address(), world.owner] {
        world.deposit(address, ETHER).await;
    }
    let owner = collimate_chain::anvil::development_signer(0).unwrap();
    let accept = async |request| world.accepted(&hoarder, &request).await.id;
    // Each with a second group behind the first, which cannot be reached without it.
    let unlocked = [
        accept(group(&world, owner.inner(), 0, &[sample(0)])).await,
        accept(group(&world, owner.inner(), 1, &[sample(1)])).await,
    ];
    let late = {
        let mut message = message(&world, alice.address(), 0, MAX_FEE, &[sample(0).by(1)]);
        message.deadline = world.clock().await + 150;
        accept(signed(&world, &alice, message, &[sample(0).by(1)])).await
    };
    let behind_late = accept(group(&world, &alice, 1, &[sample(1).by(1)])).await;
    let honest = accept(group(&world, &bob, 0, &[sample(2)])).await;
    hoarder.stop().await;
    // The owner leaves, and twelve minutes pass.
    let payments = world.payments();
    let unlock = payments.unlock(world.batcher).send().await.unwrap();
    assert!(unlock.get_receipt().await.unwrap().status());
    world.node.anvil_increase_time(720).await.unwrap();
    world.mine(1).await;

    let batcher = start(&world).await;
    world.dropped(&batcher, late, GroupEnd::DeadlinePassed).await;
    world.dropped(&batcher, behind_late, GroupEnd::WrongNonce).await;
    world.dropped(&batcher, unlocked[0], GroupEnd::Unlocked).await;
    world.dropped(&batcher, unlocked[1], GroupEnd::WrongNonce).await;
    world.reaches(&batcher, honest, GroupStatus::Open).await;
    for user in [alice.address(), world.owner] {
        assert_eq!(world.on_chain(user).await, (ETHER, 0), "it cost nothing");
    }
    // Nonces are free again.
    let account = world.account(&batcher, alice.address()).await;
    assert_eq!((account.next_nonce, account.reserved.0), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_withdrew_what_a_group_may_cost_is_dropped_with_a_reason_and_the_others_are_not() {
    let world = World::start().await;
    let hoarder = start_with(&world, hoarding(&world)).await;
    let bob = user(2);
    for address in [bob.address(), world.owner] {
        world.deposit(address, ETHER).await;
    }
    let owner = collimate_chain::anvil::development_signer(0).unwrap();
    let poor = group(&world, owner.inner(), 0, &[sample(0)]);
    let poor = world.accepted(&hoarder, &poor).await.id;
    let honest = world.accepted(&hoarder, &group(&world, &bob, 0, &[sample(2)])).await.id;
    hoarder.stop().await;
    // The owner takes everything out in the ordinary way, and is back: locked, and with a wei.
    let payments = world.payments();
    let unlock = payments.unlock(world.batcher).send().await.unwrap();
    assert!(unlock.get_receipt().await.unwrap().status());
    world.node.anvil_increase_time(UNLOCK_DELAY + 1).await.unwrap();
    world.mine(1).await;
    let withdrawal = payments.withdraw(world.batcher, world.owner, ETHER - 1).send().await.unwrap();
    assert!(withdrawal.get_receipt().await.unwrap().status());
    let lock = payments.lock(world.batcher).send().await.unwrap();
    assert!(lock.get_receipt().await.unwrap().status());

    let batcher = start(&world).await;
    world.dropped(&batcher, poor, GroupEnd::BalanceTooLow).await;
    world.reaches(&batcher, honest, GroupStatus::Open).await;
    assert_eq!(world.on_chain(world.owner).await, (1, 0), "it cost nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_a_system_that_is_disabled_meanwhile_is_dropped() {
    let world = World::start().await;
    let hoarder = start_with(&world, hoarding(&world)).await;
    let (alice, bob) = (user(1), user(2));
    world.deposit(alice.address(), ETHER).await;
    world.deposit(bob.address(), ETHER).await;
    let (one, other) = (sample(0), sample(2));
    if one.item.proving_system == other.item.proving_system {
        eprintln!("!!! SKIPPED: without fixtures there is one proof system");
        return;
    }
    let disabled =
        world.accepted(&hoarder, &group(&world, &alice, 0, std::slice::from_ref(&one))).await.id;
    let honest = world.accepted(&hoarder, &group(&world, &bob, 0, &[other])).await.id;
    hoarder.stop().await;
    let bit = U96::from(1) << usize::from(one.item.proving_system);
    let disable = world.manager().disableSystems(bit).send().await.unwrap();
    assert!(disable.get_receipt().await.unwrap().status());
    world.mine(1).await;
    let batcher = start(&world).await;
    world.dropped(&batcher, disabled, GroupEnd::SystemDisabled).await;
    world.reaches(&batcher, honest, GroupStatus::Open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_tasks_is_waited_for() {
    let world = World::start().await;
    let batcher = start(&world).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let pause = world.manager().pause().send().await.unwrap();
    assert!(pause.get_receipt().await.unwrap().status());
    let id = world.accepted(&batcher, &group(&world, &alice, 0, &[sample(0)])).await.id;
    world.mine(3).await;
    assert_eq!(world.on_chain(alice.address()).await, (ETHER, 0));
    let unpause = world.manager().unpause().send().await.unwrap();
    assert!(unpause.get_receipt().await.unwrap().status());
    world.reaches(&batcher, id, GroupStatus::Open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_store_lost_costs_its_group_alone() {
    let world = World::start().await;
    let hoarder = start_with(&world, hoarding(&world)).await;
    let (alice, bob) = (user(1), user(2));
    world.deposit(alice.address(), ETHER).await;
    world.deposit(bob.address(), ETHER).await;
    let lost = group(&world, &alice, 0, &[sample(0)]);
    let id = world.accepted(&hoarder, &lost).await.id;
    let honest = world.accepted(&hoarder, &group(&world, &bob, 0, &[sample(2)])).await.id;
    hoarder.stop().await;
    let file = sample(0).item.proof.key().to_string();
    std::fs::remove_file(world.objects_folder().join("objects").join(&file)).unwrap();
    let batcher = start(&world).await;
    world.dropped(&batcher, id, GroupEnd::FilesLost).await;
    world.reaches(&batcher, honest, GroupStatus::Open).await;
    // The same authorisation is over; another one is taken, and its files are stored again.
    world.refused(&batcher, &lost, Code::AlreadyEnded).await;
    let mut message = message(&world, alice.address(), 0, MAX_FEE, &[sample(0)]);
    message.deadline += 1;
    let again = signed(&world, &alice, message, &[sample(0)]);
    let id = world.accepted(&batcher, &again).await.id;
    world.reaches(&batcher, id, GroupStatus::Open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_was_used_elsewhere_is_noticed_before_the_transaction() {
    let world = World::start().await;
    let hoarder = start_with(&world, hoarding(&world)).await;
    let (alice, bob) = (user(1), user(2));
    world.deposit(alice.address(), ETHER).await;
    world.deposit(bob.address(), ETHER).await;
    let request = group(&world, &alice, 0, &[sample(0)]);
    let id = world.accepted(&hoarder, &request).await.id;
    let honest = world.accepted(&hoarder, &group(&world, &bob, 0, &[sample(2)])).await.id;
    hoarder.stop().await;
    // Whoever has the batcher's key and the authorisation can charge it: another database with the same key, for example.
    let (batchers, _) = crate::support::network::wallet(&world.anvil, crate::world::BATCHER);
    let payments = collimate_contracts::BatcherPaymentService::new(world.payments, batchers);
    let authorization = collimate_contracts::fast_mode::Authorization {
        user: request.authorization.user,
        proofsRoot: request.authorization.proofs_root,
        proofCount: request.authorization.proof_count,
        firstNonce: request.authorization.first_nonce,
        maxFee: request.authorization.max_fee.0,
        deadline: request.authorization.deadline,
        signature: request.authorization.signature.clone(),
    };
    let root = request.authorization.proofs_root;
    let call = payments.createNewTask(
        root,
        "v1 elsewhere".to_owned(),
        U256::from(1),
        1,
        U256::ZERO,
        vec![authorization],
    );
    let receipt = call.send().await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    assert_eq!(world.on_chain(alice.address()).await, (ETHER - 1, 1));
    let batcher = start(&world).await;
    world.dropped(&batcher, id, GroupEnd::WrongNonce).await;
    world.reaches(&batcher, honest, GroupStatus::Open).await;
    until("the next nonce is the chain's", || async {
        (world.account(&batcher, alice.address()).await.next_nonce == 1).then_some(())
    })
    .await;
}
