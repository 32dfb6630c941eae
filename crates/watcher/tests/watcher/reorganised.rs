//! Batches that a reorganisation takes away.

use crate::{
    services::{config, start_with},
    support::{network::until, verifiers::Gate},
    world::{World, leaves},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_taken_away_does_not_count_until_it_is_verified_again() {
    let mut world = World::start().await;
    let gate = Gate::new(true);
    let watcher = start_with(&world, config(&world), gate.clone()).await;
    let (_, kept) = world.verified(vec![leaves(1)]).await;
    let (batch, task) = world.verified(vec![leaves(2)]).await;
    watcher.done(kept.id).await;
    watcher.done(task.id).await;
    world.reorganise(1).await;
    until("taken away", || async {
        watcher.batch(task.id).await.filter(|view| !view.on_chain).map(drop)
    })
    .await;
    let summary = watcher.summary().await;
    assert_eq!((summary.batches, summary.holds), (1, 1));
    world.sign(&task, batch.systems()).await;
    until("there again", || async { (watcher.summary().await.batches == 2).then_some(()) }).await;
    let view = watcher.done(task.id).await;
    assert!(view.on_chain);
    assert_eq!(watcher.summary().await.holds, 3);
    assert_eq!(gate.entered(), 3, "nothing is verified twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_while_nobody_watches_is_noticed_at_the_start() {
    let mut world = World::start().await;
    let watcher = start_with(&world, config(&world), Gate::new(true)).await;
    let (_, kept) = world.verified(vec![leaves(1)]).await;
    let (_, task) = world.verified(vec![leaves(2)]).await;
    watcher.done(kept.id).await;
    watcher.done(task.id).await;
    watcher.kill().await;
    world.reorganise(1).await;
    let watcher = start_with(&world, config(&world), Gate::new(true)).await;
    until("noticed", || async { (watcher.summary().await.batches == 1).then_some(()) }).await;
    assert!(!watcher.batch(task.id).await.unwrap().on_chain);
    assert!(watcher.batch(kept.id).await.unwrap().on_chain);
}
