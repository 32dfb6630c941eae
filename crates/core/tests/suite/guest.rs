//! The guests' logic: what they demand of the recursion, what they state, and what they refuse.

use collimate_core::{
    Commitment, Error, Hash, MAX_PROOFS_PER_RUN, ProgramId,
    guest::{
        MAX_CHUNK_SIZE_LOG2, RecursiveVerifier, RunInput, RunProofs, UserAggregatorInput,
        UserProof, aggregate_run, aggregate_user_proofs,
    },
    keccak256,
    statement::{ChunkStatement, RunStatement},
    tree,
};
use sha2::{Digest, Sha256};

const AGGREGATOR_WORDS: [u32; 8] = [11, 12, 13, 14, 15, 16, 17, 18];
const BLOBS_HASH: Hash = [0xbb; 32];

/// Verifies nothing; notes what was demanded.
#[derive(Default)]
struct FakeVerifier {
    demanded: Vec<([u32; 8], [u8; 32])>,
}

impl RecursiveVerifier for FakeVerifier {
    fn verify(&mut self, vk_words: &[u32; 8], public_values_digest: &[u8; 32]) {
        self.demanded.push((*vk_words, *public_values_digest));
    }
}

fn user_proofs(count: usize) -> Vec<UserProof> {
    (0..count as u32)
        .map(|i| UserProof {
            program_id: ProgramId::from_sp1_words([i, 2, 3, 4, 5, 6, 7, 8]),
            public_values: vec![i as u8; i as usize * 7],
        })
        .collect()
}

fn commitments(count: usize) -> Vec<Commitment> {
    (0..count as u64).map(|i| Commitment(keccak256(&[&i.to_be_bytes()]))).collect()
}

fn root_of(commitments: &[Commitment]) -> Hash {
    tree::root(&commitments.iter().map(Commitment::leaf).collect::<Vec<_>>()).unwrap()
}

fn demands_of(proofs: &[UserProof]) -> Vec<([u32; 8], [u8; 32])> {
    proofs
        .iter()
        .map(|p| (p.program_id.sp1_words().unwrap(), Sha256::digest(&p.public_values).into()))
        .collect()
}

fn run_of_chunks(
    chunk_size_log2: u32,
    chunks: Vec<Vec<Commitment>>,
) -> (Result<RunStatement, Error>, FakeVerifier) {
    let input =
        RunInput { blobs_hash: BLOBS_HASH, proofs: RunProofs::Chunks { chunk_size_log2, chunks } };
    let mut verifier = FakeVerifier::default();
    let result = aggregate_run(&input, &AGGREGATOR_WORDS, &mut verifier);
    (result, verifier)
}

fn chunks(sizes: &[usize]) -> Vec<Vec<Commitment>> {
    let mut all = commitments(sizes.iter().sum());
    sizes.iter().map(|size| all.drain(..size).collect()).collect()
}

#[test]
fn every_user_proof_is_demanded_in_order_and_every_one_is_a_leaf() {
    for count in [1, 2, 3, 7] {
        let proofs = user_proofs(count);
        let mut verifier = FakeVerifier::default();
        let input = UserAggregatorInput { proofs: proofs.clone() };
        let statement = aggregate_user_proofs(&input, &mut verifier).unwrap();

        let commitments: Vec<_> = proofs.iter().map(UserProof::commitment).collect();
        assert_eq!(
            commitments[0],
            Commitment::new(&proofs[0].public_values, &proofs[0].program_id)
        );
        let expected = ChunkStatement { root: root_of(&commitments), leaf_count: count as u32 };
        assert_eq!(statement, expected);
        assert_eq!(verifier.demanded, demands_of(&proofs));
    }
}

#[test]
fn a_direct_run_demands_the_user_proofs_and_binds_the_blobs() {
    let proofs = user_proofs(5);
    let input = RunInput { blobs_hash: BLOBS_HASH, proofs: RunProofs::Direct(proofs.clone()) };
    let mut verifier = FakeVerifier::default();
    let statement = aggregate_run(&input, &AGGREGATOR_WORDS, &mut verifier).unwrap();

    let commitments: Vec<_> = proofs.iter().map(UserProof::commitment).collect();
    let expected =
        RunStatement { root: root_of(&commitments), leaf_count: 5, blobs_hash: BLOBS_HASH };
    assert_eq!(statement, expected);
    assert_eq!(verifier.demanded, demands_of(&proofs));
}

#[test]
fn a_run_of_chunks_demands_each_chunks_statement_from_the_one_program() {
    for (log2, sizes) in [
        (0, vec![1]),
        (0, vec![1, 1, 1]),
        (2, vec![4, 4, 1]),
        (2, vec![3]),
        (3, vec![8, 8, 8]),
        (14, vec![9]),
    ] {
        let chunks = chunks(&sizes);
        let (statement, verifier) = run_of_chunks(log2, chunks.clone());
        let expected = RunStatement {
            root: root_of(&chunks.concat()),
            leaf_count: sizes.iter().sum::<usize>() as u32,
            blobs_hash: BLOBS_HASH,
        };
        assert_eq!(statement.unwrap(), expected, "{sizes:?}");

        let demanded: Vec<_> = chunks
            .iter()
            .map(|chunk| {
                let leaf_count = chunk.len() as u32;
                let statement = ChunkStatement { root: root_of(chunk), leaf_count };
                (AGGREGATOR_WORDS, <[u8; 32]>::from(Sha256::digest(statement.abi_encode())))
            })
            .collect();
        assert_eq!(verifier.demanded, demanded, "{sizes:?}");
    }
}

#[test]
fn the_largest_run_is_taken_and_one_more_is_not() {
    let full = vec![4096; 5];
    let (statement, _) = run_of_chunks(12, chunks(&[full.clone(), vec![3328]].concat()));
    assert_eq!(statement.unwrap().leaf_count as usize, MAX_PROOFS_PER_RUN);
    let (statement, verifier) = run_of_chunks(12, chunks(&[full, vec![3329]].concat()));
    assert_eq!(statement, Err(Error::TooManyProofs { count: MAX_PROOFS_PER_RUN + 1 }));
    assert!(verifier.demanded.is_empty());
}

#[test]
fn chunk_sizes_that_would_change_the_tree_are_refused() {
    let wrong = |chunk, found, size| Error::WrongChunkSize { chunk, found, size };
    let cases = [
        (2, vec![], Error::NoProofs),
        (2, vec![0], wrong(0, 0, 4)),
        (2, vec![4, 0], wrong(1, 0, 4)),
        (2, vec![0, 4], wrong(0, 0, 4)),
        (2, vec![3, 4], wrong(0, 3, 4)),
        (2, vec![4, 3, 4], wrong(1, 3, 4)),
        (2, vec![5], wrong(0, 5, 4)),
        (2, vec![4, 5], wrong(1, 5, 4)),
        (0, vec![2], wrong(0, 2, 1)),
        (MAX_CHUNK_SIZE_LOG2 + 1, vec![4], Error::ChunkSizeOutOfRange { log2: 15 }),
        (64, vec![1], Error::ChunkSizeOutOfRange { log2: 64 }),
        (u32::MAX, vec![1], Error::ChunkSizeOutOfRange { log2: u32::MAX }),
    ];
    for (log2, sizes, expected) in cases {
        let (statement, verifier) = run_of_chunks(log2, chunks(&sizes));
        assert_eq!(statement, Err(expected), "chunks {sizes:?} of 2^{log2}");
        assert!(verifier.demanded.is_empty(), "refused before anything is verified");
    }
}

#[test]
fn nothing_to_aggregate_is_refused() {
    let mut verifier = FakeVerifier::default();
    let nothing = UserAggregatorInput { proofs: Vec::new() };
    assert_eq!(aggregate_user_proofs(&nothing, &mut verifier), Err(Error::NoProofs));
    let nothing = RunInput { blobs_hash: BLOBS_HASH, proofs: RunProofs::Direct(Vec::new()) };
    assert_eq!(aggregate_run(&nothing, &AGGREGATOR_WORDS, &mut verifier), Err(Error::NoProofs));
}

#[test]
fn a_program_id_that_is_not_canonical_is_refused() {
    let mut proofs = user_proofs(2);
    proofs[1].program_id.0[0] = 1;
    let result =
        aggregate_user_proofs(&UserAggregatorInput { proofs }, &mut FakeVerifier::default());
    assert_eq!(result, Err(Error::NotAnSp1ProgramId));
}
