//! Runs on a real node: found, read back from their blobs, and asked about.

use crate::network::{Network, commitments, program};
use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use collimate_chain::{
    blobs::{BeaconBlobs, BlobReader},
    provider::{Timeouts, connect},
};
use collimate_core::{Commitment, tree};
use collimate_sdk::{Aggregation, InclusionBundle};

async fn client(network: &Network) -> Aggregation {
    let deployment = &network.deployment;
    let provider = connect(&network.anvil.url(), Timeouts::default()).unwrap();
    Aggregation::connect(provider, deployment.service, Some(deployment.chain_id)).await.unwrap()
}

#[tokio::test]
async fn every_proof_of_a_run_is_found_and_confirmed_and_no_forgery_is() {
    let network = Network::start().await;
    let aggregation = client(&network).await;
    let (transaction, root) = network.register(&commitments(0..5)).await;
    let (_, other_root) = network.register(&commitments(10..13)).await;

    let run = aggregation.aggregation(root).await.unwrap();
    assert_eq!((run.leaf_count, run.transaction), (5, transaction));
    assert_eq!(aggregation.run_of_transaction(transaction).await.unwrap(), run);

    let content = aggregation.content(&run, &network.blobs()).await.unwrap();
    assert_eq!(content.commitments(), commitments(0..5));
    for number in 0..5 {
        let (program_id, values) = (program(number), number.to_be_bytes());
        let path = content.path(&commitments(number..number + 1)[0]).unwrap().siblings;
        let check = aggregation.check_inclusion(&path, &program_id, &values).await.unwrap();
        assert!(check.holds(), "{number}: {check:?}");
        // Under a path from another run it is not included.
        let other = aggregation.aggregation(other_root).await.unwrap();
        let other = aggregation.content(&other, &network.blobs()).await.unwrap();
        let path = other.path(&commitments(10..11)[0]).unwrap().siblings;
        assert!(!aggregation.verify_inclusion(&path, &program_id, &values).await.unwrap());
    }
    // Empty public values have a forgery too.
    let check = aggregation.check_inclusion(&[], &program(0), &[]).await.unwrap();
    assert!(!check.included && !check.altered_public_values && !check.other_program);
}

#[tokio::test]
async fn a_run_of_two_blobs_is_read_back_from_a_beacon_node() {
    let network = Network::start().await;
    let aggregation = client(&network).await;
    let published = commitments(0..3_970);
    let (_, root) = network.register(&published).await;
    let run = aggregation.aggregation(root).await.unwrap();
    assert_eq!(run.blob_hashes.len(), 2);
    // Anvil serves the beacon interface for blobs.
    let beacon = BlobReader::new(vec![Box::new(BeaconBlobs::new(&network.anvil.url()).unwrap())]);
    let content = aggregation.content(&run, &beacon).await.unwrap();
    assert_eq!(content.commitments(), published);
}

#[tokio::test]
async fn scanning_finds_runs_in_order_and_the_one_that_covers_a_proof() {
    let network = Network::start().await;
    let aggregation = client(&network).await;
    let from = network.deployment.block;
    let wanted = commitments(7..8)[0];
    let empty = aggregation.find(&wanted, from, None, &network.blobs()).await.unwrap_err();
    assert_eq!(empty.code(), "SDK-016");

    let (_, first) = network.register(&commitments(0..3)).await;
    let (_, second) = network.register(&commitments(6..9)).await;
    // More blocks than one request covers.
    network.provider.raw_request::<_, ()>("anvil_mine".into(), (U256::from(4_500),)).await.unwrap();
    let (_, third) = network.register(&commitments(20..21)).await;

    let runs = aggregation.runs_between(from, None).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.root).collect::<Vec<_>>(), [first, second, third]);
    let until = runs[1].block_number;
    assert_eq!(aggregation.runs_between(from, Some(until)).await.unwrap().len(), 2);
    assert_eq!(aggregation.runs_between(until, Some(until)).await.unwrap().len(), 1);
    assert_eq!(aggregation.runs_between(u64::MAX, None).await.unwrap_err().code(), "SDK-010");

    let (run, content) = aggregation.find(&wanted, from, None, &network.blobs()).await.unwrap();
    assert_eq!(run.root, second);
    assert!(content.path(&wanted).is_ok());

    let nowhere = commitments(99..100)[0];
    let error = aggregation.find(&nowhere, from, None, &network.blobs()).await.unwrap_err();
    assert_eq!(error.code(), "SDK-016");
    // Without any blob there is no answer, which is not the answer no.
    let no_source = BlobReader::new(Vec::new());
    let error = aggregation.find(&wanted, from, None, &no_source).await.unwrap_err();
    assert_eq!(error.code(), "SDK-020");
    assert!(!error.denies());
}

#[tokio::test]
async fn a_run_is_soft_until_its_proof_arrives() {
    let network = Network::with_two_guarantees().await;
    let aggregation = client(&network).await;
    let (_, root) = network.register(&commitments(0..5)).await;
    let run = aggregation.aggregation(root).await.unwrap();
    let content = aggregation.content(&run, &network.blobs()).await.unwrap();
    let path = content.path(&commitments(3..4)[0]).unwrap().siblings;
    let (program_id, values) = (program(3), 3_u32.to_be_bytes());
    assert!(aggregation.verify_inclusion(&path, &program_id, &values).await.unwrap());
    assert!(!aggregation.verify_inclusion_hard(&path, &program_id, &values).await.unwrap());
    assert_eq!(aggregation.hard_since(root).await.unwrap(), None);

    network.harden(&commitments(0..5), false).await;
    assert!(aggregation.verify_inclusion_hard(&path, &program_id, &values).await.unwrap());
    assert!(!aggregation.verify_inclusion_hard(&path, &program(4), &values).await.unwrap());
    assert!(aggregation.hard_since(root).await.unwrap() > Some(run.block_number));
    assert_eq!(aggregation.aggregation(root).await.unwrap(), run, "the run is where it was");
}

#[tokio::test]
async fn a_proven_run_takes_the_place_of_what_operators_signed_falsely() {
    let network = Network::with_two_guarantees().await;
    let aggregation = client(&network).await;
    let truth = commitments(0..5);
    let proven = network.register(&commitments(20..22)).await.1;
    let leaves: Vec<_> = truth.iter().map(Commitment::leaf).collect();
    let root = tree::root(&leaves).unwrap().into();
    network.register_root(root, &commitments(10..13)).await;
    let signed = aggregation.aggregation(root).await.unwrap();
    let error = aggregation.content(&signed, &network.blobs()).await.unwrap_err();
    assert_eq!(error.code(), "SDK-013");

    network.harden(&truth, true).await;
    let run = aggregation.aggregation(root).await.unwrap();
    let content = aggregation.content(&run, &network.blobs()).await.unwrap();
    assert_eq!(content.commitments(), truth);
    let from = network.deployment.block;
    let runs = aggregation.runs_between(from, None).await.unwrap();
    assert_eq!(runs.iter().map(|run| run.root).collect::<Vec<_>>(), [proven, root]);
    assert_eq!(runs[1], run);
    let earlier = aggregation.runs_between(from, Some(signed.block_number)).await.unwrap();
    assert_eq!(earlier.len(), 1, "what was signed falsely is no run any more");
}

#[tokio::test]
async fn a_run_that_published_other_commitments_is_named() {
    let network = Network::start().await;
    let aggregation = client(&network).await;
    let (_, root) = network.register_root(B256::repeat_byte(9), &commitments(0..3)).await;
    let run = aggregation.aggregation(root).await.unwrap();
    let error = aggregation.content(&run, &network.blobs()).await.unwrap_err();
    assert_eq!(error.code(), "SDK-013");
    assert!(error.denies());
}

#[tokio::test]
async fn a_bundle_holds_against_its_contract_only_as_it_was_made() {
    let network = Network::start().await;
    let aggregation = client(&network).await;
    let (_, root) = network.register(&commitments(0..5)).await;
    let run = aggregation.aggregation(root).await.unwrap();
    let content = aggregation.content(&run, &network.blobs()).await.unwrap();
    let path = content.path(&commitments(3..4)[0]).unwrap();
    let values = 3_u32.to_be_bytes().to_vec();
    let bundle = InclusionBundle::new(&run, program(3), values.into(), &path).unwrap();
    assert_eq!(aggregation.verify_bundle(&bundle).await.unwrap(), run);

    let alterations: [fn(&mut InclusionBundle); 6] = [
        |bundle| bundle.chain_id += 1,
        |bundle| bundle.contract = Address::ZERO,
        |bundle| bundle.leaf_count = 6,
        |bundle| bundle.block_number += 1,
        |bundle| bundle.transaction = B256::ZERO,
        |bundle| bundle.blob_hashes = vec![B256::ZERO],
    ];
    for (number, alter) in alterations.into_iter().enumerate() {
        let mut altered = bundle.clone();
        alter(&mut altered);
        let error = aggregation.verify_bundle(&altered).await.unwrap_err();
        assert_eq!(error.code(), "SDK-018", "{number}: {error}");
    }
    // A tree of the attacker's own, consistent in itself.
    let mut forged = bundle.clone();
    forged.path = vec![B256::repeat_byte(1)];
    forged.root = collimate_sdk::root_of_path(&forged.commitment, &forged.path);
    assert_eq!(aggregation.verify_bundle(&forged).await.unwrap_err().code(), "SDK-002");
}

#[tokio::test]
async fn wrong_addresses_chains_and_hashes_are_told_apart() {
    let network = Network::start().await;
    let provider = connect(&network.anvil.url(), Timeouts::default()).unwrap();
    let deployment = &network.deployment;
    let connect = |contract, chain| Aggregation::connect(provider.clone(), contract, chain);
    let code = |result: Result<Aggregation, collimate_sdk::SdkError>| result.unwrap_err().code();
    assert_eq!(code(connect(deployment.service, Some(1)).await), "CHN-003");
    assert_eq!(code(connect(Address::repeat_byte(5), None).await), "SDK-003");
    // The fake verifier answers every call with nothing.
    assert_eq!(code(connect(deployment.sp1_verifier, None).await), "SDK-004");

    let aggregation = connect(deployment.service, None).await.unwrap();
    let unknown = B256::repeat_byte(3);
    assert_eq!(aggregation.aggregation(unknown).await.unwrap_err().code(), "SDK-002");
    assert_eq!(aggregation.run_of_transaction(unknown).await.unwrap_err().code(), "SDK-007");
    let transfer = TransactionRequest::default().with_to(Address::repeat_byte(4));
    let receipt = network.provider.send_transaction(transfer).await.unwrap();
    let transfer = receipt.get_receipt().await.unwrap().transaction_hash;
    assert_eq!(aggregation.run_of_transaction(transfer).await.unwrap_err().code(), "SDK-008");
}

#[tokio::test]
async fn a_dead_node_is_an_error_without_its_access_key() {
    // Port 9 (discard) is not served on test machines.
    let provider = connect("http://127.0.0.1:9/s3cret", Timeouts::default()).unwrap();
    let error = Aggregation::connect(provider, Address::ZERO, None).await.unwrap_err();
    assert_eq!(error.code(), "CHN-001");
    assert!(!error.denies());
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
