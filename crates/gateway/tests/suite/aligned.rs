//! A client of Aligned's gateway, as it is written: asks for its nonce, signs, posts, asks for its receipts.

use alloy::{
    primitives::hex,
    signers::{SignerSync, local::PrivateKeySigner},
};
use collimate_api::{
    NonceAnswer,
    aligned::{AlignedAnswer, AlignedReceipts, AlignedTask, signing_hash},
};
use collimate_gateway::GatewayConfig;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::support::{CHAIN, Sample, World, quick, sample};

fn form(sample: &Sample, nonce: u64, signer: &PrivateKeySigner, chain: u64) -> Form {
    let hash = signing_hash(chain, nonce, &sample.proof, &sample.vk);
    let signature = signer.sign_hash_sync(&hash).unwrap();
    Form::new()
        .text("nonce", nonce.to_string())
        .part("proof", Part::bytes(sample.proof.clone()).file_name("proof.bin"))
        .part("program_vk", Part::bytes(sample.vk.clone()).file_name("program_vk.bin"))
        .text("signature_hex", hex::encode(signature.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn its_clients_are_served_in_its_form() {
    let world = World::start().await;
    let alice = PrivateKeySigner::random();
    world.credit(alice.address(), 2).await;
    let post = |form| world.http.post(world.url("/proof/sp1")).multipart(form).send();
    let nonce: AlignedAnswer<NonceAnswer> = world.get(&format!("/nonce/{}", alice.address())).await;
    assert_eq!((nonce.status, nonce.data.nonce), (200, 0));

    let fibonacci = sample("fibonacci");
    let first = post(form(&fibonacci, 0, &alice, CHAIN)).await.unwrap();
    let first: AlignedAnswer<AlignedTask> = first.json().await.unwrap();
    assert_eq!(first.status, 200);
    let again = post(form(&fibonacci, 0, &alice, CHAIN)).await.unwrap();
    assert_eq!(again.json::<AlignedAnswer<AlignedTask>>().await.unwrap(), first);
    assert_eq!(world.purse(alice.address()).await, (1, 1));

    let path = format!("/receipts?address={}&nonce=0", alice.address());
    let receipts: AlignedAnswer<AlignedReceipts> = world.get(&path).await;
    let [receipt] = receipts.data.receipts.as_slice() else { panic!("{receipts:?}") };
    assert_eq!((receipt.status.as_str(), receipt.nonce), ("pending", 0));
    assert!(receipt.merkle_path.is_empty());

    // Refusals keep the form, with an HTTP status that says whose fault it is.
    let preimage = sample("sha256_preimage");
    let wrong_chain = form(&preimage, 1, &alice, 1);
    let cases = [
        (form(&preimage, 5, &alice, CHAIN), 409, "next nonce is 1"),
        (form(&preimage, 0, &PrivateKeySigner::random(), CHAIN), 402, "no credit"),
        // On another chain it recovers to somebody who never paid.
        (wrong_chain, 409, "GTW-008"),
        (form(&preimage, 1, &alice, CHAIN).text("signature_hex", "00"), 400, "twice"),
        (Form::new().text("nonce", "0"), 400, "no field proof"),
    ];
    for (form, status, message) in cases {
        let response = post(form).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        let answer: AlignedAnswer<Value> = response.json().await.unwrap();
        assert_eq!((answer.status, answer.data), (status, serde_json::json!({})));
        assert!(answer.message.contains(message), "{}", answer.message);
    }
    assert_eq!(world.purse(alice.address()).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn that_form_can_be_switched_off() {
    let world = World::start_with(GatewayConfig { aligned_form: false, ..quick() }).await;
    let alice = PrivateKeySigner::random();
    let form = form(&sample("fibonacci"), 0, &alice, CHAIN);
    let response = world.http.post(world.url("/proof/sp1")).multipart(form).send().await.unwrap();
    assert_eq!(response.status(), 404);
}
