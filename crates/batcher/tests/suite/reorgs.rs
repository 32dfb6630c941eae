//! Reorganisations: what they take away is taken back, and done again.

use alloy::{primitives::B256, providers::Provider};
use collimate_api::fast::GroupStatus;

use crate::{
    group::group,
    samples::sample,
    services::{Running, quick, start, start_with},
    support::network::until,
    world::{ETHER, World, user},
};

/// Waits until a group has another task.
async fn moved_on(world: &World, batcher: &Running, id: B256, from: B256) -> B256 {
    until("another task", || async {
        let task = world.group(batcher, id).await.batch?.task_id?;
        (task != from).then_some(task)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_a_reorganisation_takes_away_is_created_again_and_charged_once() {
    let world = World::start().await;
    let batcher = start(&world).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    world.mine(3).await;
    let id = world.accepted(&batcher, &group(&world, &alice, 0, &[sample(0)])).await.id;
    let open = world.reaches(&batcher, id, GroupStatus::Open).await;
    let task = open.batch.clone().unwrap().task_id.unwrap();
    // Whether its transaction was confirmed already or not: it is sent again, or another one is.
    world.anvil.roll_back(1).await.unwrap();
    world.mine(2).await;
    let again = moved_on(&world, &batcher, id, task).await;
    assert_ne!(again, task);
    let open = world.reaches(&batcher, id, GroupStatus::Open).await;
    let charged = open.charged.unwrap().0;
    assert_eq!(world.on_chain(alice.address()).await, (ETHER - charged, 1), "once");
    let ledger = world.ledger().await;
    let batch = ledger.batch(open.batch.unwrap().id).await.unwrap().unwrap();
    world.answer(&batch, &[sample(0).item.proving_system]).await;
    let verified = world.reaches(&batcher, id, GroupStatus::Verified).await;
    assert!(world.is_verified(&sample(0), &verified.proofs[0]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_reorganisation_takes_away_is_taken_back() {
    let world = World::start().await;
    let mut config = quick(&world);
    config.settle_after = 20;
    let batcher = start_with(&world, config).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let id = world.accepted(&batcher, &group(&world, &alice, 0, &[sample(0)])).await.id;
    let open = world.reaches(&batcher, id, GroupStatus::Open).await;
    let ledger = world.ledger().await;
    let batch = ledger.batch(open.batch.unwrap().id).await.unwrap().unwrap();
    let systems = [sample(0).item.proving_system];
    world.answer(&batch, &systems).await;
    world.reaches(&batcher, id, GroupStatus::Verified).await;
    world.anvil.roll_back(1).await.unwrap();
    world.mine(1).await;
    until("it is open again", || async {
        (world.group(&batcher, id).await.status == GroupStatus::Open).then_some(())
    })
    .await;
    world.answer(&batch, &systems).await;
    world.reaches(&batcher, id, GroupStatus::Verified).await;
    // One that nobody watched, too.
    batcher.kill().await;
    world.anvil.roll_back(1).await.unwrap();
    world.mine(2).await;
    let batcher = start(&world).await;
    until("it is open again", || async {
        (world.group(&batcher, id).await.status == GroupStatus::Open).then_some(())
    })
    .await;
    assert!(world.node.get_block_number().await.unwrap() > 0);
}
