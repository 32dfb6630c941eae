//! The crate against `vectors/statements.json`, which an independent program computed.

use collimate_core::{
    Commitment, Hash, ProgramId, blob, keccak256,
    tree::{self, MerkleTree},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Vectors {
    commitments: Vec<CommitmentCase>,
    program_ids: Vec<ProgramIdCase>,
    trees: Vec<TreeCase>,
}

#[derive(Deserialize)]
struct CommitmentCase {
    public_inputs: String,
    program_id: ProgramId,
    commitment: Commitment,
}

#[derive(Deserialize)]
struct ProgramIdCase {
    words: [u32; 8],
    bytes32: ProgramId,
}

#[derive(Deserialize)]
struct TreeCase {
    count: usize,
    seed: String,
    root: String,
    paths: Vec<PathCase>,
    blobs_sha256: Vec<String>,
}

#[derive(Deserialize)]
struct PathCase {
    index: usize,
    commitment: Commitment,
    path: Vec<String>,
}

fn vectors() -> Vectors {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/statements.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.strip_prefix("0x").unwrap()).unwrap()
}

fn hash(text: &str) -> Hash {
    bytes(text).try_into().unwrap()
}

/// The i-th commitment of a tree case is `keccak256(seed ‖ i as 8 big-endian bytes)`.
fn commitments(case: &TreeCase) -> Vec<Commitment> {
    let seed = bytes(&case.seed);
    (0..case.count as u64).map(|i| Commitment(keccak256(&[&seed, &i.to_be_bytes()]))).collect()
}

#[test]
fn commitments_are_those_of_the_vectors() {
    let cases = vectors().commitments;
    assert!(!cases.is_empty());
    for case in cases {
        assert_eq!(Commitment::new(&bytes(&case.public_inputs), &case.program_id), case.commitment);
    }
}

#[test]
fn program_ids_pack_and_unpack_as_in_the_vectors() {
    let cases = vectors().program_ids;
    assert!(!cases.is_empty());
    for case in cases {
        assert_eq!(ProgramId::from_sp1_words(case.words), case.bytes32);
        assert_eq!(case.bytes32.sp1_words().unwrap(), case.words);
    }
}

#[test]
fn trees_and_paths_are_those_of_the_vectors() {
    let cases = vectors().trees;
    assert!(!cases.is_empty());
    for case in cases {
        let commitments = commitments(&case);
        let leaves: Vec<Hash> = commitments.iter().map(Commitment::leaf).collect();
        let root = hash(&case.root);
        assert_eq!(tree::root(&leaves).unwrap(), root, "{} leaves", case.count);

        let tree = MerkleTree::new(leaves).unwrap();
        assert_eq!(tree.root(), root);
        for path_case in &case.paths {
            assert_eq!(commitments[path_case.index], path_case.commitment);
            let path = tree.path(path_case.index).unwrap();
            let expected: Vec<Hash> = path_case.path.iter().map(|node| hash(node)).collect();
            assert_eq!(path, expected, "leaf {} of {}", path_case.index, case.count);
            assert!(tree::verify_path(&root, &path_case.commitment.leaf(), &path));
        }
    }
}

#[test]
fn blobs_are_those_of_the_vectors_and_decode() {
    for case in vectors().trees {
        let commitments = commitments(&case);
        let blobs = blob::encode(&commitments).unwrap();
        let hashes: Vec<String> =
            blobs.iter().map(|blob| format!("0x{}", hex::encode(Sha256::digest(blob)))).collect();
        assert_eq!(hashes, case.blobs_sha256, "{} commitments", case.count);
        assert_eq!(blob::decode(&blobs, case.count).unwrap(), commitments);
    }
}
