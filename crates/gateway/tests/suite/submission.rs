use alloy::{primitives::Address, signers::local::PrivateKeySigner};
use collimate_api::{
    ProblemCode, ProofAnswer, ProofStatus, SigningDomain, Submitted, Verdict,
    paths::{self, field},
};
use collimate_objects::Key;

use crate::support::{
    CHAIN, PAYMENTS, World, authorisation, now, sample, signed, signed_in, submission,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_verified_paid_queued_and_receipted() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 2).await;
    let fibonacci = sample("fibonacci");
    let accepted = world.accepted(&signed(&fibonacci, &alice, 0)).await;

    assert_eq!((accepted.verdict, accepted.status), (Verdict::Verified, ProofStatus::Queued));
    assert_eq!(accepted.program_id, fibonacci.program_id());
    assert_eq!(accepted.proof_hash.0, Key::of(&fibonacci.proof).0);
    assert_eq!(world.purse(alice.address()).await, (1, 1));
    let stored = world.objects.get(&Key(accepted.proof_hash.0), 4 << 20).await.unwrap();
    assert_eq!(stored, fibonacci.proof);

    let receipt = accepted.receipt.clone().unwrap();
    let domain = SigningDomain { chain_id: CHAIN, payment_service: PAYMENTS };
    assert_eq!(receipt.recover(&domain), Ok(world.gateway.receipt_signer));
    assert_eq!((receipt.proof_id, receipt.commitment), (accepted.id, accepted.commitment));
    assert_eq!((receipt.account, receipt.nonce), (alice.address(), 0));
    assert!(receipt.deadline > now() + 3600);

    let proof: ProofAnswer = world.get(&paths::proof(&accepted.id)).await;
    assert_eq!((proof.status, proof.ahead), (ProofStatus::Queued, Some(0)));
    assert_eq!((proof.account, proof.nonce), (Some(alice.address()), Some(0)));
    assert_eq!(proof.position, Some(receipt.position));

    // A program that is known needs no key; its next proof is behind the first.
    let second = world.accepted(&signed(&sample("sha256_preimage"), &alice, 1)).await;
    assert!(second.receipt.unwrap().position > receipt.position);
    let proof: ProofAnswer = world.get(&paths::proof(&second.id)).await;
    assert_eq!(proof.ahead, Some(1));
    assert_eq!(world.purse(alice.address()).await, (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_same_answer_for_one_credit() {
    let world = World::start().await;
    let (alice, bob) = (PrivateKeySigner::random(), PrivateKeySigner::random());
    world.credit(alice.address(), 5).await;
    let request = signed(&sample("fibonacci"), &alice, 0);
    let first = world.accepted(&request).await;
    assert_eq!(world.accepted(&request).await, first);
    // Also with a nonce or a deadline that would be wrong now, and from somebody who never paid: nothing is spent.
    assert_eq!(world.accepted(&signed(&request.sample, &alice, 7)).await, first);
    assert_eq!(world.accepted(&signed(&request.sample, &bob, 0)).await, first);
    let domain = SigningDomain { chain_id: CHAIN, payment_service: PAYMENTS };
    let late = signed_in(domain, &request.sample, &alice, 0, now() - 1);
    assert_eq!(world.accepted(&late).await, first);
    assert_eq!(world.accepted(&request.clone().by_program_id()).await, first);
    assert_eq!(world.purse(alice.address()).await, (4, 1));
    assert_eq!(world.purse(bob.address()).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_many_times_at_once_costs_one_credit() {
    let world = World::start().await;
    let second = world.another(crate::support::quick()).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 5).await;
    let request = signed(&sample("fibonacci"), &alice, 0);
    let answers = futures::future::join_all((0..12).map(|n| {
        let gateway = if n % 2 == 0 { &world.gateway } else { &second };
        world.send_to(gateway, &request)
    }))
    .await;
    let mut distinct = std::collections::HashSet::new();
    for answer in answers {
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{text}");
        let answer: Submitted = serde_json::from_str(&text).unwrap();
        let receipt = answer.receipt.unwrap();
        distinct.insert((answer.id, receipt.position, receipt.signature, receipt.deadline));
    }
    assert_eq!(distinct.len(), 1, "one proof, one promise");
    assert_eq!(world.purse(alice.address()).await, (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_proofs_with_one_nonce_one_is_taken() {
    let world = World::start().await;
    let second = world.another(crate::support::quick()).await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 5).await;
    let one = signed(&sample("fibonacci"), &alice, 0);
    let other = signed(&sample("sha256_preimage"), &alice, 0);
    let (a, b) = tokio::join!(world.send(&one), world.send_to(&second, &other));
    let (taken, refused) = if a.status() == 200 { (a, b) } else { (b, a) };
    assert_eq!(taken.status(), 200);
    let problem = crate::support::problem(refused, ProblemCode::WrongNonce).await;
    assert_eq!(problem.expected_nonce, Some(1));
    assert_eq!(world.purse(alice.address()).await, (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_did_not_sign_this_for_here_spends_nothing() {
    let world = World::start().await;
    let (alice, mallory) = (PrivateKeySigner::random(), PrivateKeySigner::random());
    world.credit(alice.address(), 5).await;
    let (fibonacci, preimage) = (sample("fibonacci"), sample("sha256_preimage"));
    let here = SigningDomain { chain_id: CHAIN, payment_service: PAYMENTS };
    let good = || signed(&fibonacci, &alice, 0);
    let in_domain = |domain| signed_in(domain, &fibonacci, &alice, 0, now() + 600);
    let alices = alice.address().to_string();

    // Alice has credits, so that these might be a contract's signatures: the node is asked, and it is away. Nothing is believed.
    let foreign = [
        signed(&fibonacci, &mallory, 0).with(field::ADDRESS, Some(&alices)),
        in_domain(SigningDomain { chain_id: 1, ..here }),
        in_domain(SigningDomain { payment_service: Address::repeat_byte(0xcd), ..here }),
        good().with(field::DEADLINE, Some(&(now() + 9999).to_string())),
        crate::support::Submission { sample: preimage, ..good() },
    ];
    for request in foreign {
        world.refused(&request, ProblemCode::NodeAway).await;
    }
    // An altered nonce is wrong before anybody is asked.
    world.refused(&good().with(field::NONCE, Some("1")), ProblemCode::WrongNonce).await;
    // Who has no credits is not worth a question.
    let strangers = mallory.address().to_string();
    let request = good().with(field::ADDRESS, Some(&strangers));
    world.refused(&request, ProblemCode::BadSignature).await;
    let zeros = submission(&fibonacci, mallory.address(), 0, now() + 600, &[0; 65]);
    world.refused(&zeros, ProblemCode::BadSignature).await;

    let expired = signed_in(here, &fibonacci, &alice, 0, now() - 5);
    world.refused(&expired, ProblemCode::Expired).await;
    let wrong = world.refused(&signed(&fibonacci, &alice, 3), ProblemCode::WrongNonce).await;
    assert_eq!(wrong.expected_nonce, Some(0));
    assert_eq!(world.purse(alice.address()).await, (5, 0));
    assert_eq!(authorisation(&fibonacci, 0, 0).proofSystem, "sp1");
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_have_to_be_there_confirmed_and_unexpired() {
    let world = World::start().await;
    let fibonacci = sample("fibonacci");
    let [nobody, waiting, late] = [0; 3].map(|_| PrivateKeySigner::random());
    world.pay(late.address(), 5, now() - 1, true).await;
    world.pay(waiting.address(), 5, now() + 600, false).await;
    world.refused(&signed(&fibonacci, &nobody, 0), ProblemCode::NoCredit).await;
    world.refused(&signed(&fibonacci, &late, 0), ProblemCode::NoCredit).await;
    let problem = world.refused(&signed(&fibonacci, &waiting, 0), ProblemCode::NoCredit).await;
    assert!(problem.detail.contains("5 wait"), "{problem}");
    assert_eq!(world.account(waiting.address()).await.unconfirmed, 5);
    assert!(world.store.proofs_page(None, None, 1).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_proof_costs_nothing_and_is_refused_from_memory_the_next_time() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 1).await;
    let forged = signed(&sample("fibonacci").forged(), &alice, 0);
    let problem = world.refused(&forged, ProblemCode::ProofRejected).await;
    assert!(problem.verifier_code.unwrap().starts_with("VER-"));
    world.refused(&forged, ProblemCode::ProofRejected).await;
    // A proof of another program than the key's, and other public values than it has.
    let preimage = sample("sha256_preimage");
    let mixed = crate::support::Sample { vk: preimage.vk, ..sample("fibonacci") };
    let problem = world.refused(&signed(&mixed, &alice, 0), ProblemCode::ProofRejected).await;
    assert_eq!(problem.verifier_code.as_deref(), Some("VER-007"));
    let claims = signed(&sample("fibonacci"), &alice, 0).with(field::PUBLIC_VALUES, Some("others"));
    let problem = world.refused(&claims, ProblemCode::ProofRejected).await;
    assert_eq!(problem.verifier_code.as_deref(), Some("VER-008"));
    assert_eq!(world.purse(alice.address()).await, (1, 0));
    let metrics = world.http.get(world.url(paths::METRICS)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("collimate_gateway_verification_seconds_count 3"), "{metrics}");
    // The honest proof still goes through with the nonce that nothing spent.
    world.accepted(&signed(&sample("fibonacci"), &alice, 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_may_be_named_by_its_id_once_its_key_is_known() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 2).await;
    let request = signed(&sample("fibonacci"), &alice, 0);
    let problem =
        world.refused(&request.clone().by_program_id(), ProblemCode::UnknownProgram).await;
    assert!(problem.detail.contains("vk"), "{problem}");
    let other = sample("sha256_preimage").program_id().to_string();
    let contradicting = request.clone().with(field::PROGRAM_ID, Some(&other));
    world.refused(&contradicting, ProblemCode::UnknownProgram).await;
    world.accepted(&request).await;
    world.accepted(&request.by_program_id()).await;
    assert_eq!(world.purse(alice.address()).await, (1, 1));
}
