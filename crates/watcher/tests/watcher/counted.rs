//! What is no mismatch is counted as what it is.

use std::{sync::Arc, time::Duration};

use alloy::primitives::aliases::U96;
use collimate_watcher::BatchState;

use crate::{
    services::{config, start, start_with},
    support::verifiers::{Gate, Panics},
    world::{World, leaves, sample},
};

#[tokio::test(flavor = "multi_thread")]
async fn data_that_are_withheld_are_counted_and_accuse_nobody_of_a_bad_proof() {
    let world = World::start().await;
    let (no_manifest, first) = world.verified(vec![vec![sample("sha256_preimage")]]).await;
    world.withhold(no_manifest.pointer.manifest());
    let (no_proof, second) =
        world.verified(vec![vec![sample("fibonacci"), sample("merkle_membership")]]).await;
    world.withhold(&no_proof.manifest.groups()[0].items[1].proof.key());
    let watcher = start(&world).await;
    let view = watcher.state(first.id, BatchState::Unavailable).await;
    assert_eq!(view.code.as_deref(), Some("BAT-006"));
    let view = watcher.done(second.id).await;
    let found: Vec<_> =
        view.leaves.iter().map(|leaf| (leaf.outcome.as_str(), leaf.code.as_deref())).collect();
    assert_eq!(found, [("holds", None), ("unavailable", Some("BAT-006"))]);
    let summary = watcher.summary().await;
    assert_eq!((summary.batches, summary.batches_unavailable, summary.unavailable), (2, 1, 1));
    assert_eq!(summary.mismatches, 0);
    assert!((summary.seen.one_bad_proof - 0.5).abs() < 1e-12, "what was not there was not checked");
    assert!(world.evidence().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_that_signed_for_no_batch_are_named_with_a_code() {
    let world = World::start().await;
    let watcher = start(&world).await;
    let batch = world.publish(vec![leaves(1)]).await;
    let other = world.publish(vec![leaves(2)]).await;
    let (root, pointer) = (batch.manifest.tree().unwrap().root(), other.pointer.to_string());
    for (task, systems, code) in [
        (world.create(root, &pointer).await, batch.systems(), "BAT-004"),
        (world.create(root, "somewhere").await, batch.systems(), "BAT-001"),
        (world.create_for(&batch).await, U96::from(6), "WAT-010"),
    ] {
        world.sign(&task, systems).await;
        let view = watcher.state(task.id, BatchState::Unusable).await;
        assert_eq!(view.code.as_deref(), Some(code));
    }
    assert_eq!(watcher.summary().await.batches_unusable, 3);
    assert!(world.evidence().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_watcher_cannot_decide_is_undecided() {
    let world = World::start().await;
    let undecided = async |watcher: &crate::services::Running, samples, code: &str| {
        let (_, task) = world.verified(vec![samples]).await;
        let view = watcher.done(task.id).await;
        assert_eq!(view.leaves[0].outcome, "undecided", "{view:?}");
        assert_eq!(view.leaves[0].code.as_deref(), Some(code));
    };
    let watcher = start(&world).await;
    let mut unsupported = sample("fibonacci");
    unsupported.item.proving_system = 7;
    undecided(&watcher, vec![unsupported], "WAT-009").await;
    watcher.stop().await;
    let watcher = start_with(&world, config(&world), Arc::new(Panics)).await;
    undecided(&watcher, leaves(1), "VER-013").await;
    watcher.stop().await;
    let (gate, mut config) = (Gate::new(false), config(&world));
    config.verification_timeout = Duration::from_millis(300);
    let watcher = start_with(&world, config, gate.clone()).await;
    undecided(&watcher, leaves(2).split_off(1), "WAT-008").await;
    gate.open();
    let summary = watcher.summary().await;
    assert_eq!((summary.undecided, summary.mismatches, summary.holds), (3, 0, 0));
    assert_eq!(summary.seen.one_bad_proof, 0.0);
    assert!(world.evidence().is_empty());
}
