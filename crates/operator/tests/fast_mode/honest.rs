//! Everybody does what they should.

use alloy::{primitives::U256, providers::Provider, rpc::types::Filter, sol_types::SolEvent};
use collimate_contracts::AlignedLayerServiceManager::BatchVerified;
use collimate_operator::TaskState;

use crate::{
    services::{start_aggregator, start_operator},
    support::network::{until, wallet},
    world::{World, sample},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_verified_once_with_four_operators_and_two_aggregators() {
    let world = World::start().await;
    let aggregators = [start_aggregator(&world, 5).await, start_aggregator(&world, 6).await];
    let both = [&aggregators[0], &aggregators[1]];
    let mut operators = vec![];
    for number in 0..4 {
        operators.push(start_operator(&world, number, &both).await);
    }
    let groups = vec![
        vec![sample("fibonacci"), sample("sha256_preimage")],
        vec![sample("merkle_membership")],
    ];
    let batch = world.publish(groups);
    assert!(!world.is_verified(&batch, 0, 0).await, "before");
    let task = world.create_for(&batch).await;
    world.verified(&task).await;
    for (group, index) in [(0, 0), (0, 1), (1, 0)] {
        assert!(world.is_verified(&batch, group, index).await, "proof {group}.{index}");
    }
    let other = world.publish(vec![vec![sample("ecdsa_secp256k1")]]);
    assert!(!world.is_verified(&other, 0, 0).await, "a proof of no batch");
    for aggregator in &aggregators {
        let view = until("the aggregator knows", || async {
            aggregator.signatures_view(task.id).await.filter(|view| view.status == "verified")
        })
        .await;
        assert_eq!(view.answers.len(), 1);
    }
    for operator in &operators {
        let view = until("the operator knows", || async {
            operator.operator_view(task.id).await.filter(|view| view.closed.is_some())
        })
        .await;
        assert_eq!(view.state, TaskState::Signed);
        assert_eq!(view.closed.as_deref(), Some("verified"));
    }
    let filter = Filter::new()
        .address(world.manager)
        .event_signature(BatchVerified::SIGNATURE_HASH)
        .from_block(0);
    let answers = world.node.get_logs(&filter).await.unwrap();
    assert_eq!(answers.len(), 1, "answered once");
    let answer = BatchVerified::decode_log_data(answers[0].data()).unwrap();
    let responders = [5, 6].map(|account| wallet(&world.anvil, account).1);
    assert!(responders.contains(&answer.responder) && answer.fee > U256::ZERO, "and paid for");
    for service in operators.into_iter().chain(aggregators) {
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_can_answer_with_what_an_aggregator_gives_away() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let mut operators = vec![];
    for number in 0..3 {
        operators.push(start_operator(&world, number, &[&aggregator]).await);
    }
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let root = batch.manifest.tree().unwrap().root();
    // Pays nothing for its response: the aggregator does not send it.
    let task = world.create(root, &batch.pointer.to_string(), 0).await;
    let (response, gas) = until("a quorum that nobody sends", || async {
        let view = aggregator.signatures_view(task.id).await?;
        let problem = view.problem?;
        assert_eq!(problem.code, "CHN-020", "{}", problem.message);
        Some((view.response?, view.response_gas?))
    })
    .await;
    assert!(!world.is_verified(&batch, 0, 0).await);
    let call = alloy::rpc::types::TransactionRequest::default().to(world.manager);
    let call = call.input(response.into()).gas_limit(gas);
    let receipt = world.wallet.send_transaction(call).await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    assert!(world.is_verified(&batch, 0, 0).await);
}
