//! Processes that are killed in the middle of their work.

use std::time::Duration;

use collimate_sdk::ProofStatus;
use collimate_store::{ProofId, RunStatus};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    process::{Gateway, Process, TableLock, free_port},
    world::{PATIENCE, SAMPLES, World, sample, until},
};

const ON_THE_WAY: [RunStatus; 3] = [RunStatus::Submitting, RunStatus::Confirming, RunStatus::Final];

/// Submits a sample at this gateway, again and again until it is answered, and returns its id.
fn submit(world: &World, port: u16, name: &str) -> JoinHandle<ProofId> {
    let (client, customer, (upload, _)) = (world.client(port), world.customer(), sample(name));
    tokio::spawn(async move {
        let gateway = client.gateway().unwrap();
        gateway.submit(&upload, &customer, None).await.unwrap().answer.id
    })
}

async fn done<T>(task: JoinHandle<T>) -> T {
    timeout(PATIENCE, task).await.expect("it ends in time").unwrap()
}

/// The aggregator that opened the run.
fn holder(aggregators: &mut [Process; 2]) -> &mut Process {
    let [first, second] = aggregators;
    if first.said().contains("run opened") { first } else { second }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_and_two_aggregators_killed_in_the_middle_lose_and_double_nothing() {
    let world = World::start().await;
    let (one, two) = (free_port(), free_port());
    let mut first = world.gateway(one, &["gateway"]).await;
    let Gateway { process: _second, .. } = world.gateway(two, &["gateway", "payments"]).await;
    let mut aggregators =
        ["aggregator-1", "aggregator-2"].map(|name| world.serve(name, &["aggregator"], &[]));
    let client = world.client(two);
    world.buy(&client, 4).await;
    let gateway = client.gateway().unwrap();
    gateway.wait_for_credits(world.customer().address(), 4, PATIENCE).await.unwrap();

    let mut ids = vec![];
    for (index, name) in SAMPLES.into_iter().enumerate() {
        if index == 2 {
            let answered_by_nobody = submit(&world, one, name);
            sleep(Duration::from_millis(60)).await;
            first.process.kill_9();
            answered_by_nobody.abort();
        }
        let here = (index < 2).then(|| submit(&world, one, name));
        let there = done(submit(&world, two, name)).await;
        if let Some(here) = here {
            assert_eq!(done(here).await, there, "one request at both is one submission");
        }
        ids.push(there);
    }
    assert_eq!(world.purse(&client).await, (0, 4));

    world.offer_the_runs_proof().await;
    world.request_run();
    world.run_reaches(&ON_THE_WAY).await;
    holder(&mut aggregators).kill_9();
    let run = world.run_reaches(&[RunStatus::Final]).await;
    assert_eq!((run.leaf_count, run.attempts), (4, 1));
    assert_eq!(world.transactions_of_the_aggregator().await, 1, "the root was sent once");

    first = world.gateway(first.port, &["gateway"]).await;
    let client = world.client(first.port);
    for id in ids {
        let proof = client.gateway().unwrap().proof(&id).await.unwrap();
        assert_eq!(proof.status, ProofStatus::Final);
        client.inclusion(&id, None).await.unwrap();
    }
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_killed_mid_request_and_mid_run_loses_and_doubles_nothing() {
    let world = World::start().await;
    let port = free_port();
    let _services = world.gateway(port, &[]).await;
    let client = world.client(port);
    world.buy(&client, 4).await;
    let gateway = client.gateway().unwrap();
    gateway.wait_for_credits(world.customer().address(), 4, PATIENCE).await.unwrap();
    world.offer_the_runs_proof().await;

    let kill = || {
        if let Some(pid) = world.postgres.pid() {
            let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    };
    for (name, pause) in SAMPLES.into_iter().zip([40, 120, 250, 400]) {
        let submitting = submit(&world, port, name);
        sleep(Duration::from_millis(pause)).await;
        kill();
        done(submitting).await;
    }
    until("the purse can be read", || async {
        let account = gateway.account(world.customer().address()).await.ok()?;
        (account.credits == 0 && account.nonce == 4).then_some(())
    })
    .await;
    world.request_run();
    for _ in 0..3 {
        world.run_reaches(RunStatus::ALL).await;
        kill();
        // Whoever holds the lock has to notice, and to get it again.
        sleep(Duration::from_millis(2_500)).await;
    }
    let run = world.run_reaches(&[RunStatus::Final]).await;
    assert_eq!((run.leaf_count, run.attempts), (4, 1));
    assert_eq!(world.transactions_of_the_aggregator().await, 1, "the root was sent once");
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_killed_between_stored_and_answered_answers_after_its_restart() {
    let world = World::start().await;
    let port = free_port();
    let mut gateway = world.gateway(port, &["gateway", "payments"]).await;
    let client = world.client(port);
    world.buy(&client, 1).await;
    let customer = world.customer().address();
    client.gateway().unwrap().wait_for_credits(customer, 1, PATIENCE).await.unwrap();

    // The promise cannot be written: proof, nonce and credit are, and nobody is answered.
    let held = TableLock::take(world.postgres.url(), "receipts");
    let submitting = submit(&world, port, "fibonacci");
    let stored = until("it is stored and paid for", || async {
        world.store.proofs_page(None, None, 1).await.ok()?.pop().map(|proof| proof.id)
    })
    .await;
    assert!(!submitting.is_finished());
    gateway.process.kill_9();
    drop(held);
    let proof = world.store.proof(stored).await.unwrap().unwrap();
    assert_eq!(proof.status, collimate_store::ProofStatus::Received, "it is left in between");

    gateway = world.gateway(port, &["gateway", "payments"]).await;
    assert_eq!(done(submitting).await, stored, "who asks again gets the answer");
    assert_eq!(world.purse(&client).await, (0, 1), "one credit, one nonce");
    world.audit();
    gateway.process.kill_9();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poller_killed_between_events_credits_each_payment_once() {
    let world = World::start().await;
    let port = free_port();
    let _gateway = world.gateway(port, &["gateway"]).await;
    let client = world.client(port);
    let paying = async {
        for credits in 1..=5 {
            world.buy(&client, credits).await;
        }
    };
    let killing = async {
        let mut poller = world.serve("poller", &["payments"], &[]);
        for pause in [500, 900, 300, 1_200, 700, 400, 1_000, 600] {
            sleep(Duration::from_millis(pause)).await;
            poller.kill_9();
            poller = world.serve("poller", &["payments"], &[]);
        }
        poller
    };
    let (_poller, ()) = tokio::join!(killing, paying);
    let customer = world.customer().address();
    let account = client.gateway().unwrap().wait_for_credits(customer, 15, PATIENCE).await.unwrap();
    assert_eq!((account.credits, account.unconfirmed), (15, 0));
    world.audit();
}
