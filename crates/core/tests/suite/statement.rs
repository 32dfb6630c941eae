//! Public values: exactly what a Solidity `abi.encode` makes, and nothing else, is read.

use collimate_core::{
    Error, MAX_PROOFS_PER_RUN, keccak256,
    statement::{ChunkStatement, RunStatement, blobs_hash, versioned_hash},
};

fn word(number: u64) -> [u8; 32] {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

fn chunk() -> ChunkStatement {
    ChunkStatement { root: [0xaa; 32], leaf_count: 0x1234 }
}

fn run() -> RunStatement {
    RunStatement { root: [0xaa; 32], leaf_count: 0x1234, blobs_hash: [0xbb; 32] }
}

#[test]
fn statements_are_abi_words() {
    let words = [word(1), [0xaa; 32], word(0x1234), [0xbb; 32]];
    assert_eq!(chunk().abi_encode(), words[..3].concat());
    assert_eq!(run().abi_encode(), words.concat());
    assert_eq!(chunk().abi_encode().len(), ChunkStatement::ENCODED_BYTES);
    assert_eq!(run().abi_encode().len(), RunStatement::ENCODED_BYTES);
    assert_eq!(ChunkStatement::abi_decode(&chunk().abi_encode()), Ok(chunk()));
    assert_eq!(RunStatement::abi_decode(&run().abi_encode()), Ok(run()));
}

#[test]
fn statements_of_another_size_are_refused() {
    for size in (0..200).filter(|size| *size != 128) {
        let found = RunStatement::abi_decode(&vec![0; size]);
        assert_eq!(found, Err(Error::WrongStatementSize { expected: 128, found: size }));
    }
    let found = ChunkStatement::abi_decode(&run().abi_encode());
    assert_eq!(found, Err(Error::WrongStatementSize { expected: 96, found: 128 }));
    let found = RunStatement::abi_decode(&chunk().abi_encode());
    assert_eq!(found, Err(Error::WrongStatementSize { expected: 128, found: 96 }));
}

#[test]
fn every_bit_of_version_and_count_is_read() {
    let good = run().abi_encode();
    for bit in 0..256 {
        let mut bent = good.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(RunStatement::abi_decode(&bent), Err(Error::UnknownVersion), "bit {bit}");

        let mut bent = good.clone();
        bent[64 + bit / 8] ^= 1 << (bit % 8);
        assert_ne!(RunStatement::abi_decode(&bent), Ok(run()), "bit {bit}");
    }
}

#[test]
fn the_count_is_that_of_a_run() {
    let with_count = |count: u64| {
        let mut bytes = chunk().abi_encode();
        bytes[64..].copy_from_slice(&word(count));
        ChunkStatement::abi_decode(&bytes).map(|statement| statement.leaf_count)
    };
    let max = MAX_PROOFS_PER_RUN as u64;
    assert_eq!(with_count(1), Ok(1));
    assert_eq!(with_count(max), Ok(23_808));
    for count in [0, max + 1, 1 << 32, (1 << 32) + 1, u64::MAX] {
        assert_eq!(with_count(count), Err(Error::LeafCountOutOfRange), "{count}");
    }
}

#[test]
fn blobs_are_bound_by_the_hash_of_their_versioned_hashes() {
    let hashes = [[1; 32], [2; 32]];
    assert_eq!(blobs_hash(&hashes), keccak256(&[&[1; 32], &[2; 32]]));
    assert_ne!(blobs_hash(&hashes), blobs_hash(&hashes[..1]));
    // `keccak256("")`, what a contract computes where there is no blob.
    let empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
    assert_eq!(hex::encode(blobs_hash(&[])), empty);
}

#[test]
fn the_versioned_hash_is_that_of_eip_4844() {
    // The commitment of a blob of zeros is the point at infinity.
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    assert_eq!(
        hex::encode(versioned_hash(&infinity)),
        "010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014"
    );
}

#[test]
fn statements_travel_as_json_with_hex_hashes() {
    let text = serde_json::to_string(&run()).unwrap();
    assert!(text.contains(&format!("\"root\":\"0x{}\"", "aa".repeat(32))), "{text}");
    assert_eq!(serde_json::from_str::<RunStatement>(&text).unwrap(), run());
}
