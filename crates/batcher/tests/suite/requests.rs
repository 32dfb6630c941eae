//! Requests that are repeated, raced or too many; and what is told about accounts and prices.

use std::{convert::Infallible, num::NonZeroUsize, time::Duration};

use alloy::primitives::B256;
use bytes::Bytes;
use collimate_api::fast::{
    BatcherInfo, BatcherProblemCode as Code, BatcherReadiness, FEES, FeesAnswer, GROUPS,
    GroupStatus, INFO, Wei, field,
};
use collimate_batcher::Rate;
use futures::{future::join_all, stream};
use reqwest::{
    Body, StatusCode,
    multipart::{Form, Part},
};
use tokio::time::sleep;

use crate::{
    group::{MAX_FEE, group, message, problem, signed},
    samples::{sample, systems},
    services::{hoarding, start, start_with},
    world::{CHAIN, ETHER, World, user},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_same_answer_and_is_accepted_once() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let request = group(&world, &alice, 0, &[sample(0), sample(1)]);
    let first = world.accepted(&batcher, &request).await;
    assert_eq!(first.status, GroupStatus::Accepted);
    let signer = first.receipt.recover(CHAIN, world.payments).unwrap();
    assert_eq!(signer, world.batcher, "the batcher that the user named gives its word");
    assert_eq!(first.receipt.group_id, first.id);
    assert_eq!(first.commitments.len(), 2);
    assert_eq!(world.accepted(&batcher, &request).await, first);
    // Also after a restart, and of another process beside it.
    let another = start_with(&world, hoarding(&world)).await;
    assert_eq!(world.accepted(&another, &request).await, first);
    batcher.kill().await;
    assert_eq!(world.accepted(&another, &request).await, first);
    let account = world.account(&another, alice.address()).await;
    assert_eq!((account.next_nonce, account.reserved), (2, Wei(MAX_FEE)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_groups_that_race_for_a_nonce_one_wins() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let requests: Vec<_> =
        (1..9).map(|generator| group(&world, &alice, 0, &[sample(0).by(generator)])).collect();
    let answers = join_all(requests.iter().map(|request| world.send(&batcher, request))).await;
    let mut accepted = 0;
    for answer in answers {
        match answer.status() {
            StatusCode::OK => accepted += 1,
            _ => drop(problem(answer, Code::WrongNonce).await),
        }
    }
    assert_eq!(accepted, 1);
    // The same group many times at once is one group.
    let same = group(&world, &alice, 1, &[sample(1)]);
    let answers = join_all((0..6).map(|_| world.send(&batcher, &same))).await;
    assert!(answers.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(world.account(&batcher, alice.address()).await.next_nonce, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_is_told_when_to_come_back() {
    let world = World::start().await;
    let mut config = hoarding(&world);
    config.intake.max_pending_groups = 2;
    config.intake.account_rate = Some(Rate { per_second: 1, burst: 4 });
    let batcher = start_with(&world, config).await;
    let (alice, bob) = (user(1), user(2));
    world.deposit(alice.address(), ETHER).await;
    world.deposit(bob.address(), ETHER).await;
    for nonce in 0..2 {
        world.accepted(&batcher, &group(&world, &alice, nonce, &[sample(nonce as usize)])).await;
    }
    let third = group(&world, &alice, 2, &[sample(2)]);
    let problem = world.refused(&batcher, &third, Code::RateLimited).await;
    assert!(problem.retry_after.is_some());
    // Others are not concerned.
    world.accepted(&batcher, &group(&world, &bob, 0, &[sample(0)])).await;

    let mut config = hoarding(&world);
    config.intake.max_group_proofs = 2;
    config.intake.max_group_bytes = 3_000_000;
    config.intake.client_rate = Some(Rate { per_second: 1, burst: 3 });
    let strict = start_with(&world, config).await;
    let large = group(&world, &bob, 1, &[sample(0), sample(1), sample(2)]);
    world.refused(&strict, &large, Code::TooLarge).await;
    let get = || world.http.get(format!("{}{INFO}", strict.url)).send();
    let mut limited = None;
    for _ in 0..8 {
        let answer = get().await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            limited = Some(answer);
            break;
        }
    }
    let problem = crate::group::problem(limited.expect("a limit"), Code::RateLimited).await;
    assert!(problem.retry_after.is_some());
    // Health is asked by the operator's own machines.
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = world.http.get(format!("{}{path}", strict.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_service_says_so_and_does_not_wait_for_ever() {
    let world = World::start().await;
    let mut config = hoarding(&world);
    config.intake.max_waiting_groups = 1;
    config.intake.uploads = NonZeroUsize::MIN;
    let batcher = start_with(&world, config).await;
    let (alice, bob) = (user(1), user(2));
    world.deposit(alice.address(), ETHER).await;
    world.deposit(bob.address(), ETHER).await;
    world.accepted(&batcher, &group(&world, &alice, 0, &[sample(0)])).await;
    let problem = world.refused(&batcher, &group(&world, &bob, 0, &[sample(1)]), Code::Busy).await;
    assert!(problem.retry_after.is_some());
}

/// A byte at a time, never pausing long, for ever.
fn trickle() -> Part {
    let bytes = stream::unfold((), |()| async {
        sleep(Duration::from_millis(50)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    });
    Part::stream(Body::wrap_stream(bytes)).file_name("file")
}

/// Neither a stranger with the only turn, nor an account that could pay with all of the spool's room, keeps others waiting for the whole
/// time of an upload.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_byte_now_and_then_loses_turn_and_room_to_others() {
    let world = World::start().await;
    let (alice, bob) = (user(1), user(2));
    for user in [&alice, &bob] {
        world.deposit(user.address(), ETHER).await;
    }
    let large = group(&world, &alice, 0, &[sample(0), sample(1), sample(2)]);
    let bytes = large.files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
    let authorization = serde_json::to_string(&large.authorization).unwrap();
    let items = serde_json::to_string(&large.items).unwrap();
    let largest = large.files.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap().0.clone();
    let head = Form::new().part(field::AUTHORIZATION, trickle());
    let files = Form::new()
        .text(field::AUTHORIZATION, authorization)
        .text(field::ITEMS, items)
        .part(largest, trickle());
    for (number, form) in [head, files].into_iter().enumerate() {
        let mut config = hoarding(&world);
        config.intake.upload_timeout = Duration::from_secs(3_600);
        config.intake.idle_timeout = Duration::from_secs(1);
        config.intake.queue_timeout = Duration::from_secs(60);
        config.intake.max_group_bytes = bytes;
        config.intake.spool_bytes = bytes.next_multiple_of(1 << 10);
        if number == 0 {
            config.intake.uploads = NonZeroUsize::MIN;
        }
        let batcher = start_with(&world, config).await;
        let url = format!("{}{GROUPS}", batcher.url);
        let slow = tokio::spawn(world.http.post(url).multipart(form).send());
        // By then it has what it wants to keep.
        sleep(Duration::from_millis(500)).await;
        let honest = group(&world, &bob, number as u64, &[sample(number)]);
        world.accepted(&batcher, &honest).await;
        slow.abort();
        batcher.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_a_client_needs_to_know_before_it_signs() {
    let world = World::start().await;
    let batcher = start(&world).await;
    let info: BatcherInfo = world.get(&batcher, INFO).await;
    assert_eq!((info.chain_id, info.payment_service), (CHAIN, world.payments));
    assert_eq!((info.service_manager, info.batcher), (world.manager, world.batcher));
    let taken: Vec<u16> = systems().into_iter().map(|system| system.number()).collect();
    assert_eq!(info.proving_systems, taken);
    assert_eq!(info.limits.max_group_bytes, 256 << 20);
    let fees: FeesAnswer = world.get(&batcher, FEES).await;
    assert!(fees.min_fee_per_proof.0 > 0 && fees.instant_fee > fees.min_fee_per_proof);
    assert!(fees.last.is_empty());
    let ready: BatcherReadiness = world.get(&batcher, "/readyz").await;
    assert!(ready.ready && ready.database && ready.objects && ready.node);
    // What is quoted is taken.
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let proofs = [sample(0)];
    let message = message(&world, alice.address(), 0, fees.instant_fee.0, &proofs);
    let request = signed(&world, &alice, message, &proofs);
    let accepted = world.accepted(&batcher, &request).await;
    let group = world.reaches(&batcher, accepted.id, GroupStatus::Open).await;
    assert!(group.charged.unwrap() <= fees.instant_fee);
    let fees: FeesAnswer = world.get(&batcher, FEES).await;
    assert_eq!(fees.last.len(), 1);
    assert_eq!(fees.last[0].fee_per_proof, group.charged.unwrap());
    let text = world.http.get(format!("{}/metrics", batcher.url)).send().await.unwrap();
    let text = text.text().await.unwrap();
    assert!(text.contains("collimate_batcher_groups_accepted_total 1"), "{text}");
    assert!(text.contains("collimate_batcher_phase_seconds"), "{text}");
    assert_ne!(accepted.id, B256::ZERO);
    batcher.stop().await;
}
