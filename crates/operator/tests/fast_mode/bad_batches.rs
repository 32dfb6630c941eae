//! Batches that no honest operator signs, and what it says of them.

use std::{sync::Arc, time::Duration};

use alloy::primitives::aliases::U96;
use collimate_batch::Pointer;
use collimate_operator::TaskState;

use crate::{
    services::{operator_config, start_aggregator, start_operator, start_operator_with},
    support::{
        network::{FEE_LIMIT, RESPONSE_BLOCKS, until},
        verifiers::{Gate, Panics},
    },
    world::{World, sample},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_proof_is_refused_by_all_and_its_task_expires_while_others_are_verified() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let mut operators = vec![];
    for number in 0..4 {
        operators.push(start_operator(&world, number, &[&aggregator]).await);
    }
    let honest = sample("fibonacci");
    let mut bytes = honest.proof.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let forged =
        world.publish(vec![vec![honest.clone().with_proof(bytes), sample("sha256_preimage")]]);
    let good = world.publish(vec![vec![honest]]);
    let (bad_task, good_task) = (world.create_for(&forged).await, world.create_for(&good).await);
    for operator in &operators {
        let view = operator.refuses(bad_task.id, "OPR-004").await;
        assert_eq!(view.state, TaskState::Refused);
        assert!(view.message.unwrap().contains("[VER-"), "the verifier's reason");
        assert_eq!(view.signature, None);
    }
    world.verified(&good_task).await;
    assert!(world.is_verified(&good, 0, 0).await);
    world.mine(RESPONSE_BLOCKS.into()).await;
    let view = until("expired", || async {
        aggregator.signatures_view(bad_task.id).await.filter(|view| view.status == "expired")
    })
    .await;
    assert!(view.answers.is_empty());
    assert_eq!(world.contract().taskStatus(bad_task.id).call().await.unwrap().status, 3);
    assert!(!world.is_verified(&forged, 0, 1).await, "a good proof in a bad batch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_service_that_lies_gets_no_signature_and_one_that_comes_back_does() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let operator = start_operator(&world, 0, &[&aggregator]).await;
    let (first, second) = (sample("fibonacci"), sample("sha256_preimage"));
    let batch = world.publish(vec![vec![first.clone()]]);
    let other = world.publish(vec![vec![second.clone()]]);
    let root = batch.manifest.tree().unwrap().root();
    // The manifest of another batch: its bytes have the promised hash, its root is wrong.
    let swapped = world.create(root, &other.pointer.to_string(), FEE_LIMIT).await;
    assert_eq!(operator.refuses(swapped.id, "BAT-004").await.state, TaskState::Refused);
    let nonsense = world.create(root, "https://somewhere", FEE_LIMIT).await;
    assert_eq!(operator.refuses(nonsense.id, "BAT-001").await.state, TaskState::Refused);
    // Other bytes than promised: says nothing about the batch, so it is tried again.
    let key = second.item.proof.key();
    world.data.forge(&key, b"something else");
    let damaged = world.create_for(&other).await;
    assert_eq!(operator.refuses(damaged.id, "BAT-006").await.state, TaskState::Waiting);
    world.data.put(second.proof.clone());
    until("signed after all", || async {
        let view = operator.operator_view(damaged.id).await?;
        (view.state == TaskState::Signed).then_some(())
    })
    .await;
    // A manifest that is not one.
    let name = world.data.put("{}");
    let pointer = Pointer::new(name, vec![world.data.url.parse().unwrap()]).unwrap();
    let malformed = world.create(root, &pointer.to_string(), FEE_LIMIT).await;
    assert_eq!(operator.refuses(malformed.id, "BAT-002").await.state, TaskState::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn systems_that_are_not_supported_or_disabled_are_not_signed() {
    let world = World::start().await;
    let operator = start_operator(&world, 0, &[]).await;
    let mut unsupported = sample("fibonacci");
    unsupported.item.proving_system = 7;
    let task = world.create_for(&world.publish(vec![vec![unsupported]])).await;
    assert_eq!(operator.refuses(task.id, "OPR-002").await.state, TaskState::Refused);
    let disable = world.contract().disableSystems(U96::from(1)).send().await.unwrap();
    assert!(disable.get_receipt().await.unwrap().status());
    let task = world.create_for(&world.publish(vec![vec![sample("fibonacci")]])).await;
    assert_eq!(operator.refuses(task.id, "OPR-003").await.state, TaskState::Waiting);
    let enable = world.contract().enableSystems(U96::from(1)).send().await.unwrap();
    assert!(enable.get_receipt().await.unwrap().status());
    world.mine(1).await;
    until("signed after all", || async {
        let view = operator.operator_view(task.id).await?;
        (view.state == TaskState::Signed).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_that_panics_or_does_not_end_is_a_failed_proof() {
    let world = World::start().await;
    let panics = {
        let config = operator_config(&world, 0, &[]);
        start_operator_with(&world, 0, config, Arc::new(Panics)).await
    };
    let gate = Gate::new(false);
    let slow = {
        let mut config = operator_config(&world, 1, &[]);
        config.verification_timeout = Duration::from_millis(300);
        start_operator_with(&world, 1, config, gate.clone()).await
    };
    let task = world.create_for(&world.publish(vec![vec![sample("fibonacci")]])).await;
    let view = panics.refuses(task.id, "OPR-004").await;
    assert!(view.message.unwrap().contains("VER-013"));
    assert_eq!(slow.refuses(task.id, "OPR-005").await.state, TaskState::Refused);
    gate.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_larger_than_its_verifier_takes_is_not_even_downloaded() {
    let world = World::start().await;
    let operator = start_operator(&world, 0, &[]).await;
    let mut large = sample("fibonacci");
    large.item.proof.bytes = 5 << 20;
    let task = world.create_for(&world.publish(vec![vec![large]])).await;
    assert_eq!(operator.refuses(task.id, "OPR-006").await.state, TaskState::Refused);
}
