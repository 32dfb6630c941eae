//! From a user's proofs to `isVerified`, with the services of operators and signature aggregators.

use alloy::primitives::U256;
use collimate_api::fast::{BatchStatus, GroupEvent, GroupStatus, group_events};
use futures::StreamExt;

use crate::{
    group::group,
    samples::sample,
    services::{Running, start, start_aggregator, start_operator},
    support::network::until,
    world::{ETHER, World, user},
};

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
