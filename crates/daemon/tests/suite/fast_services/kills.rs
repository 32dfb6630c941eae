//! kill -9 of each service at each step.

use std::time::Duration;

use collimate_store::BatchStatus;
use tokio::time::sleep;

use super::world::{OPERATORS, World};
use crate::services::world::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_batcher_killed_between_any_two_steps_goes_on_and_charges_once() {
    let world = World::start().await;
    let mut services = world.serve_all().await;
    // Right after acceptance; once it is closed, or uploaded; while its task waits for the answer.
    let moments: [&[BatchStatus]; 4] = [
        &[],
        &[BatchStatus::Closed, BatchStatus::Sent, BatchStatus::Open],
        &[BatchStatus::Sent, BatchStatus::Open],
        &[BatchStatus::Open, BatchStatus::Verified],
    ];
    let mut groups = vec![];
    for (number, moment) in (1_u8..).zip(moments) {
        let group = world.submit(number).await;
        if !moment.is_empty() {
            world.batch_is(group.id(), moment).await;
        }
        services.batcher.kill_9();
        services.batcher = world.batcher();
        groups.push(group);
    }
    for group in &groups {
        world.is_verified(group).await;
    }
    let (_, nonce) = world.account().await;
    assert_eq!(nonce, 4, "each was charged once");
    let (last, _) = world.group(groups[3].id()).await;
    assert!(last.charged.is_some_and(|charged| charged > 0));
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_data_service_and_signature_aggregator_killed_at_work_take_it_up_again() {
    let world = World::start().await;
    let mut services = world.serve_all().await;
    // Operators between the task's announcement, their download and their signature: the moments differ.
    for (number, pause) in (1_u8..).zip([0, 700]) {
        let group = world.submit(number).await;
        world.batch_is(group.id(), &[BatchStatus::Open, BatchStatus::Verified]).await;
        sleep(Duration::from_millis(pause)).await;
        for operator in &mut services.operators {
            operator.kill_9();
        }
        services.operators = (0..OPERATORS).map(|number| world.operator(number)).collect();
        world.is_verified(&group).await;
    }
    let group = world.submit(3).await;
    world.batch_is(group.id(), &[BatchStatus::Open, BatchStatus::Verified]).await;
    services.signatures.kill_9();
    services.data.kill_9();
    services.data = world.data();
    services.signatures = world.signatures();
    world.is_verified(&group).await;
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_killed_at_work_checks_what_is_left_after_its_restart() {
    let world = World::start().await;
    let _services = world.serve_all().await;
    let mut watcher = world.watcher();
    for (number, pause) in (1_u8..).zip([0, 300, 1_500]) {
        let group = world.submit(number).await;
        world.is_verified(&group).await;
        // Between its event, its download and its verdict: the moments differ.
        sleep(Duration::from_millis(pause)).await;
        watcher.kill_9();
        watcher = world.watcher();
    }
    let summary = until("every proof is checked", || async {
        let summary = world.watched().await?;
        let is_done = summary["holds"] == 3 && summary["batchesInWork"] == 0;
        is_done.then_some(summary)
    })
    .await;
    let found = ["batches", "sampled", "mismatches", "undecided"].map(|name| &summary[name]);
    assert_eq!(found, [3, 3, 0, 0], "{summary}");
    assert_eq!(summary["seen"]["oneBadProof"], 1.0);
    drop(watcher);
}
