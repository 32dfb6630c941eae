//! Proofs that do not hold, and operators that signed all the same.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use collimate_evidence::{Evidence, check, check_on_chain};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    services::{config, start, start_with},
    support::{network::until, samples::VERIFIER, verifiers::Wrong},
    world::{World, leaves, sample},
};

type Alerts = Arc<Mutex<Vec<Value>>>;

/// Takes alerts, but for the first, which it loses.
async fn webhook() -> (String, Alerts) {
    let alerts = Alerts::default();
    let lost = Arc::new(Mutex::new(false));
    async fn take(
        State((alerts, lost)): State<(Alerts, Arc<Mutex<bool>>)>,
        Json(alert): Json<Value>,
    ) -> StatusCode {
        if !std::mem::replace(&mut *lost.lock().unwrap(), true) {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        alerts.lock().unwrap().push(alert);
        StatusCode::OK
    }
    let router = Router::new().route("/alert", post(take)).with_state((alerts.clone(), lost));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alert", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    (url, alerts)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_proof_that_a_quorum_signed_is_proven_to_strangers_and_told_once() {
    let world = World::start().await;
    let (url, alerts) = webhook().await;
    let mut config = config(&world);
    config.alert_webhook = Some(url.parse().unwrap());
    let watcher = start_with(&world, config.clone(), VERIFIER.clone()).await;
    let mut groups = vec![leaves(2), leaves(4).split_off(2)];
    groups[1][0] = sample("sha256_preimage").forged();
    let (_, task) = world.verified(groups).await;
    let view = watcher.done(task.id).await;
    let outcomes: Vec<_> = view.leaves.iter().map(|leaf| leaf.outcome.as_str()).collect();
    assert_eq!(outcomes, ["holds", "holds", "mismatch", "holds"]);
    assert!(view.leaves[2].code.as_deref().unwrap().starts_with("VER-"));
    assert_eq!(watcher.summary().await.mismatches, 1);

    let files = world.evidence();
    assert_eq!(files.len(), 1);
    let evidence = Evidence::from_json(&std::fs::read(&files[0]).unwrap()).unwrap();
    assert_eq!((evidence.task_id, evidence.leaf), (task.id, 2));
    assert!(evidence.answer.response.is_some(), "the operators' signature is in it");
    let verdict = check(&evidence).unwrap();
    assert_eq!(Some(verdict.refusal), view.leaves[2].code.as_deref());
    check_on_chain(&evidence, world.node.clone(), world.manager).await.unwrap();

    // Told once, though the first try was lost, and not again after a restart.
    until("told", || async { (!alerts.lock().unwrap().is_empty()).then_some(()) }).await;
    until("noted", || async { (watcher.summary().await.batches_in_work == 0).then_some(()) }).await;
    watcher.kill().await;
    let watcher = start_with(&world, config, VERIFIER.clone()).await;
    let (_, next) = world.verified(vec![leaves(1)]).await;
    watcher.done(next.id).await;
    let told = alerts.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["taskId"], task.id.to_string());
    assert_eq!(told[0]["leaf"], 2);
    assert_eq!(told[0]["evidence"], files[0].to_str().unwrap());
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valid_proof_of_something_else_is_a_mismatch_too() {
    let world = World::start().await;
    let watcher = start(&world).await;
    let (honest, other) = (sample("fibonacci"), sample("sha256_preimage"));
    // The proof of one program under the other's name, key and public inputs.
    let mut relabelled = honest.clone();
    relabelled.item.program_id = other.item.program_id;
    let mut swapped = honest.clone().with_proof(other.proof.to_vec());
    swapped.item.generator = alloy::primitives::Address::repeat_byte(3);
    let (_, task) = world.verified(vec![vec![relabelled, swapped]]).await;
    let view = watcher.done(task.id).await;
    assert!(view.leaves.iter().all(|leaf| leaf.outcome == "mismatch"), "{view:?}");
    assert_eq!(world.evidence().len(), 2);
    for file in world.evidence() {
        let evidence = Evidence::from_json(&std::fs::read(file).unwrap()).unwrap();
        check(&evidence).unwrap();
        check_on_chain(&evidence, world.node.clone(), world.manager).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_proof_that_is_made_too_large_to_be_checked_is_told_of_all_the_same() {
    let world = World::start().await;
    let (url, alerts) = webhook().await;
    let mut config = config(&world);
    config.alert_webhook = Some(url.parse().unwrap());
    let watcher = start_with(&world, config, VERIFIER.clone()).await;
    let mut large = sample("sha256_preimage").forged();
    // Not even downloaded: the manifest says it.
    large.item.proof.bytes = 5 << 20;
    let (_, task) = world.verified(vec![vec![sample("fibonacci"), large]]).await;
    let view = watcher.done(task.id).await;
    let found: Vec<_> =
        view.leaves.iter().map(|leaf| (leaf.outcome.as_str(), leaf.code.as_deref())).collect();
    assert_eq!(found, [("holds", None), ("unsignable", Some("VER-002"))]);
    until("told", || async { (!alerts.lock().unwrap().is_empty()).then_some(()) }).await;
    let told = alerts.lock().unwrap().clone();
    assert_eq!((&told[0]["alert"], &told[0]["leaf"]), (&"unsignable".into(), &1.into()));
    assert_eq!(told[0]["evidence"], Value::Null);
    let summary = watcher.summary().await;
    assert_eq!((summary.unsignable, summary.undecided, summary.mismatches), (1, 0, 0));
    assert_eq!(summary.seen.one_bad_proof, 1.0, "nothing is left where one could hide");
    assert!(world.evidence().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_fails_accuses_nobody() {
    let world = World::start().await;
    let watcher = start_with(&world, config(&world), Arc::new(Wrong)).await;
    let (_, task) = world.verified(vec![leaves(2)]).await;
    let view = watcher.done(task.id).await;
    assert!(view.leaves.iter().all(|leaf| leaf.outcome == "undecided"), "{view:?}");
    assert!(view.leaves.iter().all(|leaf| leaf.code.as_deref() == Some("EVD-010")));
    assert!(world.evidence().is_empty());
    assert_eq!(watcher.summary().await.mismatches, 0);
}
