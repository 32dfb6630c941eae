//! Blobs: sent in the form that the network demands, re-priced as blob pools demand, and read back.

use crate::common::{BLOB_LOGGER, World, blob, done};
use alloy::primitives::{B256, Bytes, hex};
use async_trait::async_trait;
use collimate_chain::{
    ChainError,
    anvil::Mining,
    blobs::{AnvilBlobs, BeaconBlobs, BlobLocation, BlobReader, BlobSource},
    kzg::{Sidecar, versioned_hash},
    tx::{MAX_BLOBS, TxRequest},
};
use sha2::{Digest, Sha256};

async fn blob_request(key: &str, seeds: &[u8]) -> TxRequest {
    let blobs: Vec<Bytes> = seeds.iter().map(|seed| blob(*seed)).collect();
    let sidecar = Sidecar::compute(&blobs).await.expect("valid blobs");
    TxRequest::call(key, BLOB_LOGGER, vec![]).with_sidecar(sidecar)
}

/// One item of an RLP encoding: (is a list, payload, rest).
fn rlp(bytes: &[u8]) -> (bool, &[u8], &[u8]) {
    let first = bytes[0];
    let (is_list, header, length) = match first {
        0..=0x7f => return (false, &bytes[..1], &bytes[1..]),
        0x80..=0xb7 => (false, 1, usize::from(first - 0x80)),
        0xb8..=0xbf => (false, 1 + usize::from(first - 0xb7), number(bytes, first - 0xb7)),
        0xc0..=0xf7 => (true, 1, usize::from(first - 0xc0)),
        0xf8..=0xff => (true, 1 + usize::from(first - 0xf7), number(bytes, first - 0xf7)),
    };
    (is_list, &bytes[header..header + length], &bytes[header + length..])
}

fn number(bytes: &[u8], length: u8) -> usize {
    bytes[1..=usize::from(length)].iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

fn items(mut payload: &[u8]) -> Vec<(bool, &[u8])> {
    let mut items = Vec::new();
    while !payload.is_empty() {
        let (is_list, item, rest) = rlp(payload);
        items.push((is_list, item));
        payload = rest;
    }
    items
}

/// The sent bytes, read with a reader of our own: anvil accepts other forms, the network does not (EIP-7594, "networking").
#[tokio::test]
async fn the_sidecar_is_sent_with_cell_proofs() {
    let world = World::start(Mining::Every(1)).await;
    let receipt = world.manager.send(blob_request("a", &[1, 2]).await).await.expect("confirmed");

    let sent = hex::decode(&world.proxy.sent()[0]).unwrap();
    assert_eq!(sent[0], 3, "blob transaction type");
    let (is_list, wrapper, rest) = rlp(&sent[1..]);
    assert!(is_list && rest.is_empty());
    let wrapper = items(wrapper);
    assert_eq!(wrapper.len(), 5, "transaction, version, blobs, commitments, cell proofs");
    assert!(wrapper[0].0, "the transaction is a list");
    assert_eq!(wrapper[1], (false, [1].as_slice()), "wrapper version 1");
    let (blobs, commitments, proofs) =
        (items(wrapper[2].1), items(wrapper[3].1), items(wrapper[4].1));
    assert_eq!((blobs.len(), commitments.len(), proofs.len()), (2, 2, 2 * 128));
    assert_eq!(blobs[0].1, blob(1).as_ref());
    assert_eq!(blobs[1].1, blob(2).as_ref());
    assert!(proofs.iter().all(|(is_list, proof)| !is_list && proof.len() == 48));

    let hashes: Vec<B256> = commitments
        .iter()
        .map(|(_, commitment)| {
            let mut hash = B256::from_slice(&Sha256::digest(commitment));
            hash[0] = 1;
            hash
        })
        .collect();
    assert_eq!(receipt.blob_versioned_hashes, hashes);
    assert_eq!(receipt.logs[0].topics()[0], hashes[0], "BLOBHASH(0) in the contract");
    assert_eq!(receipt.blob_gas_used, 2 * 131_072);
    assert_eq!(items(wrapper[0].1)[10].1.len(), 2 * 33, "two versioned hashes in the transaction");
}

#[tokio::test]
async fn cell_proofs_are_valid_and_a_changed_one_is_not() {
    let sidecar = Sidecar::compute(&[blob(1), blob(2)]).await.expect("valid blobs");
    let settings = alloy::eips::eip4844::env_settings::EnvKzgSettings::Default;
    let hashes = sidecar.versioned_hashes();
    sidecar.as_eip7594().validate(&hashes, settings.get()).expect("valid");
    let mut changed = sidecar.as_eip7594().clone();
    changed.cell_proofs.swap(3, 200);
    changed.validate(&hashes, settings.get()).expect_err("proofs of other cells");
}

#[tokio::test]
async fn a_sidecar_survives_storage_and_damage_is_noticed() {
    let sidecar = Sidecar::compute(&[blob(9)]).await.expect("valid blob");
    let bytes = sidecar.to_bytes();
    assert_eq!(Sidecar::from_bytes(&bytes).expect("same"), sidecar);
    Sidecar::from_bytes(&bytes[..bytes.len() - 1]).expect_err("truncated");
    Sidecar::from_bytes(&[bytes.as_ref(), &[0]].concat()).expect_err("too long");
    Sidecar::from_bytes(&[]).expect_err("empty");
}

#[tokio::test]
async fn bad_blobs_are_named() {
    for (bytes, why) in [(vec![0; 131_071], "131071 bytes"), (vec![0xff; 131_072], "")] {
        let error = Sidecar::compute(&[blob(1), bytes.into()]).await.expect_err("bad blob");
        assert_eq!(error.code(), "CHN-040");
        let text = error.to_string();
        assert!(text.contains("blob 1 ") && text.contains(why), "{text}");
    }
}

#[tokio::test]
async fn a_stuck_blob_transaction_is_replaced_at_double_prices() {
    let world = World::start(Mining::Manual).await;
    let (manager, request) = (world.manager.clone(), blob_request("a", &[1]).await);
    let sending = tokio::spawn(async move { manager.send(request).await });
    world.attempt_in_pool("a", 1).await;
    world.raise_base_fee(4_000_000_000).await;
    world.attempt_in_pool("a", 2).await;
    world.mine(2).await;
    let receipt = done(sending).await.expect("confirmed");
    let record = world.record("a").await.unwrap();
    assert!(record.attempts.iter().any(|attempt| attempt.hash == receipt.transaction_hash));
    for pair in record.attempts.windows(2) {
        let (old, new) = (pair[0].fees, pair[1].fees);
        assert!(new.max_fee_per_gas >= 2 * old.max_fee_per_gas);
        assert!(new.max_priority_fee_per_gas >= 2 * old.max_priority_fee_per_gas);
        assert!(new.max_fee_per_blob_gas.unwrap() >= 2 * old.max_fee_per_blob_gas.unwrap());
    }
}

#[tokio::test]
async fn six_blobs_fit_and_seven_do_not() {
    let world = World::start(Mining::Every(1)).await;
    let six = blob_request("six", &[1, 2, 3, 4, 5, 6]).await;
    let receipt = world.manager.send(six).await.expect("confirmed");
    assert_eq!(receipt.blob_versioned_hashes.len(), MAX_BLOBS);
    let seven = blob_request("seven", &[1, 2, 3, 4, 5, 6, 7]).await;
    assert_eq!(world.manager.send(seven).await.expect_err("too many").code(), "CHN-034");
}

#[tokio::test]
async fn a_blob_transaction_resumes_from_its_stored_sidecar() {
    let world = World::start(Mining::Manual).await;
    let (manager, request) = (world.manager.clone(), blob_request("a", &[1]).await);
    let again = request.clone();
    let sending = tokio::spawn(async move { manager.send(request).await });
    let hash = world.attempt_in_pool("a", 1).await;
    world.manager.stop().await;
    done(sending).await.expect_err("stopped");
    crate::common::rpc(&world.node, "anvil_dropAllTransactions", serde_json::json!([])).await;
    let manager = world.restarted();
    assert_eq!(manager.resume().await.unwrap(), 1);
    assert_eq!(world.attempt_in_pool("a", 1).await, hash);
    world.mine(2).await;
    let receipt = manager.send(again).await.expect("confirmed");
    assert_eq!(receipt.transaction_hash, hash);
    assert_eq!(receipt.logs[0].topics()[0], versioned_hash(&blob(1)).unwrap());
}

#[tokio::test]
async fn blobs_are_read_back_from_either_source() {
    let world = World::start(Mining::Every(1)).await;
    let receipt = world.manager.send(blob_request("a", &[3, 4]).await).await.expect("confirmed");
    let hashes = receipt.blob_versioned_hashes.clone();
    let location = BlobLocation {
        block_number: receipt.block_number,
        block_timestamp: receipt.block_timestamp,
    };

    let anvil = BlobReader::new(vec![Box::new(AnvilBlobs::new(world.node.clone()))]);
    assert_eq!(anvil.read(location, &hashes).await.expect("found"), [blob(3), blob(4)]);
    let swapped = [hashes[1], hashes[0]];
    assert_eq!(anvil.read(location, &swapped).await.expect("found"), [blob(4), blob(3)]);

    // anvil's beacon interface takes block numbers for slots, so the time is made to fit.
    let genesis: serde_json::Value = alloy::transports::http::reqwest::get(format!(
        "{}/eth/v1/beacon/genesis",
        world.anvil.url()
    ))
    .await
    .unwrap()
    .json()
    .await
    .unwrap();
    let genesis: u64 = genesis["data"]["genesis_time"].as_str().unwrap().parse().unwrap();
    let slot_time = genesis + 12 * receipt.block_number;
    let beacon = BeaconBlobs::new(&world.anvil.url()).expect("url");
    let reader = BlobReader::new(vec![Box::new(beacon)]);
    let at = BlobLocation { block_timestamp: slot_time, ..location };
    assert_eq!(reader.read(at, &hashes).await.expect("found"), [blob(3), blob(4)]);

    let unknown = reader.read(at, &[B256::repeat_byte(1)]).await.expect_err("no such blob");
    assert_eq!(unknown.code(), "CHN-041");
}

/// A source that returns something valid that nobody asked for.
#[derive(Debug)]
struct Liar(Bytes);

#[async_trait]
impl BlobSource for Liar {
    async fn fetch(&self, _: BlobLocation, _: &[B256]) -> Result<Vec<Bytes>, ChainError> {
        Ok(vec![self.0.clone()])
    }
}

#[tokio::test]
async fn a_source_that_lies_is_passed_over() {
    let location = BlobLocation { block_number: 1, block_timestamp: 1 };
    let hash = versioned_hash(&blob(5)).unwrap();
    let dead = BeaconBlobs::new("http://127.0.0.1:9/s3cret").expect("url");
    let lies: Vec<Box<dyn BlobSource>> = vec![
        Box::new(dead),
        Box::new(Liar(blob(6))),
        Box::new(Liar(vec![0xff; 131_072].into())),
        Box::new(Liar(vec![1, 2, 3].into())),
    ];
    let error = BlobReader::new(lies).read(location, &[hash]).await.expect_err("only lies");
    assert_eq!(error.code(), "CHN-041");
    assert!(error.to_string().contains("CHN-042") && error.to_string().contains("CHN-043"));
    assert!(!error.to_string().contains("s3cret"), "{error}");

    let honest: Vec<Box<dyn BlobSource>> = vec![Box::new(Liar(blob(6))), Box::new(Liar(blob(5)))];
    let read = BlobReader::new(honest).read(location, &[hash]).await;
    assert_eq!(read.expect("the second source"), [blob(5)]);
}
