//! What a crash leaves.

use crate::{
    services::{config, start_with, try_start},
    support::{network::until, verifiers::Gate},
    world::{World, leaves},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_was_and_repeats_nothing() {
    let world = World::start().await;
    let gate = Gate::new(true);
    let watcher = start_with(&world, config(&world), gate.clone()).await;
    let (_, first) = world.verified(vec![leaves(3)]).await;
    let before = watcher.done(first.id).await;
    assert_eq!(gate.entered(), 3);
    watcher.kill().await;
    // Verified while nobody watched, and beyond what the node tells block by block.
    let (_, second) = world.verified(vec![leaves(2)]).await;
    world.mine(100).await;
    let gate = Gate::new(true);
    let watcher = start_with(&world, config(&world), gate.clone()).await;
    watcher.done(second.id).await;
    assert_eq!(watcher.batch(first.id).await.unwrap(), before);
    assert_eq!(gate.entered(), 2, "the first batch's proofs are not verified again");
    let summary = watcher.summary().await;
    assert_eq!((summary.batches, summary.proofs, summary.holds), (2, 5, 5));
    watcher.stop().await;
    let gate = Gate::new(true);
    let watcher = start_with(&world, config(&world), gate.clone()).await;
    assert_eq!(watcher.summary().await.holds, 5);
    assert_eq!(gate.entered(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_interrupted_is_done_after_it() {
    let world = World::start().await;
    let gate = Gate::new(false);
    let watcher = start_with(&world, config(&world), gate.clone()).await;
    let (_, task) = world.verified(vec![leaves(3)]).await;
    until("it verifies", || async { (gate.entered() > 0).then_some(()) }).await;
    assert_eq!(watcher.batch(task.id).await.unwrap().sampled, 3, "chosen, and on disk");
    watcher.kill().await;
    let again = Gate::new(true);
    let watcher = start_with(&world, config(&world), again.clone()).await;
    let view = watcher.done(task.id).await;
    assert!(view.leaves.iter().all(|leaf| leaf.outcome == "holds"));
    assert_eq!(again.entered(), 3);
    gate.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_watchers_do_not_share_a_ledger_and_a_damaged_one_is_not_used() {
    let world = World::start().await;
    let watcher = start_with(&world, config(&world), Gate::new(true)).await;
    let (_, task) = world.verified(vec![leaves(1)]).await;
    watcher.done(task.id).await;
    let refused = try_start(&world, config(&world), Gate::new(true)).await.err().unwrap();
    assert_eq!(refused.code(), "WAT-004");
    watcher.stop().await;
    let path = config(&world).ledger;
    let whole = std::fs::read_to_string(&path).unwrap();
    // A line that was not finished is cut off, one that is wrong is not guessed at.
    std::fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    start_with(&world, config(&world), Gate::new(true)).await.stop().await;
    std::fs::write(&path, whole.replacen("verified", "varified", 1)).unwrap();
    let refused = try_start(&world, config(&world), Gate::new(true)).await.err().unwrap();
    assert_eq!(refused.code(), "WAT-005");
}
