//! A chain that is reorganised, away, or of another time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::{eips::BlockId, providers::Provider};
use collimate_sdk::{ProblemCode, ProofStatus};
use collimate_store::RunStatus;
use serde_json::json;
use tokio::time::sleep;

use super::{
    process::free_port,
    world::{PATIENCE, SAMPLES, World, rpc, sample, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn reorganisations_take_payments_back_and_a_final_run_is_registered_again() {
    let world = World::start().await;
    let port = free_port();
    let _services = world.gateway(port, &[]).await;
    let client = world.client(port);
    let (gateway, customer) = (client.gateway().unwrap(), world.customer());
    let account = || gateway.account(customer.address());

    // A payment that is in the newest blocks only: as if it had never been.
    let block = world.buy(&client, 7).await;
    let head = world.node.get_block_number().await.unwrap();
    rpc(&world.node, "anvil_reorg", json!([head - block + 2, []])).await;
    until("the payment is gone", || async {
        let account = account().await.ok()?;
        let behind = world.node.get_block_number().await.ok()? < head + 3;
        (!behind && account.credits == 0 && account.unconfirmed == 0).then_some(())
    })
    .await;
    world.audit();

    world.buy(&client, 5).await;
    gateway.wait_for_credits(customer.address(), 5, PATIENCE).await.unwrap();
    for name in SAMPLES {
        gateway.submit(&sample(name).0, &customer, None).await.unwrap();
    }
    world.offer_the_runs_proof().await;
    world.request_run();
    let first = world.run_reaches(&[RunStatus::Final]).await;
    assert_eq!(first.attempts, 1);
    assert_eq!(world.purse(&client).await, (1, 4));
    world.audit();

    // Thirty blocks: the purchase, long credited and mostly spent, and the run that is final.
    rpc(&world.node, "anvil_reorg", json!([30, []])).await;
    until("the credit is taken back", || async {
        (account().await.ok()?.credits == 0).then_some(())
    })
    .await;
    let again = gateway.submit(&sample("fibonacci").0, &customer, None).await.unwrap();
    assert!(!again.paid, "what was accepted stays accepted");
    until("the run is submitted again", || async {
        world.store.run(1).await.ok()?.filter(|run| run.attempts == 2).map(|_| ())
    })
    .await;
    let again = world.run_reaches(&[RunStatus::Final]).await;
    assert_ne!(again.tx_hash, first.tx_hash);
    let proofs = world.store.proofs_of_run(1).await.unwrap();
    for proof in proofs {
        let answer = gateway.proof(&proof.id).await.unwrap();
        assert_eq!(answer.status, ProofStatus::Final);
        client.inclusion(&proof.id, None).await.unwrap();
    }
    world.buy(&client, 2).await;
    gateway.wait_for_credits(customer.address(), 2, PATIENCE).await.unwrap();
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_in_the_one_block_that_is_reorganised_gives_nothing_and_the_next_one_counts() {
    let world = World::start().await;
    let port = free_port();
    let _services = world.gateway(port, &["gateway", "payments"]).await;
    let client = world.client(port);
    let (gateway, customer) = (client.gateway().unwrap(), world.customer());
    // A block for each transaction and no other: the deposit stays in the newest one.
    rpc(&world.node, "evm_setAutomine", json!([true])).await;
    let block = world.buy(&client, 3).await;
    let sees = async |credits: u64| {
        until("the deposit is seen, or is gone", || async {
            let account = gateway.account(customer.address()).await.ok()?;
            (account.unconfirmed == credits && account.credits == 0).then_some(())
        })
        .await;
    };
    sees(3).await;
    assert_eq!(world.node.get_block_number().await.unwrap(), block);
    rpc(&world.node, "anvil_reorg", json!([1, []])).await;
    sees(0).await;
    world.audit();

    rpc(&world.node, "evm_setIntervalMining", json!([1])).await;
    world.buy(&client, 2).await;
    gateway.wait_for_credits(customer.address(), 2, PATIENCE).await.unwrap();
    assert_eq!(world.purse(&client).await, (2, 0));
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_away_or_hours_ahead_costs_time_only() {
    a_node_that_is_away(Duration::from_secs(8)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_node_that_is_away_for_minutes_costs_time_only() {
    a_node_that_is_away(Duration::from_secs(180)).await;
}

async fn a_node_that_is_away(time: Duration) {
    let world = World::start().await;
    // The machine's clock is two hours behind the chain's.
    rpc(&world.node, "evm_increaseTime", json!([7_200])).await;
    let port = free_port();
    let _services = world.gateway(port, &[]).await;
    let client = world.client(port);
    let (gateway, customer) = (client.gateway().unwrap(), world.customer());
    let early = gateway.submit(&sample("fibonacci").0, &customer, None).await.unwrap_err();
    assert!(early.is(ProblemCode::NoCredit), "{early}");
    world.buy(&client, 4).await;
    gateway.wait_for_credits(customer.address(), 4, PATIENCE).await.unwrap();

    // It hangs: proofs are taken all the same, since a key's signature needs no node.
    world.anvil.freeze();
    for name in SAMPLES {
        gateway.submit(&sample(name).0, &customer, None).await.unwrap();
    }
    world.offer_the_runs_proof().await;
    world.store.request_run(&world.stored_deployment()).await.unwrap();
    world.run_reaches(&[RunStatus::Proving, RunStatus::Attesting]).await;
    sleep(time).await;
    assert_ne!(world.store.run(1).await.unwrap().unwrap().status, RunStatus::Final);
    world.anvil.thaw();
    world.run_reaches(&[RunStatus::Confirming, RunStatus::Final]).await;
    world.anvil.freeze();
    sleep(Duration::from_secs(4)).await;
    world.anvil.thaw();
    let run = world.run_reaches(&[RunStatus::Final]).await;
    assert_eq!((run.leaf_count, run.attempts), (4, 1));
    assert_eq!(world.transactions_of_the_aggregator().await, 1);
    world.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_hours_ahead_of_the_chain_loses_nothing() {
    const AHEAD: u64 = 7_200;
    let world = World::start().await;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    rpc(&world.node, "evm_setTime", json!([now() - AHEAD])).await;
    until("a block of hours ago", || async {
        let block = world.node.get_block(BlockId::latest()).await.unwrap()?;
        (block.header.timestamp < now() - AHEAD / 2).then_some(())
    })
    .await;
    let port = free_port();
    let _services = world.gateway(port, &[]).await;
    let client = world.client(port);
    let (gateway, customer) = (client.gateway().unwrap(), world.customer());
    world.buy(&client, 4).await;
    gateway.wait_for_credits(customer.address(), 4, PATIENCE).await.unwrap();
    for name in SAMPLES {
        gateway.submit(&sample(name).0, &customer, None).await.unwrap();
    }
    world.offer_the_runs_proof().await;
    world.store.request_run(&world.stored_deployment()).await.unwrap();
    let run = world.run_reaches(&[RunStatus::Final]).await;
    assert_eq!((run.leaf_count, run.attempts), (4, 1));
    assert_eq!(world.transactions_of_the_aggregator().await, 1);
    world.audit();
}
