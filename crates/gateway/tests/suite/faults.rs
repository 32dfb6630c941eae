//! Deaths and absences: what was accepted is there afterwards, and nothing is paid twice.

use std::{num::NonZeroUsize, time::Duration};

use alloy::signers::local::PrivateKeySigner;
use collimate_api::{ProblemCode, ProofAnswer, ProofStatus, paths};
use collimate_core::Commitment;
use collimate_gateway::GatewayConfig;
use collimate_objects::Key;
use collimate_store::{Authorisation, EmbeddedPostgres, NewProof, ProofSystem};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

use crate::support::{NO_NODE, Sample, World, contract, quick, sample, signed};

const PATIENCE: Duration = Duration::from_secs(30);

/// What is on record when a gateway dies after it stored and took the credit, and before it answered.
async fn die_before_the_answer(
    world: &World,
    alice: &PrivateKeySigner,
    sample: &Sample,
) -> uuid::Uuid {
    let key = world.objects.put(sample.proof.clone()).await.unwrap();
    store_row(world, alice, sample, key).await
}

async fn store_row(
    world: &World,
    alice: &PrivateKeySigner,
    sample: &Sample,
    key: Key,
) -> uuid::Uuid {
    let public_values = public_values(sample).await;
    let program_id = collimate_core::ProgramId(sample.program_id().0);
    let proof = NewProof {
        proof_hash: key.0,
        proof_system: ProofSystem::Sp1,
        program_id: program_id.0,
        vk: sample.vk.clone(),
        commitment: Commitment::new(&public_values, &program_id).0,
        public_values,
    };
    let nonce = world.account(alice.address()).await.nonce;
    let account = alice.address().into_array();
    let authorisation = Authorisation { contract: contract(), account, nonce };
    world.store.insert_paid_proof(&proof, &authorisation).await.unwrap().id
}

async fn public_values(sample: &Sample) -> Vec<u8> {
    use collimate_verifiers::{ProgramKey, ProofSystem as _, Submission, sp1::Sp1Compressed};
    let submission = Submission {
        proof: sample.proof.clone(),
        key: ProgramKey::VerifyingKey(sample.vk.clone()),
        public_values: None,
    };
    let verified =
        tokio::task::spawn_blocking(move || Sp1Compressed::default().verify(&submission));
    verified.await.unwrap().unwrap().public_values
}

async fn wait_for(world: &World, id: uuid::Uuid, status: ProofStatus) -> ProofAnswer {
    let reached = async {
        loop {
            let proof: ProofAnswer = world.get(&paths::proof(&id)).await;
            if proof.status == status {
                return proof;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect("the sweep finishes it")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_killed_between_stored_and_answered_is_finished_by_the_next() {
    let mut world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 3).await;
    let (fibonacci, preimage) = (sample("fibonacci"), sample("sha256_preimage"));
    let received = die_before_the_answer(&world, &alice, &fibonacci).await;
    let verified = die_before_the_answer(&world, &alice, &preimage).await;
    world.store.mark_verified(verified).await.unwrap();
    world.gateway.stop().await;
    world.gateway = world.another(quick()).await;
    for id in [received, verified] {
        let proof = wait_for(&world, id, ProofStatus::Queued).await;
        assert!(proof.position.is_some() && proof.deadline.is_some(), "{proof:?}");
    }
    // Who sends the request again gets the answer that was never sent.
    let answer = world.accepted(&signed(&fibonacci, &alice, 0)).await;
    assert_eq!(answer.id, received);
    assert_eq!(answer.receipt.unwrap().nonce, 0);
    assert_eq!(world.purse(alice.address()).await, (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_again_finishes_it_without_waiting_for_the_sweep() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    // The sweep at the start is over; the next one is a minute away.
    sleep(Duration::from_millis(300)).await;
    let fibonacci = sample("fibonacci");
    // Not even the file survived.
    let key = Key::of(&fibonacci.proof);
    let id = store_row(&world, &alice, &fibonacci, key).await;
    let answer = world.accepted(&signed(&fibonacci, &alice, 0)).await;
    assert_eq!((answer.id, answer.status), (id, ProofStatus::Queued));
    assert!(world.objects.exists(&key).await.unwrap());
    assert_eq!(world.purse(alice.address()).await, (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_finished_ends_with_a_name() {
    let mut world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 2).await;
    let lost = store_row(&world, &alice, &sample("fibonacci"), Key([5; 32])).await;
    let forged = die_before_the_answer_forged(&world, &alice).await;
    world.gateway.stop().await;
    world.gateway = world.another(quick()).await;
    let proof = wait_for(&world, lost, ProofStatus::Rejected).await;
    assert_eq!(proof.code.as_deref(), Some("OBJ-002"));
    let proof = wait_for(&world, forged, ProofStatus::Rejected).await;
    assert!(proof.code.unwrap().starts_with("VER-"));
    let again = signed(&sample("ecdsa_secp256k1").forged(), &alice, 1);
    world.refused(&again, ProblemCode::AlreadyFailed).await;
}

async fn die_before_the_answer_forged(world: &World, alice: &PrivateKeySigner) -> uuid::Uuid {
    let good = sample("ecdsa_secp256k1");
    let key = world.objects.put(good.clone().forged().proof).await.unwrap();
    store_row(world, alice, &good, key).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_and_nothing_is_lost() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let data = folder.path().join("postgres");
    let postgres = EmbeddedPostgres::start(&data).await.unwrap();
    let config = GatewayConfig { database_timeout: Duration::from_secs(2), ..quick() };
    let url = postgres.url().to_owned();
    let world = World::start_on(config, &url, NO_NODE, alloy::primitives::Address::ZERO).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 2).await;
    let first = world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await;
    let second = signed(&sample("sha256_preimage"), &alice, 1);

    postgres.stop().await.unwrap();
    let problem = world.refused(&second, ProblemCode::DatabaseAway).await;
    assert!(problem.retry_after.is_some());
    let response = world.http.get(world.url(&paths::proof(&first.id))).send().await.unwrap();
    crate::support::problem(response, ProblemCode::DatabaseAway).await;
    let ready = world.http.get(world.url(paths::READY)).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(world.http.get(world.url(paths::HEALTH)).send().await.unwrap().status(), 200);
    assert_eq!(world.http.get(world.url(paths::METRICS)).send().await.unwrap().status(), 200);

    let postgres = EmbeddedPostgres::start(&data).await.unwrap();
    let back = async {
        while world.http.get(world.url(paths::READY)).send().await.unwrap().status() != 200 {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, back).await.expect("the gateway finds the database again");
    assert_eq!(world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await, first);
    world.accepted(&second).await;
    assert_eq!(world.purse(alice.address()).await, (0, 2));
    world.store.close().await;
    postgres.stop().await.unwrap();
}

/// The server is killed again and again while requests are in work; each is sent until it is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_killed_mid_request_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let postgres = EmbeddedPostgres::start(&folder.path().join("postgres")).await.unwrap();
    let url = postgres.url().to_owned();
    let config = GatewayConfig { database_timeout: Duration::from_secs(2), ..quick() };
    let world = World::start_on(config, &url, NO_NODE, alloy::primitives::Address::ZERO).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 10).await;
    let names = ["fibonacci", "sha256_preimage", "ecdsa_secp256k1", "merkle_membership"];
    let killer = async {
        for pause in [30, 150, 90, 250, 60, 400] {
            sleep(Duration::from_millis(pause)).await;
            if let Some(pid) = postgres.pid() {
                let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
            }
        }
    };
    let sender = async {
        let mut ids = vec![];
        for (nonce, name) in names.iter().enumerate() {
            let request = signed(&sample(name), &alice, nonce as u64);
            let answered = async {
                loop {
                    let response = world.send(&request).await;
                    let (status, text) = (response.status(), response.text().await.unwrap());
                    match status.as_u16() {
                        200 => {
                            return serde_json::from_str::<collimate_api::Submitted>(&text)
                                .unwrap();
                        }
                        503 => sleep(Duration::from_millis(100)).await,
                        _ => panic!("{status} {text}"),
                    }
                }
            };
            ids.push(timeout(PATIENCE * 2, answered).await.unwrap().id);
        }
        ids
    };
    let (ids, ()) = tokio::join!(sender, killer);
    let purse = async {
        loop {
            let response = world.http.get(world.url(&paths::account(&alice.address()))).send();
            if let Ok(account) =
                response.await.unwrap().json::<collimate_api::AccountAnswer>().await
            {
                return (account.credits, account.nonce);
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    assert_eq!(timeout(PATIENCE, purse).await.unwrap(), (6, 4));
    for id in ids {
        wait_for(&world, id, ProofStatus::Queued).await;
    }
    world.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_spends_nothing() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    // A file where the folder has to be fails every write, whoever runs the test.
    let folder = world.objects_folder();
    let aside = folder.with_extension("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "").unwrap();
    let request = signed(&sample("fibonacci"), &alice, 0);
    world.refused(&request, ProblemCode::StorageFailed).await;
    assert_eq!(world.purse(alice.address()).await, (1, 0));
    // A disk that is not mounted takes nothing either, and makes nothing that was paid for look lost.
    std::fs::remove_file(&folder).unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    world.refused(&request, ProblemCode::StorageFailed).await;
    assert_eq!(world.purse(alice.address()).await, (1, 0));
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    world.accepted(&request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_not_mounted_rejects_no_proof_that_was_paid_for() {
    let mut world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let id = die_before_the_answer(&world, &alice, &sample("fibonacci")).await;
    world.gateway.stop().await;
    let folder = world.objects_folder();
    let aside = folder.with_extension("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::create_dir(&folder).unwrap();

    let config = GatewayConfig { sweep_interval: Duration::from_millis(100), ..quick() };
    world.gateway = world.another(config).await;
    let postponed = async {
        loop {
            let metrics = world.http.get(world.url(paths::METRICS)).send().await.unwrap();
            if metrics.text().await.unwrap().contains("postponed") {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, postponed).await.expect("the sweep looks at it");
    let ready = world.http.get(world.url(paths::READY)).send().await.unwrap();
    assert_eq!(ready.status(), 503, "it takes no proofs meanwhile");
    let proof: ProofAnswer = world.get(&paths::proof(&id)).await;
    assert_eq!(proof.status, ProofStatus::Received);

    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    // Who sends again does not wait for the next sweep.
    let answer = world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await;
    assert_eq!((answer.id, answer.status), (id, ProofStatus::Queued));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_in_work_and_frees_the_port() {
    let one = NonZeroUsize::MIN;
    let mut world = World::start_with(GatewayConfig { verifications: one, ..quick() }).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let request = signed(&sample("fibonacci"), &alice, 0);
    let port = world.gateway.port();
    let (http, url, form) = (world.http.clone(), world.url(paths::PROOFS), request.form());
    let in_work = tokio::spawn(async move { http.post(url).multipart(form).send().await });
    let arrived = async {
        loop {
            let metrics = world.http.get(world.url(paths::METRICS)).send().await.unwrap();
            let metrics = metrics.text().await.unwrap();
            if metrics.contains("collimate_gateway_connections 2") || in_work.is_finished() {
                return;
            }
        }
    };
    timeout(PATIENCE, arrived).await.expect("the upload arrives");
    timeout(PATIENCE, world.gateway.stop()).await.expect("stops");
    assert_eq!(in_work.await.unwrap().unwrap().status(), 200);
    TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
}
