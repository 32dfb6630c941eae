//! What a crash, a restart and a reorganisation leave.

use alloy::providers::Provider;
use collimate_operator::TaskState;

use crate::{
    services::{
        operator_config, start_aggregator, start_aggregator_at, start_operator, start_operator_with,
    },
    support::{
        network::{until, wallet},
        verifiers::Gate,
    },
    world::{World, sample},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_killed_between_download_and_signature_takes_the_task_up_again() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let batch = world.publish(vec![vec![sample("fibonacci"), sample("sha256_preimage")]]);
    let task = world.create_for(&batch).await;
    let others = [
        start_operator(&world, 1, &[&aggregator]).await,
        start_operator(&world, 2, &[&aggregator]).await,
    ];
    let gate = Gate::new(false);
    let config = operator_config(&world, 0, &[&aggregator]);
    let victim = start_operator_with(&world, 0, config.clone(), gate.clone()).await;
    until("it verifies", || async { (gate.entered() > 0).then_some(()) }).await;
    victim.kill().await;
    assert!(!world.is_verified(&batch, 0, 0).await, "two of four are no quorum");
    // The same journal; the task is found again on chain.
    let again = start_operator_with(&world, 0, config, Gate::new(true)).await;
    world.verified(&task).await;
    assert!(world.is_verified(&batch, 0, 1).await);
    gate.open();
    for service in others.into_iter().chain([again, aggregator]) {
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_before_a_restart_is_signed_again_without_verifying() {
    let world = World::start().await;
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let task = world.create_for(&batch).await;
    let signed = |view: collimate_operator::TaskView| view.signature;
    let operator = start_operator(&world, 0, &[]).await;
    let first = until("signed", || async { signed(operator.operator_view(task.id).await?) }).await;
    operator.kill().await;
    let gate = Gate::new(true);
    let config = operator_config(&world, 0, &[]);
    let operator = start_operator_with(&world, 0, config, gate.clone()).await;
    let second = until("signed", || async { signed(operator.operator_view(task.id).await?) }).await;
    assert_eq!(first, second);
    assert_eq!(gate.entered(), 0, "the journal has the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggregator_that_forgot_everything_gets_the_signatures_again() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let task = world.create_for(&batch).await;
    let mut operators = vec![];
    for number in 0..2 {
        operators.push(start_operator(&world, number, &[&aggregator]).await);
    }
    until("two signatures", || async {
        let view = aggregator.signatures_view(task.id).await?;
        (view.answers.first()?.signatures.len() == 2).then_some(())
    })
    .await;
    let address = aggregator.address();
    aggregator.kill().await;
    let aggregator = start_aggregator_at(&world, 5, address).await;
    operators.push(start_operator(&world, 2, &[&aggregator]).await);
    world.verified(&task).await;
    assert!(world.is_verified(&batch, 0, 0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_aggregators_any_one_suffices() {
    let world = World::start().await;
    let (dies, lives) = (start_aggregator(&world, 5).await, start_aggregator(&world, 6).await);
    let mut operators = vec![];
    for number in 0..4 {
        operators.push(start_operator(&world, number, &[&dies, &lives]).await);
    }
    dies.kill().await;
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let task = world.create_for(&batch).await;
    world.verified(&task).await;
    assert!(world.is_verified(&batch, 0, 0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_a_reorganisation_takes_away_is_dropped_and_a_new_one_is_answered() {
    let mut world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let mut operators = vec![];
    for number in 0..2 {
        operators.push(start_operator(&world, number, &[&aggregator]).await);
    }
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let gone = world.create_for(&batch).await;
    for operator in &operators {
        until("signed", || async {
            let view = operator.operator_view(gone.id).await?;
            (view.state == TaskState::Signed).then_some(())
        })
        .await;
    }
    let head = world.node.get_block_number().await.unwrap();
    world.anvil.roll_back(1).await.unwrap();
    world.mine(3).await;
    // The other one counts nonces that the chain has forgotten.
    world.wallet = wallet(&world.anvil, 0).0;
    assert!(world.node.get_block_number().await.unwrap() > head);
    until("forgotten", || async {
        operators[0].operator_view(gone.id).await.is_none().then_some(())
    })
    .await;
    until("forgotten", || async {
        aggregator.signatures_view(gone.id).await.is_none().then_some(())
    })
    .await;
    let task = world.create_for(&batch).await;
    assert_ne!(task.id, gone.id);
    operators.push(start_operator(&world, 2, &[&aggregator]).await);
    world.verified(&task).await;
    assert!(world.is_verified(&batch, 0, 0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_a_reorganisation_takes_away_is_given_again() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let mut operators = vec![];
    for number in 0..4 {
        operators.push(start_operator(&world, number, &[&aggregator]).await);
    }
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let task = world.create_for(&batch).await;
    world.verified(&task).await;
    world.anvil.roll_back(1).await.unwrap();
    world.mine(2).await;
    world.verified(&task).await;
    world.mine(2).await;
    assert!(world.is_verified(&batch, 0, 0).await);
    until("the aggregator knows", || async {
        aggregator.signatures_view(task.id).await.filter(|view| view.status == "verified")
    })
    .await;
}
