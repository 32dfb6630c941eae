//! What can be asked about proofs, accounts, runs and the service.

use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use collimate_api::{
    Guarantee, Inclusion, Info, ProblemCode, ProofAnswer, ProofEvent, ProofStatus, ProofsPage,
    QuotaAnswer, ReceiptsPage, RunStatus, RunsPage, SigningDomain, paths,
};
use collimate_core::{Commitment, statement::blobs_hash};
use collimate_sdk::{Aggregation, InclusionBundle, root_of_path};
use collimate_store::{Deployment, Run, Statement};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    network::Network,
    support::{CHAIN, PAYMENTS, World, problem, quick, sample, signed},
};

const NAMES: [&str; 3] = ["fibonacci", "sha256_preimage", "merkle_membership"];

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_by_account_and_status() {
    let world = World::start().await;
    let (alice, bob) = (PrivateKeySigner::random(), PrivateKeySigner::random());
    world.credit(alice.address(), 2).await;
    world.credit(bob.address(), 1).await;
    let mut ids = vec![];
    for (name, signer, nonce) in [(NAMES[0], &alice, 0), (NAMES[1], &bob, 0), (NAMES[2], &alice, 1)]
    {
        ids.push(world.accepted(&signed(&sample(name), signer, nonce)).await.id);
    }
    let listed = |query: String| {
        let world = &world;
        async move {
            let page: ProofsPage = world.get(&format!("{}{query}", paths::PROOFS)).await;
            (page.proofs.iter().map(|proof| proof.id).collect::<Vec<_>>(), page.next)
        }
    };
    assert_eq!(listed(String::new()).await, (ids.clone(), None));
    assert_eq!(listed("?limit=2".into()).await, (ids[..2].to_vec(), Some(ids[1])));
    assert_eq!(listed(format!("?limit=2&after={}", ids[1])).await, (vec![ids[2]], None));
    let alices = format!("?address={}", alice.address());
    assert_eq!(listed(alices.clone()).await.0, [ids[0], ids[2]]);
    assert_eq!(
        listed(format!("{alices}&status=queued&limit=1")).await,
        (vec![ids[0]], Some(ids[0]))
    );
    assert!(listed(format!("{alices}&status=final")).await.0.is_empty());
    assert_eq!(listed("?status=queued".into()).await.0, ids);
    assert!(listed(format!("?address={PAYMENTS}")).await.0.is_empty());

    let page: ReceiptsPage =
        world.get(&format!("{}?address={}&limit=1", paths::RECEIPTS, alice.address())).await;
    assert_eq!((page.receipts[0].proof_id, page.next), (ids[2], Some(1)));
    let page: ReceiptsPage =
        world.get(&format!("{}?address={}&before=1", paths::RECEIPTS, alice.address())).await;
    assert_eq!((page.receipts[0].proof_id, page.next), (ids[0], None));
    let domain = SigningDomain { chain_id: CHAIN, payment_service: PAYMENTS };
    assert_eq!(page.receipts[0].recover(&domain), Ok(world.gateway.receipt_signer));
    let one: ReceiptsPage =
        world.get(&format!("{}?address={}&nonce=0", paths::RECEIPTS, alice.address())).await;
    assert_eq!(one, page);

    let quota: QuotaAnswer = world.get(&paths::quota(&alice.address())).await;
    assert_eq!((quota.total, quota.spent, quota.remaining), (2, 2, 0));
    let nonce: Value = world.get(&paths::nonce(&alice.address())).await;
    assert_eq!(nonce, serde_json::json!({ "nonce": 2 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_happen_and_go_on_after_the_last_seen() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let id = world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await.id;
    let stream = world.http.get(world.url(&paths::events(&id))).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let listening = tokio::spawn(async move { stream.text().await.unwrap() });
    let deployment = Deployment { chain_id: CHAIN, contract: [1; 20] };
    let run = world.store.open_run(&deployment, 10).await.unwrap().unwrap();
    world.store.quarantine(run.id, id, "AGG-001", "a test").await.unwrap();
    let text = timeout(Duration::from_secs(20), listening).await.unwrap().unwrap();
    let events: Vec<ProofEvent> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let statuses: Vec<_> = events.iter().map(|event| event.status).collect();
    use ProofStatus::{Failed, Proving, Queued, Received, Verified};
    assert_eq!(statuses, [Received, Verified, Queued, Proving, Failed]);
    assert_eq!(events[4].code.as_deref(), Some("AGG-001"));
    assert!(text.contains("event:status") || text.contains("event: status"));

    let rest = world.http.get(world.url(&paths::events(&id)));
    let rest = rest.header("Last-Event-ID", events[3].sequence.to_string()).send().await.unwrap();
    let rest = rest.text().await.unwrap();
    assert_eq!(rest.matches("data:").count(), 1, "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_streams_of_events() {
    let mut world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let id = world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await.id;
    let stream = world.http.get(world.url(&paths::events(&id))).send().await.unwrap();
    let started = tokio::time::Instant::now();
    world.gateway.stop().await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let _ = stream.text().await;
}

/// A run in the database as the aggregator leaves it when it is final.
async fn finished(
    world: &World,
    network: &Network,
    root: [u8; 32],
    tx: [u8; 32],
    block: u64,
) -> Run {
    let service = network.deployment.service.into_array();
    let deployment = Deployment { chain_id: CHAIN, contract: service };
    let run = world.store.open_run(&deployment, 10).await.unwrap().unwrap();
    let statement = Statement {
        root,
        leaf_count: run.leaf_count,
        public_values: vec![0; 128],
        blobs_hash: blobs_hash(&[[1; 32]]),
        versioned_hashes: vec![[1; 32]],
        final_job: [7; 32],
    };
    world.store.settle(run.id, &statement).await.unwrap();
    world.store.seal(run.id, b"seal").await.unwrap();
    world.store.mark_submitted(run.id, Some(tx)).await.unwrap();
    world.store.mark_final(run.id, Some(tx), block).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn inclusion_is_served_once_final_and_verifies_offline_and_on_chain() {
    let network = Network::start().await;
    let database = World::start().await.database.clone();
    let service = network.deployment.service;
    let world = World::start_on(quick(), &database, &network.anvil.url(), service).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 3).await;
    let mut proofs = vec![];
    for (nonce, name) in NAMES.iter().enumerate() {
        proofs.push(world.accepted(&signed(&sample(name), &alice, nonce as u64)).await);
    }
    let early = world.http.get(world.url(&paths::inclusion(&proofs[0].id))).send().await.unwrap();
    problem(early, ProblemCode::NotIncluded).await;

    let leaves: Vec<_> = proofs.iter().map(|proof| Commitment(proof.commitment.0)).collect();
    let (transaction, root) = network.register(&leaves).await;
    let aggregation =
        Aggregation::connect(network.provider.clone(), service, Some(CHAIN)).await.unwrap();
    let block = aggregation.aggregation(root).await.unwrap().block_number;
    let run = finished(&world, &network, root.0, transaction.0, block).await;
    for (index, proof) in proofs.iter().enumerate() {
        let answer: Inclusion<InclusionBundle> = world.get(&paths::inclusion(&proof.id)).await;
        assert_eq!((answer.root, answer.transaction), (root, transaction));
        assert_eq!((answer.leaf_index as usize, answer.run_id), (index, run.id));
        assert_eq!(root_of_path(&Commitment(proof.commitment.0), &answer.path), root);
        answer.bundle.verify_offline().unwrap();
        aggregation.verify_bundle(&answer.bundle).await.unwrap();
        let path = format!("/receipts?address={}&nonce={index}", alice.address());
        let aligned: Value = world.get(&path).await;
        let receipt = &aligned["data"]["receipts"][0];
        assert_eq!(receipt["status"], "verified");
        assert_eq!(receipt["merkle_path"].as_array().unwrap().len(), answer.path.len());
    }
    let runs: RunsPage = world.get(paths::RUNS).await;
    assert_eq!((runs.runs[0].status, runs.runs[0].root), (RunStatus::Final, Some(root)));
    assert_eq!((runs.runs[0].transaction, runs.next), (Some(transaction), None));

    // By the operators' word first; then its proof arrives.
    let guarantee = async || {
        let proof: ProofAnswer = world.get(&paths::proof(&proofs[0].id)).await;
        let page: ProofsPage = world.get(paths::PROOFS).await;
        let inclusion: Inclusion<InclusionBundle> =
            world.get(&paths::inclusion(&proofs[0].id)).await;
        let runs: RunsPage = world.get(paths::RUNS).await;
        let told = (proof.guarantee, proof.hard_since);
        assert_eq!((page.proofs[0].guarantee, page.proofs[0].hard_since), told);
        assert_eq!((inclusion.guarantee, inclusion.hard_since), told);
        assert_eq!((runs.runs[0].guarantee, runs.runs[0].hard_since), told);
        (told, runs.runs[0].hard_transaction)
    };
    assert_eq!(guarantee().await, ((Some(Guarantee::Soft), None), None));
    world.store.mark_hard(run.id, Some([9; 32]), block + 5, false).await.unwrap();
    let hard = (Some(Guarantee::Hard), Some(block + 5));
    assert_eq!(guarantee().await, (hard, Some([9; 32].into())));
    world.store.undo_hard(run.id).await.unwrap();
    assert_eq!(guarantee().await, ((Some(Guarantee::Soft), None), None));

    // A root that the chain does not have: the database is ahead of a reorganisation.
    world.credit(alice.address(), 1).await;
    let other = world.accepted(&signed(&sample("ecdsa_secp256k1"), &alice, 3)).await;
    let lone = Commitment(other.commitment.0);
    let run = finished(&world, &network, lone.leaf(), [3; 32], block).await;
    assert_eq!(run.leaf_count, 1);
    let gone = world.http.get(world.url(&paths::inclusion(&other.id))).send().await.unwrap();
    problem(gone, ProblemCode::NotIncluded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_describes_itself() {
    let world = World::start().await;
    let info: Info = world.get(paths::INFO).await;
    assert_eq!((info.chain_id, info.payment_service), (CHAIN, PAYMENTS));
    assert_eq!(info.receipt_signer, world.gateway.receipt_signer);
    assert_eq!(
        (info.proof_systems.as_slice(), info.aligned_form),
        (["sp1".to_owned()].as_slice(), true)
    );
    assert!(info.limits.max_proof_bytes >= 1_300_000);
    let ready: Value = world.get(paths::READY).await;
    assert_eq!(ready, serde_json::json!({ "ready": true, "database": true, "objects": true }));
    let metrics =
        world.http.get(world.url(paths::METRICS)).send().await.unwrap().text().await.unwrap();
    for name in
        ["requests_total", "request_seconds_bucket", "upload_slots_free 32", "queued_proofs 0"]
    {
        assert!(metrics.contains(&format!("collimate_gateway_{name}")), "{name}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_is_complete_and_rendered_without_the_internet() {
    let world = World::start().await;
    let document: Value = world.get(paths::OPENAPI).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let documented = document["paths"].as_object().unwrap();
    for path in [
        paths::PROOFS,
        "/v1/proofs/{id}",
        "/v1/proofs/{id}/events",
        "/v1/proofs/{id}/inclusion",
        "/v1/accounts/{address}",
        "/v1/nonce/{address}",
        "/v1/quotas/{address}",
        paths::RECEIPTS,
        paths::RUNS,
        paths::INFO,
        paths::HEALTH,
        paths::READY,
        paths::METRICS,
        paths::ALIGNED_SP1,
    ] {
        assert!(documented.contains_key(path), "{path}");
    }
    let query = &document["paths"][paths::RECEIPTS]["get"]["parameters"];
    let query = query.as_array().unwrap();
    assert!(!query.is_empty() && query.iter().all(|parameter| parameter["in"] == "query"));
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
    let page = world.http.get(world.url("/docs/")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(
        !page.contains("http://") && !page.contains("https://"),
        "assets from elsewhere: {page}"
    );
    let script = world.http.get(world.url("/docs/swagger-ui-bundle.js")).send().await.unwrap();
    assert!(script.status() == 200 && script.bytes().await.unwrap().len() > 500_000);
}

/// Names on the dashboard that begin so.
fn on_the_dashboard(start: &str) -> Vec<&'static str> {
    let dashboard = include_str!("../../../../deploy/grafana/collimate.json");
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    dashboard.split(|letter| !is_of_name(letter)).filter(|name| name.starts_with(start)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_asks_for_metrics_that_there_are() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    // What is counted by a label is shown from its first time on.
    let forged = signed(&sample("fibonacci").forged(), &alice, 0);
    world.refused(&forged, ProblemCode::ProofRejected).await;
    world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await;
    let metrics =
        world.http.get(world.url(paths::METRICS)).send().await.unwrap().text().await.unwrap();
    let names = on_the_dashboard("collimate_gateway_");
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let of_name =
            |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        assert!(metrics.lines().any(of_name), "nothing counts {name}: {metrics}");
    }
}
