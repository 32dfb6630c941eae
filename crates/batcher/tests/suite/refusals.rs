//! What is refused at the door, with which code; and that a refusal changes nothing.

use alloy::{
    primitives::{Address, B256},
    providers::ext::AnvilApi,
    signers::SignerSync,
};
use collimate_api::fast::{BatcherProblemCode as Code, GROUPS, Wei, field};
use collimate_batch::Part;
use collimate_contracts::fast_mode::ProofAuthorization;
use reqwest::multipart::Form;

use crate::{
    group::{MAX_FEE, Request, group, message, now, problem, signed},
    samples::sample,
    services::{hoarding, start_with},
    support::network::until,
    world::{CHAIN, ETHER, World, user},
};

#[tokio::test(flavor = "multi_thread")]
async fn proofs_that_do_not_hold_are_named_with_the_verifiers_code() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let honest = sample(0);
    let middle = honest.proof.len() / 2;
    let mut forged = honest.proof.to_vec();
    forged[middle] ^= 1;
    let truncated = honest.proof[..honest.proof.len() - 1].to_vec();
    let mut inputs = honest.public_inputs.to_vec();
    let last = inputs.len() - 1;
    inputs[last] ^= 1;
    let swapped = sample(1);
    let bad = [
        honest.clone().with_proof(forged),
        honest.clone().with_proof(truncated),
        honest.clone().with_proof(vec![]),
        honest.clone().with_public_inputs(inputs),
        honest.clone().with_proof(swapped.proof.to_vec()),
    ];
    for (number, bad) in bad.into_iter().enumerate() {
        // Behind one that holds: the item is named.
        let request = group(&world, &alice, 0, &[sample(2), bad]);
        let problem = world.refused(&batcher, &request, Code::ProofRejected).await;
        assert_eq!(problem.item, Some(1), "{number}: {problem}");
        assert!(problem.verifier_code.unwrap().starts_with("VER-"), "{number}");
    }
    // A proof of another program than the one that is named.
    let mut request = group(&world, &alice, 0, std::slice::from_ref(&honest));
    let mut other = honest.clone();
    other.item.program_id = sample(1).item.program_id;
    let relabelled = group(&world, &alice, 0, &[other]);
    let problem = world.refused(&batcher, &relabelled, Code::ProofRejected).await;
    assert_eq!(problem.verifier_code.as_deref(), Some("VER-007"));
    let account = world.account(&batcher, alice.address()).await;
    assert_eq!((account.next_nonce, account.pending_groups, account.reserved), (0, 0, Wei(0)));
    // Nothing of it stands in the way of the honest one.
    request.files.rotate_left(1);
    world.accepted(&batcher, &request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_are_not_what_was_signed_are_refused() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    // Somebody who could pay, and did not sign.
    world.deposit(user(2).address(), ETHER).await;
    let all = [sample(0), sample(1), sample(2)];
    let honest = group(&world, &alice, 0, &all);
    let spoil = |change: &dyn Fn(&mut Request)| {
        let mut request = honest.clone();
        change(&mut request);
        request
    };
    for (number, (request, code)) in [
        // Other items than the root's.
        (spoil(&|request| request.items.swap(0, 2)), Code::WrongGroup),
        (spoil(&|request| request.items.truncate(1)), Code::WrongGroup),
        (spoil(&|request| request.items[0].generator = Address::repeat_byte(1)), Code::WrongGroup),
        (spoil(&|request| request.authorization.proof_count = 4), Code::WrongGroup),
        (spoil(&|request| request.items.clear()), Code::WrongGroup),
        // Other fields than those that were signed.
        (spoil(&|request| request.authorization.max_fee.0 += 1), Code::BadSignature),
        (spoil(&|request| request.authorization.deadline += 1), Code::BadSignature),
        (spoil(&|request| request.authorization.user = user(2).address()), Code::BadSignature),
        (
            spoil(&|request| request.authorization.signature = vec![7; 65].into()),
            Code::BadSignature,
        ),
        (spoil(&|request| request.authorization.signature = vec![].into()), Code::BadSignature),
        (spoil(&|request| request.authorization.signature = vec![7; 5_000].into()), Code::TooLarge),
        (spoil(&|request| request.authorization.batcher = Address::ZERO), Code::WrongBatcher),
        // A proof system that there is not, and one that is not taken.
        (spoil(&|request| request.items[1].proving_system = 95), Code::UnsupportedSystem),
        (spoil(&|request| request.items[1].proving_system = 300), Code::UnsupportedSystem),
        // Sizes that no such proof has.
        (spoil(&|request| request.items[0].proof.bytes = 1 << 40), Code::TooLarge),
        (spoil(&|request| request.items[0].public_inputs.bytes = 1 << 20), Code::TooLarge),
    ]
    .into_iter()
    .enumerate()
    {
        let problem = world.refused(&batcher, &request, code).await;
        assert!(!problem.detail.is_empty(), "{number}");
    }
    let twice = group(&world, &alice, 0, &[sample(0), sample(0)]);
    world.refused(&batcher, &twice, Code::WrongGroup).await;
    world.accepted(&batcher, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_for_other_chains_contracts_and_batchers_are_worth_nothing() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let proofs = [sample(0)];
    let message = message(&world, alice.address(), 0, MAX_FEE, &proofs);
    for digest in [
        message.digest(1, world.payments),
        message.digest(CHAIN, world.manager),
        ProofAuthorization { batcher: Address::repeat_byte(9), ..message.clone() }
            .digest(CHAIN, world.payments),
    ] {
        let mut request = signed(&world, &alice, message.clone(), &proofs);
        let signature = alice.sign_hash_sync(&digest).unwrap().as_bytes().to_vec();
        request.authorization.signature = signature.into();
        world.refused(&batcher, &request, Code::BadSignature).await;
    }
    let foreign = ProofAuthorization { batcher: Address::repeat_byte(9), ..message };
    let request = signed(&world, &alice, foreign, &proofs);
    world.refused(&batcher, &request, Code::WrongBatcher).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_pay_is_told_what_is_missing() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let (alice, proofs) = (user(1), [sample(0)]);
    let with = |nonce: u64, fee: u128| {
        let message = message(&world, alice.address(), nonce, fee, &proofs);
        signed(&world, &alice, message, &proofs)
    };
    world.refused(&batcher, &with(0, MAX_FEE), Code::BalanceTooLow).await;
    world.deposit(alice.address(), MAX_FEE - 1).await;
    world.refused(&batcher, &with(0, MAX_FEE), Code::BalanceTooLow).await;
    world.deposit(alice.address(), 1).await;
    let problem = world.refused(&batcher, &with(1, MAX_FEE), Code::WrongNonce).await;
    assert_eq!(problem.expected_nonce, Some(0));
    let problem = world.refused(&batcher, &with(0, 1), Code::FeeTooLow).await;
    let least = problem.min_max_fee.unwrap().0;
    assert!(least > 1 && least < MAX_FEE, "{least}");

    // Deadlines: over, too near, too far.
    for deadline in [0, now() - 1, now() + 5, now() + 30 * 24 * 3_600, u64::MAX] {
        let mut message = message(&world, alice.address(), 0, MAX_FEE, &proofs);
        message.deadline = deadline;
        let request = signed(&world, &alice, message, &proofs);
        world.refused(&batcher, &request, Code::BadDeadline).await;
    }
    world.accepted(&batcher, &with(0, MAX_FEE)).await;
    // All of the balance is reserved now.
    let account = world.account(&batcher, alice.address()).await;
    assert_eq!((account.balance, account.reserved), (Wei(MAX_FEE), Wei(MAX_FEE)));
    assert_eq!((account.next_nonce, account.chain_nonce, account.pending_groups), (1, 0, 1));
    world.refused(&batcher, &with(1, least * 2), Code::BalanceTooLow).await;
    let replayed = world.refused(&batcher, &with(0, least * 2), Code::WrongNonce).await;
    assert_eq!(replayed.expected_nonce, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_can_be_withdrawn_from_before_the_deadline_is_refused() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let proofs = [sample(0)];
    // The owner is a user here: it can send transactions.
    let owner = collimate_chain::anvil::development_signer(0).unwrap();
    world.deposit(world.owner, ETHER).await;
    let unlock = world.payments();
    let receipt = unlock.unlock(world.batcher).send().await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    let mut late = message(&world, world.owner, 0, MAX_FEE, &proofs);
    late.deadline = world.clock().await + 3_600;
    let late = signed(&world, owner.inner(), late, &proofs);
    world.refused(&batcher, &late, Code::Unlocked).await;
    let account = world.account(&batcher, world.owner).await;
    assert!(account.unlocked_from.is_some());
    let mut early = message(&world, world.owner, 0, MAX_FEE, &proofs);
    early.deadline = world.clock().await + 300;
    world.accepted(&batcher, &signed(&world, owner.inner(), early, &proofs)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_proof_system_is_not_taken_from_the_next_block_on() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let system = sample(0).item.proving_system;
    let disable = world.manager();
    let disable =
        disable.disableSystems(alloy::primitives::aliases::U96::from(1) << usize::from(system));
    assert!(disable.send().await.unwrap().get_receipt().await.unwrap().status());
    world.node.anvil_mine(Some(1), None).await.unwrap();
    until("it is not offered any more", || async {
        let info: collimate_api::fast::BatcherInfo =
            world.get(&batcher, collimate_api::fast::INFO).await;
        (!info.proving_systems.contains(&system)).then_some(())
    })
    .await;
    let request = group(&world, &alice, 0, &[sample(0)]);
    let problem = world.refused(&batcher, &request, Code::UnsupportedSystem).await;
    assert_eq!(problem.item, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_those_that_were_named_are_refused() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let honest = group(&world, &alice, 0, &[sample(0)]);
    let name = |request: &Request| request.files[0].0.clone();

    let mut other = honest.clone();
    let mut bytes = other.files[0].1.to_vec();
    bytes[0] ^= 1;
    other.files[0].1 = bytes.into();
    world.refused(&batcher, &other, Code::WrongFile).await;
    let mut long = honest.clone();
    long.files[0].1 = [&long.files[0].1[..], b"more"].concat().into();
    world.refused(&batcher, &long, Code::WrongFile).await;
    let mut short = honest.clone();
    short.files[0].1 = short.files[0].1.slice(1..);
    world.refused(&batcher, &short, Code::WrongFile).await;
    let mut missing = honest.clone();
    missing.files.remove(0);
    let problem = world.refused(&batcher, &missing, Code::Malformed).await;
    assert!(problem.detail.contains(&name(&honest)), "{problem}");
    let mut twice = honest.clone();
    twice.files.push(twice.files[0].clone());
    world.refused(&batcher, &twice, Code::Malformed).await;
    let mut unknown = honest.clone();
    unknown.files.push(("another".to_owned(), vec![1, 2, 3].into()));
    world.refused(&batcher, &unknown, Code::Malformed).await;
    // The keccak256 that the tree covers is not the file's.
    let mut samples = [sample(0)];
    samples[0].item.proof = Part { keccak256: B256::ZERO, ..samples[0].item.proof.clone() };
    let wrong_hash = group(&world, &alice, 0, &samples);
    world.refused(&batcher, &wrong_hash, Code::WrongFile).await;
    world.accepted(&batcher, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_are_none_are_refused() {
    let world = World::start().await;
    let batcher = start_with(&world, hoarding(&world)).await;
    let post = || world.http.post(format!("{}{GROUPS}", batcher.url));
    problem(post().json(&1).send().await.unwrap(), Code::UnsupportedMedia).await;
    let empty = world.send_form(&batcher, Form::new()).await;
    problem(empty, Code::Malformed).await;
    let authorization = || {
        let request = group(&world, &user(1), 0, &[sample(0)]);
        serde_json::to_string(&request.authorization).unwrap()
    };
    let cases = [
        (Form::new().text(field::ITEMS, "[]"), Code::Malformed),
        (Form::new().text(field::AUTHORIZATION, "{").text(field::ITEMS, "[]"), Code::Malformed),
        (Form::new().text(field::AUTHORIZATION, authorization()), Code::Malformed),
        (
            Form::new().text(field::AUTHORIZATION, authorization()).text(field::ITEMS, "{}"),
            Code::Malformed,
        ),
        (
            Form::new().text(field::AUTHORIZATION, authorization()).text(field::ITEMS, "[1]"),
            Code::Malformed,
        ),
        (Form::new().text(field::AUTHORIZATION, " ".repeat(100_000)), Code::TooLarge),
        (
            Form::new()
                .text(field::AUTHORIZATION, authorization())
                .text(field::ITEMS, " ".repeat(6 << 20)),
            Code::TooLarge,
        ),
    ];
    for (form, code) in cases {
        problem(world.send_form(&batcher, form).await, code).await;
    }
    let get = |path: &str| world.http.get(format!("{}{path}", batcher.url)).send();
    problem(get("/v1/batcher/nothing").await.unwrap(), Code::NotFound).await;
    problem(get(GROUPS).await.unwrap(), Code::WrongMethod).await;
    problem(get("/v1/batcher/groups/12").await.unwrap(), Code::Malformed).await;
    let unknown = collimate_api::fast::group(&B256::ZERO);
    problem(get(&unknown).await.unwrap(), Code::NotFound).await;
    problem(get(&format!("{unknown}/events")).await.unwrap(), Code::NotFound).await;
    problem(get("/v1/batcher/batches?limit=0").await.unwrap(), Code::Malformed).await;
}
