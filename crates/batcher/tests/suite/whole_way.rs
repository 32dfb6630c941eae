//! From a user's proofs to `isVerified`, with the services of operators and signature aggregators.

use alloy::primitives::U256;
use collimate_api::fast::{
    BatchStatus, BatcherProblemCode as Code, GroupEvent, GroupStatus, group_events,
};
use collimate_chain::anvil::development_signer;
use futures::StreamExt;

use crate::{
    group::{MAX_FEE, group, message, signed},
    samples::sample,
    services::{Running, quick, start, start_aggregator, start_as, start_operator},
    support::network::until,
    world::{ETHER, World, user},
};

/// The development account of a second batcher.
const OTHER: usize = 7;

/// Events of a group from its first on, or after one, until its stream ends.
async fn events(
    world: &World,
    batcher: &Running,
    path: String,
    after: Option<i64>,
) -> Vec<GroupEvent> {
    let mut request = world.http.get(format!("{}{path}", batcher.url));
    if let Some(after) = after {
        request = request.header("last-event-id", after);
    }
    let mut stream = request.send().await.unwrap().bytes_stream();
    let mut text = String::new();
    while let Some(Ok(chunk)) = stream.next().await {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.map(|data| serde_json::from_str(data.trim()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_several_users_and_systems_are_verified_on_chain() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let mut operators = vec![];
    for number in 0..4 {
        operators.push(start_operator(&world, number, &[&aggregator]).await);
    }
    let batcher = start(&world).await;
    let (alice, bob) = (user(1), user(2));
    world.deposit(alice.address(), ETHER).await;
    world.deposit(bob.address(), ETHER).await;
    let (first, second) = (vec![sample(0), sample(1), sample(2)], vec![sample(0).by(7)]);
    let alices = world.accepted(&batcher, &group(&world, &alice, 0, &first)).await.id;
    let listening = events(&world, &batcher, group_events(&alices), None);
    let going = async {
        let bobs = world.accepted(&batcher, &group(&world, &bob, 0, &second)).await.id;
        let mut answers = vec![];
        for (id, samples) in [(alices, &first), (bobs, &second)] {
            let answer = world.reaches(&batcher, id, GroupStatus::Verified).await;
            assert_eq!(answer.proofs.len(), samples.len());
            for (nonce, (sample, data)) in samples.iter().zip(&answer.proofs).enumerate() {
                assert_eq!(data.nonce, nonce as u64);
                assert!(world.is_verified(sample, data).await, "{data:?}");
            }
            let batch = answer.batch.clone().unwrap();
            assert_eq!(batch.sender, world.payments);
            assert!(batch.task_id.is_some() && batch.verified_block.is_some());
            answers.push(answer);
        }
        answers
    };
    let (events, answers) = tokio::join!(listening, going);
    let statuses: Vec<GroupStatus> = events.iter().map(|event| event.status).collect();
    let course =
        [GroupStatus::Accepted, GroupStatus::Batched, GroupStatus::Open, GroupStatus::Verified];
    assert_eq!(statuses, course, "each change once, and then the end");
    let path = group_events(&alices);
    let rest = self::events(&world, &batcher, path, Some(events[1].sequence)).await;
    assert_eq!(rest, events[2..], "a lost connection goes on where it was");

    // The batcher has what the responses left.
    let batch = answers[0].batch.clone().unwrap();
    world.mine(3).await;
    until("settled", || async {
        let ledger = world.ledger().await;
        let status = ledger.batch(batch.id).await.unwrap().unwrap().status;
        (status.as_str() == BatchStatus::Settled.as_str()).then_some(())
    })
    .await;
    let earned = world.payments().earnings(world.batcher).call().await.unwrap();
    assert!(earned > U256::ZERO);
    let account = world.account(&batcher, alice.address()).await;
    assert_eq!((account.next_nonce, account.pending_groups, account.reserved.0), (3, 0, 0));
    batcher.stop().await;
    for service in operators.into_iter().chain([aggregator]) {
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_can_run_a_batcher_and_two_of_them_do_not_concern_each_other() {
    let world = World::start().await;
    let first = start(&world).await;
    let second = start_as(&world, OTHER, quick(&world)).await;
    let other = development_signer(OTHER).unwrap().address();
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let payments = world.payments();
    let deposit = payments.deposit(other, alice.address()).value(U256::from(ETHER));
    assert!(deposit.send().await.unwrap().get_receipt().await.unwrap().status());
    // The same proofs, with the same nonce of another account.
    let proofs = [sample(0)];
    let ours = group(&world, &alice, 0, &proofs);
    let mut message = message(&world, alice.address(), 0, MAX_FEE, &proofs);
    message.batcher = other;
    let theirs = signed(&world, &alice, message, &proofs);
    world.refused(&first, &theirs, Code::WrongBatcher).await;
    world.refused(&second, &ours, Code::WrongBatcher).await;
    for (batcher, request) in [(&first, &ours), (&second, &theirs)] {
        let id = world.accepted(batcher, request).await.id;
        world.reaches(batcher, id, GroupStatus::Open).await;
    }
    for batcher in [world.batcher, other] {
        let account = payments.account(batcher, alice.address()).call().await.unwrap();
        assert_eq!(account.nonce, 1);
        assert!(account.balance < ETHER);
    }
}
