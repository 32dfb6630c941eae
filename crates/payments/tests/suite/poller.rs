//! The poller on a real node and a real PostgreSQL: several deposits in one transaction, reorganisations, kills, and an empty
//! database, each compared with what the chain itself says.

use std::{num::NonZeroU64, time::Duration};

use collimate_chain::follower::FollowConfig;
use collimate_payments::{PaymentsError, Poller, PollerConfig};
use tokio::time::sleep;

use crate::support::{ALICE, BOB, CONFIRMATIONS, World};

#[tokio::test(flavor = "multi_thread")]
async fn several_deposits_in_one_transaction_count_each() {
    let mut world = World::start().await;
    let store = world.empty_store().await;
    let (poller, stop, task) = world.follow(&store).await;
    world.deposit_together(&[(ALICE, 2), (BOB, 3), (ALICE, 2)]).await;
    world.agrees(&poller, &store).await;
    assert_eq!(world.stored(&store).await.len(), 3);
    assert_eq!(world.credits(&store, ALICE).await, (0, 4));
    world.mine(CONFIRMATIONS - 2).await;
    world.agrees(&poller, &store).await;
    assert_eq!(world.credits(&store, ALICE).await, (0, 4));
    world.mine(1).await;
    world.agrees(&poller, &store).await;
    assert_eq!(world.credits(&store, ALICE).await, (4, 0));
    assert_eq!(world.credits(&store, BOB).await, (3, 0));
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_before_confirmation_takes_back_and_what_replaces_it_counts() {
    let mut world = World::start().await;
    let store = world.empty_store().await;
    world.mine(12).await;
    world.deposit(ALICE, 1).await;
    world.mine(10).await;
    let (poller, stop, task) = world.follow(&store).await;
    world.deposit(ALICE, 5).await;
    world.deposit(BOB, 6).await;
    world.agrees(&poller, &store).await;
    assert_eq!(world.credits(&store, ALICE).await, (1, 5));
    world.reorg(2).await;
    world.agrees(&poller, &store).await;
    world.deposit(ALICE, 7).await;
    world.mine(CONFIRMATIONS).await;
    world.agrees(&poller, &store).await;
    // One that happens while nobody watches.
    world.deposit(BOB, 8).await;
    world.agrees(&poller, &store).await;
    stop.cancel();
    task.await.unwrap();
    world.reorg(3).await;
    world.deposit(BOB, 9).await;
    let (poller, stop, task) = world.follow(&store).await;
    world.agrees(&poller, &store).await;
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_and_from_an_empty_database_the_result_is_the_same() {
    let mut world = World::start().await;
    let store = world.empty_store().await;
    for round in 0..40 {
        world.deposit(if round % 3 == 0 { BOB } else { ALICE }, 1 + round).await;
        if round % 4 == 0 {
            world.deposit_together(&[(ALICE, 1), (BOB, 2)]).await;
        }
    }
    world.mine(CONFIRMATIONS).await;
    let behind = world.poller(&store).await.behind().await.unwrap();
    assert!(behind.blocks() >= 50, "{behind:?}");
    let mut left = behind.blocks();
    for milliseconds in (1..).step_by(3) {
        let (poller, _stop, task) = world.follow(&store).await;
        sleep(Duration::from_millis(milliseconds)).await;
        // As a kill: at whatever it awaits.
        task.abort();
        assert!(task.await.is_err());
        let now = poller.behind().await.unwrap().blocks();
        assert!(now <= left, "it never goes back");
        left = now;
        if left == 0 {
            break;
        }
    }
    let poller = world.poller(&store).await;
    world.agrees(&poller, &store).await;

    let fresh = world.empty_store().await;
    let (poller, stop, task) = world.follow(&fresh).await;
    world.agrees(&poller, &fresh).await;
    for account in [ALICE, BOB] {
        assert_eq!(world.credits(&fresh, account).await, world.credits(&store, account).await);
    }
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pollers_on_one_database_come_to_the_same_result() {
    let mut world = World::start().await;
    let store = world.empty_store().await;
    let (poller, stop, task) = world.follow(&store).await;
    let (_, stop_too, task_too) = world.follow(&store).await;
    for credits in 1..12 {
        world.deposit(ALICE, credits).await;
        if credits % 4 == 0 {
            world.reorg(1).await;
        }
    }
    world.mine(CONFIRMATIONS).await;
    world.agrees(&poller, &store).await;
    for (stop, task) in [(stop, task), (stop_too, task_too)] {
        stop.cancel();
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_a_contract_is_refused() {
    let mut world = World::start().await;
    let store = world.empty_store().await;
    world.service = ALICE;
    let config = PollerConfig {
        contract: ALICE,
        start_block: 0,
        confirmations: NonZeroU64::MIN,
        poll_interval: Duration::from_millis(20),
        follow: FollowConfig::default(),
    };
    let refused = Poller::new(world.node.clone(), store, config).await;
    assert!(matches!(refused, Err(PaymentsError::NoContract(ALICE))));
}
