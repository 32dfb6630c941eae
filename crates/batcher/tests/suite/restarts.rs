//! Kills at every step from acceptance to settlement: the next start goes on, and nothing is charged twice or lost.

use std::fs;

use alloy::{
    primitives::U256,
    providers::{Provider, ext::AnvilApi},
};
use collimate_api::fast::{BatchStatus, GroupAnswer, GroupEnd, GroupStatus};

use crate::{
    group::{Request, group},
    samples::sample,
    services::{Running, hoarding, quick, start, start_with},
    support::network::{RESPONSE_BLOCKS, until},
    world::{ETHER, World, user},
};

/// A batcher with a group of two proofs, and its request.
async fn world_with_a_group(hoard: bool) -> (World, Running, Request) {
    let world = World::start().await;
    let batcher = match hoard {
        true => start_with(&world, hoarding(&world)).await,
        false => start(&world).await,
    };
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let request = group(&world, &alice, 0, &[sample(0), sample(1)]);
    (world, batcher, request)
}

/// After the restart it gets on chain, is charged once, and is verified.
async fn ends_verified(world: &World, batcher: &Running, request: &Request) -> GroupAnswer {
    let id = request.id(world);
    let open = world.reaches(batcher, id, GroupStatus::Open).await;
    let charged = open.charged.unwrap().0;
    assert_eq!(world.on_chain(user(1).address()).await, (ETHER - charged, 2), "charged once");
    let ledger = world.ledger().await;
    let batches = ledger.batches_after(None, 100).await.unwrap();
    let on_chain: Vec<_> = batches.iter().filter(|batch| batch.task.is_some()).collect();
    assert_eq!(on_chain.len(), 1, "one task");
    let mut systems = [sample(0).item.proving_system, sample(1).item.proving_system].to_vec();
    systems.sort_unstable();
    systems.dedup();
    world.answer(on_chain[0], &systems).await;
    let verified = world.reaches(batcher, id, GroupStatus::Verified).await;
    for (sample, data) in [sample(0), sample(1)].iter().zip(&verified.proofs) {
        assert!(world.is_verified(sample, data).await);
    }
    // The same request still gets its answer.
    world.accepted(batcher, request).await;
    verified
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_acceptance() {
    let (world, batcher, request) = world_with_a_group(true).await;
    let first = world.accepted(&batcher, &request).await;
    batcher.kill().await;
    let batcher = start(&world).await;
    ends_verified(&world, &batcher, &request).await;
    assert_eq!(world.accepted(&batcher, &request).await.receipt, first.receipt);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_files_and_the_answer() {
    let (world, batcher, request) = world_with_a_group(true).await;
    // What is on disk when it dies before its transaction: files that no group names.
    for (_, bytes) in &request.files {
        world.objects.put(bytes.clone()).await.unwrap();
    }
    batcher.kill().await;
    let batcher = start(&world).await;
    world.accepted(&batcher, &request).await;
    ends_verified(&world, &batcher, &request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_choice_of_a_batch_and_its_upload() {
    let (world, batcher, request) = world_with_a_group(true).await;
    world.accepted(&batcher, &request).await;
    batcher.stop().await;
    // A store that is away keeps the batch from being published.
    let (there, away) = (world.objects_folder(), world.folder.path().join("away"));
    fs::rename(&there, &away).unwrap();
    fs::create_dir(&there).unwrap();
    let batcher = start(&world).await;
    until("it is closed", || async {
        let batch = world.group(&batcher, request.id(&world)).await.batch?;
        assert_eq!(batch.status, BatchStatus::Closed);
        Some(())
    })
    .await;
    batcher.kill().await;
    fs::remove_dir_all(&there).unwrap();
    fs::rename(&away, &there).unwrap();
    let batcher = start(&world).await;
    ends_verified(&world, &batcher, &request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_upload_and_the_task() {
    let (world, batcher, request) = world_with_a_group(true).await;
    world.accepted(&batcher, &request).await;
    batcher.stop().await;
    // Without ether the batcher cannot send.
    let balance = world.node.get_balance(world.batcher).await.unwrap();
    world.node.anvil_set_balance(world.batcher, U256::ZERO).await.unwrap();
    let batcher = start(&world).await;
    until("it is published", || async {
        let batch = world.group(&batcher, request.id(&world)).await.batch?;
        (batch.status == BatchStatus::Sent).then_some(())
    })
    .await;
    batcher.kill().await;
    world.node.anvil_set_balance(world.batcher, balance).await.unwrap();
    let batcher = start(&world).await;
    ends_verified(&world, &batcher, &request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_transaction_waits_and_while_it_is_mined() {
    let (world, batcher, request) = world_with_a_group(false).await;
    world.node.anvil_set_auto_mine(false).await.unwrap();
    world.accepted(&batcher, &request).await;
    until("it is sent", || async {
        let sent = world.node.get_transaction_count(world.batcher).pending().await.ok()?;
        (sent == 1).then_some(())
    })
    .await;
    batcher.kill().await;
    // It waits still: whoever starts now finds it on its way.
    let batcher = start(&world).await;
    until("it knows", || async {
        let batch = world.group(&batcher, request.id(&world)).await.batch?;
        (batch.status == BatchStatus::Sent).then_some(())
    })
    .await;
    batcher.kill().await;
    // Mined while nobody watches.
    world.node.anvil_set_auto_mine(true).await.unwrap();
    world.mine(2).await;
    let batcher = start(&world).await;
    ends_verified(&world, &batcher, &request).await;
    assert_eq!(
        world.node.get_transaction_count(world.batcher).await.unwrap(),
        1,
        "one transaction"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn away_from_the_task_until_long_after_the_answer() {
    let (world, batcher, request) = world_with_a_group(false).await;
    world.accepted(&batcher, &request).await;
    let open = world.reaches(&batcher, request.id(&world), GroupStatus::Open).await;
    batcher.kill().await;
    let ledger = world.ledger().await;
    let batch = ledger.batch(open.batch.unwrap().id).await.unwrap().unwrap();
    let mut systems = [sample(0), sample(1)].map(|sample| sample.item.proving_system).to_vec();
    systems.sort_unstable();
    systems.dedup();
    world.answer(&batch, &systems).await;
    world.mine(u64::from(RESPONSE_BLOCKS) + 10).await;
    // What it did not see it reads from the chain: no refund of what was verified, and the data of both proofs.
    let batcher = start(&world).await;
    let verified = world.reaches(&batcher, request.id(&world), GroupStatus::Verified).await;
    for (sample, data) in [sample(0), sample(1)].iter().zip(&verified.proofs) {
        assert!(world.is_verified(sample, data).await);
    }
    until("it is settled", || async {
        let batch = world.group(&batcher, request.id(&world)).await.batch?;
        (batch.status == BatchStatus::Settled).then_some(())
    })
    .await;
    let charged = open.charged.unwrap().0;
    assert_eq!(world.on_chain(user(1).address()).await, (ETHER - charged, 2), "charged once");
}

#[tokio::test(flavor = "multi_thread")]
async fn away_from_the_task_until_it_has_expired() {
    let (world, batcher, request) = world_with_a_group(false).await;
    world.accepted(&batcher, &request).await;
    world.reaches(&batcher, request.id(&world), GroupStatus::Open).await;
    batcher.kill().await;
    world.mine(u64::from(RESPONSE_BLOCKS) + 10).await;
    let batcher = start(&world).await;
    world.dropped(&batcher, request.id(&world), GroupEnd::TaskExpired).await;
    assert_eq!(world.on_chain(user(1).address()).await, (ETHER, 2), "every wei is back");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_answer_and_the_settlement() {
    let (world, batcher, request) = world_with_a_group(true).await;
    world.accepted(&batcher, &request).await;
    batcher.kill().await;
    let mut config = quick(&world);
    config.settle_after = 1_000_000;
    let batcher = start_with(&world, config).await;
    let verified = ends_verified(&world, &batcher, &request).await;
    let id = verified.batch.unwrap().id;
    batcher.kill().await;
    let batcher = start(&world).await;
    world.mine(3).await;
    until("it is settled", || async {
        let batch = world.group(&batcher, request.id(&world)).await.batch?;
        assert_eq!(batch.id, id);
        (batch.status == BatchStatus::Settled).then_some(())
    })
    .await;
    let earned = world.payments().earnings(world.batcher).call().await.unwrap();
    assert!(earned > U256::ZERO);
    assert_eq!(world.group(&batcher, request.id(&world)).await.status, GroupStatus::Verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_of_one_batcher_take_requests_and_one_makes_batches() {
    let (world, first, request) = world_with_a_group(false).await;
    let second = start(&world).await;
    world.accepted(&second, &request).await;
    let open = world.reaches(&second, request.id(&world), GroupStatus::Open).await;
    assert_eq!(world.group(&first, request.id(&world)).await, open);
    first.kill().await;
    let alice = user(1);
    let next = group(&world, &alice, 2, &[sample(2)]);
    world.accepted(&second, &next).await;
    world.reaches(&second, next.id(&world), GroupStatus::Open).await;
    second.stop().await;
}
