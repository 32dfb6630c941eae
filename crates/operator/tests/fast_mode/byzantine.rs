//! One of four operators does what it wants; the batch is verified all the same.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use alloy::primitives::{B256, FixedBytes, aliases::U96};
use collimate_chain::anvil::DEVELOPMENT_CHAIN_ID;
use collimate_contracts::fast_mode::response_message;
use collimate_tasks::wire::{Refusal, TaskSignature};
use tokio::task::JoinSet;

use crate::{
    services::{Running, start_aggregator, start_operator},
    support::network::{key, until},
    world::{World, sample},
};

async fn post(aggregator: &Running, task: B256, answer: &TaskSignature) -> Result<(), Refusal> {
    let url = format!("{}/v1/tasks/{task}/signatures", aggregator.url);
    let answer = reqwest::Client::new().post(url).json(answer).send().await.unwrap();
    match answer.status().is_success() {
        true => Ok(()),
        false => Err(answer.json().await.unwrap()),
    }
}

async fn refused(aggregator: &Running, task: B256, answer: &TaskSignature) -> String {
    post(aggregator, task, answer).await.unwrap_err().code
}

/// What operator `signer` signs for a task, said to be of operator `id`.
fn answer(world: &World, task: B256, id: u32, signer: u8, systems: u64) -> TaskSignature {
    let systems = U96::from(systems);
    let message = response_message(DEVELOPMENT_CHAIN_ID, world.manager, task, systems);
    TaskSignature {
        operator_id: id,
        proving_systems: systems,
        signature: key(signer).sign(message).to_bytes().into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_one_of_four_sends_the_batch_is_verified() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let earlier = world.create_for(&world.publish(vec![vec![sample("sha256_preimage")]])).await;
    let task = world.create_for(&batch).await;
    until("the aggregator sees the task", || aggregator.signatures_view(task.id)).await;
    let unknown = B256::repeat_byte(9);
    assert_eq!(refused(&aggregator, unknown, &answer(&world, unknown, 3, 3, 1)).await, "SIG-001");
    // No point, and a point that is another's signature.
    let honest = answer(&world, task.id, 3, 3, 1);
    let garbage = TaskSignature { signature: FixedBytes([7; 48]), ..honest };
    assert_eq!(refused(&aggregator, task.id, &garbage).await, "SIG-004");
    let stolen = answer(&world, task.id, 0, 3, 1);
    assert_eq!(refused(&aggregator, task.id, &stolen).await, "SIG-005", "in another's name");
    let stranger = answer(&world, task.id, 3, 77, 1);
    assert_eq!(refused(&aggregator, task.id, &stranger).await, "SIG-005", "with another key");
    let outsider = answer(&world, task.id, 8, 3, 1);
    assert_eq!(refused(&aggregator, task.id, &outsider).await, "SIG-003");
    let replayed = answer(&world, earlier.id, 3, 3, 1);
    assert_eq!(refused(&aggregator, task.id, &replayed).await, "SIG-005", "of another task");
    let relabelled = TaskSignature { proving_systems: U96::from(2), ..honest };
    assert_eq!(refused(&aggregator, task.id, &relabelled).await, "SIG-005", "of other systems");
    // A real signature over other proof systems than the batch has: it stands alone.
    post(&aggregator, task.id, &answer(&world, task.id, 3, 3, 2)).await.unwrap();
    assert_eq!(refused(&aggregator, task.id, &honest).await, "SIG-006", "a second answer");
    let url = format!("{}/v1/tasks/{}/signatures", aggregator.url, task.id);
    let client = reqwest::Client::new();
    for body in [vec![b'x'; 100_000], b"{}".to_vec()] {
        let answer = client.post(&url).body(body).send().await.unwrap();
        assert_eq!(answer.json::<Refusal>().await.unwrap().code, "SIG-008");
    }
    let mut operators = vec![];
    for number in 0..3 {
        operators.push(start_operator(&world, number, &[&aggregator]).await);
    }
    world.verified(&task).await;
    assert!(world.is_verified(&batch, 0, 0).await);
    // The fourth was silent about this one.
    world.verified(&earlier).await;
    let late = answer(&world, task.id, 3, 3, 1);
    let closed = until("closed", || async {
        let refusal = post(&aggregator, task.id, &late).await.unwrap_err();
        (refusal.code == "SIG-002").then_some(refusal)
    })
    .await;
    assert!(!closed.retryable);
}

/// What the fourth operator does instead of its work.
#[derive(Debug, Clone, Copy)]
enum Way {
    Silence,
    Garbage,
    /// In another's name, and with a key that nobody registered.
    AnothersKey,
    /// What it signed for another task.
    Replay,
    /// Two answers to one task.
    TwoAnswers,
}

/// The fourth operator does it, once the aggregator knows the task, and is told so.
async fn misbehave(world: &World, aggregator: &Running, way: Way, task: B256, earlier: B256) {
    let honest = answer(world, task, 3, 3, 1);
    match way {
        Way::Silence => {}
        Way::Garbage => {
            for byte in [0, 7, 0xff] {
                let garbage = TaskSignature { signature: FixedBytes([byte; 48]), ..honest };
                assert_eq!(refused(aggregator, task, &garbage).await, "SIG-004");
            }
        }
        Way::AnothersKey => {
            for (id, signer) in [(0, 3), (1, 3), (3, 77)] {
                let stolen = answer(world, task, id, signer, 1);
                assert_eq!(refused(aggregator, task, &stolen).await, "SIG-005");
            }
        }
        Way::Replay => {
            let replayed = answer(world, earlier, 3, 3, 1);
            assert_eq!(refused(aggregator, task, &replayed).await, "SIG-005");
        }
        Way::TwoAnswers => {
            post(aggregator, task, &answer(world, task, 3, 3, 2)).await.unwrap();
            assert_eq!(refused(aggregator, task, &honest).await, "SIG-006");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_each_of_five_ways_one_of_four_can_misbehave_the_others_are_a_quorum() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let earlier = world.create_for(&batch).await.id;
    let ways = [Way::Silence, Way::Garbage, Way::AnothersKey, Way::Replay, Way::TwoAnswers];
    let mut tasks = vec![];
    for way in ways {
        let task = world.create_for(&batch).await;
        until("the aggregator sees the task", || aggregator.signatures_view(task.id)).await;
        misbehave(&world, &aggregator, way, task.id, earlier).await;
        tasks.push(task);
    }
    // The honest ones come last, so that they find whatever the fourth has done.
    let mut operators = vec![];
    for number in 0..3 {
        operators.push(start_operator(&world, number, &[&aggregator]).await);
    }
    for (way, task) in ways.iter().zip(&tasks) {
        world.verified(task).await;
        let view = until("the aggregator knows", || async {
            aggregator.signatures_view(task.id).await.filter(|view| view.status == "verified")
        })
        .await;
        let honest = view.answers.iter().find(|answers| answers.signatures.len() == 3);
        let signers = honest.unwrap().signatures.iter().map(|answer| answer.operator_id);
        assert_eq!(signers.collect::<Vec<_>>(), [0, 1, 2], "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_four_that_signs_a_forged_batch_signs_alone() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let honest = sample("fibonacci");
    let mut bytes = honest.proof.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let forged = world.publish(vec![vec![honest.with_proof(bytes)]]);
    let task = world.create_for(&forged).await;
    until("the aggregator sees the task", || aggregator.signatures_view(task.id)).await;
    post(&aggregator, task.id, &answer(&world, task.id, 3, 3, 1)).await.unwrap();
    for number in 0..3 {
        let operator = start_operator(&world, number, &[&aggregator]).await;
        operator.refuses(task.id, "OPR-004").await;
    }
    let view = aggregator.signatures_view(task.id).await.unwrap();
    assert_eq!((view.answers.len(), view.response), (1, None));
    assert!(view.answers[0].signed_stake < view.needed_stake);
    assert!(!world.is_verified(&forged, 0, 0).await);
}

/// Anyone can send signatures, and finding out that one is wrong takes as long as finding out that it is right.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_signatures_keeps_no_right_one_out() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let task = world.create_for(&world.publish(vec![vec![sample("fibonacci")]])).await;
    until("the aggregator sees the task", || aggregator.signatures_view(task.id)).await;
    let url = format!("{}/v1/tasks/{}/signatures", aggregator.url, task.id);
    let (stolen, seen) = (answer(&world, task.id, 0, 3, 1), Arc::new(AtomicUsize::new(0)));
    let mut flood = JoinSet::new();
    // Each with a connection of its own, fewer than one address may have.
    for _ in 0..40 {
        let (client, url, seen) = (reqwest::Client::new(), url.clone(), Arc::clone(&seen));
        flood.spawn(async move {
            while let Ok(refused) = client.post(&url).json(&stolen).send().await {
                // Read to its end, so that the connection serves the next one.
                if refused.json::<Refusal>().await.is_ok_and(|refusal| refusal.code == "SIG-005") {
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    until("the flood is there", || async { (seen.load(Ordering::Relaxed) > 200).then_some(()) })
        .await;
    for (id, signer) in [(0, 0), (1, 1), (2, 2), (3, 3)] {
        // None is sent twice.
        post(&aggregator, task.id, &answer(&world, task.id, id, signer, 1)).await.unwrap();
    }
    flood.shutdown().await;
    world.verified(&task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_four_are_no_quorum_whatever_they_send() {
    let world = World::start().await;
    let aggregator = start_aggregator(&world, 5).await;
    let batch = world.publish(vec![vec![sample("fibonacci")]]);
    let task = world.create_for(&batch).await;
    until("the aggregator sees the task", || aggregator.signatures_view(task.id)).await;
    for (id, systems) in [(0, 1), (1, 1), (0, 1), (2, 2), (3, 2)] {
        let signer = u8::try_from(id).unwrap();
        post(&aggregator, task.id, &answer(&world, task.id, id, signer, systems)).await.unwrap();
    }
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let view = aggregator.signatures_view(task.id).await.unwrap();
    assert_eq!((view.answers.len(), view.response, view.status.as_str()), (2, None, "open"));
    assert!(!world.is_verified(&batch, 0, 0).await);
}
