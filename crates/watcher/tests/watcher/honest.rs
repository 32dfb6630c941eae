//! Batches whose operators were right.

use alloy::primitives::B256;
use collimate_watcher::{Sampling, sample as chosen};

use crate::{
    services::{config, start, start_with, try_start},
    support::{samples::VERIFIER, verifiers::Gate},
    world::{World, leaves, sample},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_batch_is_checked_and_raises_no_alert() {
    let world = World::start().await;
    let watcher = start(&world).await;
    let (_, task) = world
        .verified(vec![leaves(3), vec![sample("sha256_preimage"), sample("fibonacci").by(9)]])
        .await;
    let view = watcher.done(task.id).await;
    assert_eq!((view.proofs, view.sampled, view.leaves.len()), (Some(5), 5, 5));
    assert!(view.leaves.iter().all(|leaf| leaf.outcome == "holds" && leaf.code.is_none()));
    assert!(view.on_chain);
    let summary = watcher.summary().await;
    assert_eq!((summary.batches, summary.batches_in_work), (1, 0));
    assert_eq!((summary.proofs, summary.sampled, summary.holds), (5, 5, 5));
    assert_eq!((summary.mismatches, summary.unavailable, summary.undecided), (0, 0, 0));
    assert_eq!(summary.seen.one_bad_proof, 1.0, "everything was checked");
    assert!(world.evidence().is_empty());
    let metrics = watcher.text("/metrics").await;
    assert!(metrics.contains(r#"collimate_watcher_checks_total{outcome="holds"} 5"#), "{metrics}");
    assert!(metrics.contains(r#"collimate_watcher_proofs{outcome="mismatch"} 0"#), "{metrics}");
    let health = watcher.text("/healthz").await;
    assert!(health.contains("lastBlock"), "{health}");
    assert!(watcher.text("/v1/watcher/batches").await.contains(&task.id.to_string()));
    assert!(watcher.text("/v1/watcher/batches/0x12").await.contains("WAT-011"));
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_seed_chooses_is_downloaded_and_the_seed_stays_secret() {
    let world = World::start().await;
    let seed = B256::repeat_byte(0x5e);
    // Proofs with files of their own, of which two are checked.
    let names = ["fibonacci", "sha256_preimage", "ecdsa_secp256k1", "merkle_membership"];
    let (batch, task) = world.verified(vec![names.map(sample).to_vec()]).await;
    let sampled = chosen(seed, task.id, 4, 2);
    for (leaf, item) in (0..).zip(batch.manifest.items()) {
        if !sampled.contains(&leaf) {
            world.withhold(&item.proof.key());
        }
    }
    let two = Sampling { share: 0.0, ..Sampling::default() };
    let mut config = config(&world);
    (config.seed, config.sampling) = (Some(seed), two);
    let watcher = start_with(&world, config.clone(), VERIFIER.clone()).await;
    let view = watcher.done(task.id).await;
    let found: Vec<_> = view.leaves.iter().map(|leaf| leaf.leaf).collect();
    assert_eq!(found, sampled);
    let summary = watcher.summary().await;
    assert_eq!((summary.proofs, summary.holds, summary.unavailable), (4, 2, 0));
    assert!((summary.seen.one_bad_proof - 0.5).abs() < 1e-12);
    assert!((summary.seen.one_bad_proof_in_every_batch - 0.5).abs() < 1e-12);
    for path in ["summary", "batches"] {
        let text = watcher.text(&format!("/v1/watcher/{path}")).await;
        assert!(!text.contains("5e5e5e"), "{text}");
    }
    watcher.stop().await;
    // The same ledger with another seed would mix two samples.
    config.seed = Some(B256::repeat_byte(0x5f));
    let refused = try_start(&world, config, Gate::new(true)).await.err().unwrap();
    assert_eq!(refused.code(), "WAT-006");
}
