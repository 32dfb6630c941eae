//! The SDK against the real service: from the deposit to the app on chain that acts on the proof, and what happens when the service
//! stops in between.

use std::{path::Path, time::Duration};

use alloy::{primitives::B256, providers::Provider, sol_types::SolError};
use collimate_chain::anvil::development_signer;
use collimate_contracts::Petition;
use collimate_core::{Commitment, ProgramId};
use collimate_sdk::{
    Accepted, Amount, Client, GatewayError, ProblemCode, ProofStatus, ProofUpload, RunHint,
    SdkError, Signer,
};
use collimate_verifiers::{ProgramKey, ProofSystem, Submission, sp1::Sp1Compressed};

use crate::service::Service;

const LIMIT: Duration = Duration::from_secs(60);

/// A real proof of this repository, with its public values.
fn real(name: &str) -> (ProofUpload, ProgramId, Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proofs");
    let read = |extension: &str| std::fs::read(folder.join(format!("{name}.{extension}"))).unwrap();
    let (proof, key) = (read("proof"), read("vk"));
    let submission = Submission {
        proof: proof.clone(),
        key: ProgramKey::VerifyingKey(key.clone()),
        public_values: None,
    };
    let verified = Sp1Compressed::default().verify(&submission).unwrap();
    let upload = ProofUpload::new(proof, verified.program_id)
        .with_verifying_key(key)
        .with_public_values(&verified.public_values);
    (upload, verified.program_id, verified.public_values)
}

async fn buy(service: &Service, client: &Client, signer: &Signer, credits: u64) {
    let offer = client.payments().await.unwrap().offer().await.unwrap();
    let order = offer.order(signer.address(), Amount::Credits(credits)).unwrap();
    let journal = service.folder.path().join("journal");
    let payer = client.payer(signer.clone(), &journal).await.unwrap();
    payer.buy(&order).await.unwrap();
    payer.stop().await;
    let gateway = client.gateway().unwrap();
    gateway.wait_for_credits(signer.address(), credits, LIMIT).await.unwrap();
}

async fn submit(
    client: &Client,
    upload: &ProofUpload,
    signer: &Signer,
) -> Result<Accepted, GatewayError> {
    client.gateway().unwrap().submit(upload, signer, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_deposit_to_an_app_that_acts_on_the_proof() {
    let service = Service::start().await;
    let client = service.client();
    let gateway = client.gateway().unwrap();
    let alice = development_signer(1).unwrap();
    let (upload, program_id, public_values) = real("merkle_membership");

    // Nothing is taken from who has nothing.
    let error = submit(&client, &upload, &alice).await.unwrap_err();
    assert!(error.is(ProblemCode::NoCredit), "{error}");
    buy(&service, &client, &alice, 3).await;

    let accepted = submit(&client, &upload, &alice).await.unwrap();
    let id = accepted.answer.id;
    assert!(accepted.paid && accepted.next_nonce == 1);
    let receipt = accepted.answer.receipt.clone().unwrap();
    assert_eq!((receipt.account, receipt.nonce), (alice.address(), 0));

    // The same again is the same, and costs nothing.
    let again = submit(&client, &upload, &alice).await.unwrap();
    assert!(!again.paid);
    assert_eq!(again.answer.receipt, accepted.answer.receipt);
    let account = gateway.account(alice.address()).await.unwrap();
    assert_eq!((account.credits, account.nonce), (2, 1));
    let quota = gateway.quota(alice.address()).await.unwrap();
    assert_eq!((quota.total, quota.spent, quota.remaining), (3, 1, 2));
    let second = submit(&client, &real("fibonacci").0, &alice).await.unwrap();
    assert_eq!(second.next_nonce, 2);

    // Not yet.
    let early = client.inclusion(&id, None).await.unwrap_err();
    assert_eq!(early.code(), "GTW-012", "{early}");

    let mut seen = vec![];
    let mut note = |event: &collimate_sdk::ProofEvent| seen.push(event.status);
    let waiting = gateway.wait(&id, ProofStatus::Final, LIMIT, &mut note);
    let (waited, root) = tokio::join!(waiting, async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        service.aggregate().await
    });
    assert_eq!(waited.unwrap().status, ProofStatus::Final);
    assert_eq!(seen.first(), Some(&ProofStatus::Queued));
    assert_eq!(seen.last(), Some(&ProofStatus::Final));

    let commitment = Commitment::new(&public_values, &program_id);
    let (inclusion, run) = client.inclusion(&id, Some(&commitment)).await.unwrap();
    assert_eq!((inclusion.root, run.root), (root, root));
    let other = client.inclusion(&second.answer.id, Some(&commitment)).await.unwrap_err();
    assert_eq!(other.code(), "SDK-040", "another proof's inclusion is not this one's");

    // The app on chain.
    let word = |at: usize| B256::from_slice(&public_values[at..at + 32]);
    let contract = service.profile.aggregation_service;
    let provider = &service.network.provider;
    let petition = Petition::deploy(provider, contract, program_id.0.into(), word(0), word(32));
    let petition = petition.await.unwrap();
    let path = inclusion.path.clone();
    let values = inclusion.public_values.clone();
    let sign = petition.sign(path.clone(), values.clone());
    assert!(sign.send().await.unwrap().get_receipt().await.unwrap().status());
    assert_eq!(petition.signatures().call().await.unwrap().to::<u64>(), 1);
    assert!(petition.hasSigned(word(64)).call().await.unwrap());
    let replayed = petition.sign(path, values).call().await.unwrap_err();
    let data = replayed.as_revert_data().unwrap();
    assert_eq!(Petition::AlreadyConsumed::abi_decode(&data).unwrap().key, word(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_loses_nothing_and_one_that_is_gone_is_not_needed() {
    let mut service = Service::start().await;
    let client = service.client();
    let gateway = client.gateway().unwrap().clone();
    let alice = development_signer(1).unwrap();
    let (upload, program_id, public_values) = real("fibonacci");
    buy(&service, &client, &alice, 1).await;
    let id = submit(&client, &upload, &alice).await.unwrap().answer.id;

    // The gateway is away for a while; who waits goes on waiting.
    let waiting = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.wait(&id, ProofStatus::Final, LIMIT, &mut |_| ()).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.close_gateway().await;
    service.aggregate().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    service.open_gateway().await;
    assert_eq!(waiting.await.unwrap().unwrap().status, ProofStatus::Final);
    let (inclusion, _) = client.inclusion(&id, None).await.unwrap();

    // It is gone for good: chain and blobs are enough.
    service.close_gateway().await;
    for hint in [
        RunHint::Unknown,
        RunHint::Root(inclusion.root),
        RunHint::Transaction(inclusion.transaction),
    ] {
        let values = public_values.clone().into();
        let (bundle, _) = client.rebuild_inclusion(program_id, values, hint).await.unwrap();
        assert_eq!(bundle, inclusion.bundle, "{hint:?}");
    }
    let stranger = client.rebuild_inclusion(program_id, vec![1].into(), RunHint::Unknown).await;
    assert!(matches!(stranger.unwrap_err(), SdkError::NotFound { .. }));

    // A bundle is checked without the service, and against the contract that the verifier trusts.
    client.verify(&inclusion.bundle, None).await.unwrap();
    let mut elsewhere = service.profile.clone();
    let other = service.network.deployment.clone();
    let provider = service.network.provider.clone();
    let config = collimate_contracts::DeployConfig {
        program_id: other.program_id,
        verification: collimate_contracts::Sp1Verification::Hard(
            collimate_contracts::HardVerifier::Existing(other.sp1_verifier),
        ),
        risc0: None,
        payments: None,
        fast_mode: None,
    };
    let deployed = collimate_contracts::deploy(provider.clone(), &config).await.unwrap();
    elsewhere.aggregation_service = deployed.service;
    let stranger = Client::new(elsewhere, Default::default()).unwrap();
    assert_eq!(stranger.verify(&inclusion.bundle, None).await.unwrap_err().code(), "SDK-018");
    assert!(provider.get_block_number().await.unwrap() > 0);
}
