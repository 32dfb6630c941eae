//! The committed guests in the executor: what they state, and what they refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use collimate_core::{
    Commitment, ProgramId,
    guest::{RunInput, RunProofs, UserAggregatorInput, UserProof},
    statement::{ChunkStatement, RunStatement},
    tree,
};
use collimate_engine::{
    Execution, Executor, SP1Proof, SP1ProofWithPublicValues, SP1Stdin, SP1VerifyingKey, program_id,
};

const SAMPLES: [&str; 4] = ["ecdsa_secp256k1", "fibonacci", "merkle_membership", "sha256_preimage"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn elf(name: &str) -> Vec<u8> {
    std::fs::read(root().join("programs/elf").join(name).with_extension("elf")).unwrap()
}

/// The sample proofs: as a guest sees them, and as the recursion gets them.
fn samples(stdin: &mut SP1Stdin) -> Vec<UserProof> {
    SAMPLES
        .iter()
        .map(|name| {
            let path = root().join("proofs").join(name);
            let file = std::fs::read(path.with_extension("proof")).unwrap();
            let key = std::fs::read(path.with_extension("vk")).unwrap();
            let proof: SP1ProofWithPublicValues = bincode::deserialize(&file).unwrap();
            let key: SP1VerifyingKey = bincode::deserialize(&key).unwrap();
            let SP1Proof::Compressed(recursive) = proof.proof else { panic!("{name}") };
            let id = ProgramId(program_id(&key).0);
            stdin.write_proof(*recursive, key.vk);
            UserProof { program_id: id, public_values: proof.public_values.to_vec() }
        })
        .collect()
}

fn root_of(proofs: &[UserProof]) -> [u8; 32] {
    let leaves: Vec<_> = proofs.iter().map(|proof| proof.commitment().leaf()).collect();
    tree::root(&leaves).unwrap()
}

async fn execute(executor: &Executor, guest: &str, input: Vec<u8>) -> Execution {
    let mut stdin = SP1Stdin::new();
    stdin.write_vec(input);
    executor.execute(&elf(guest), stdin).await.unwrap()
}

#[tokio::test]
async fn the_guests_state_the_root_and_count_of_what_they_verify() {
    let executor = Executor::start().await;

    let mut stdin = SP1Stdin::new();
    let proofs = samples(&mut stdin);
    let expected = root_of(&proofs);
    stdin.write_vec(UserAggregatorInput { proofs: proofs.clone() }.encode().unwrap());
    let chunk = executor.execute(&elf("user_proof_aggregator"), stdin).await.unwrap();
    assert_eq!(chunk.exit_code, 0, "{}", chunk.stderr);
    let statement = ChunkStatement::abi_decode(&chunk.public_values).unwrap();
    assert_eq!(statement, ChunkStatement { root: expected, leaf_count: 4 });

    let mut stdin = SP1Stdin::new();
    let proofs = samples(&mut stdin);
    let input = RunInput { blobs_hash: [7; 32], proofs: RunProofs::Direct(proofs) };
    stdin.write_vec(input.encode().unwrap());
    let run = executor.execute(&elf("chunk_aggregator"), stdin).await.unwrap();
    assert_eq!(run.exit_code, 0, "{}", run.stderr);
    let statement = RunStatement::abi_decode(&run.public_values).unwrap();
    assert_eq!(statement, RunStatement { root: expected, leaf_count: 4, blobs_hash: [7; 32] });
}

#[tokio::test]
async fn the_guests_refuse_what_breaks_a_rule() {
    let executor = Executor::start().await;
    let run = |proofs| RunInput { blobs_hash: [0; 32], proofs }.encode().unwrap();
    let chunks = |chunk_size_log2, sizes: &[usize]| {
        let chunks = sizes.iter().map(|size| vec![Commitment([1; 32]); *size]).collect();
        run(RunProofs::Chunks { chunk_size_log2, chunks })
    };
    let no_users = UserAggregatorInput { proofs: vec![] }.encode().unwrap();
    let not_sp1 = UserProof { program_id: ProgramId([0xff; 32]), public_values: vec![] };
    let users = |proof| UserAggregatorInput { proofs: vec![proof] }.encode().unwrap();
    let cases = [
        ("user_proof_aggregator", "no proofs", no_users.clone()),
        ("user_proof_aggregator", "trailing bytes", [no_users, vec![0]].concat()),
        ("user_proof_aggregator", "an id that is no SP1 program's", users(not_sp1)),
        ("user_proof_aggregator", "a count without proofs", 2_u32.to_le_bytes().to_vec()),
        ("user_proof_aggregator", "nothing at all", vec![]),
        ("chunk_aggregator", "no proofs", run(RunProofs::Direct(vec![]))),
        ("chunk_aggregator", "no chunks", chunks(2, &[])),
        ("chunk_aggregator", "an empty chunk", chunks(2, &[4, 0])),
        ("chunk_aggregator", "a short chunk before the last", chunks(2, &[3, 4])),
        ("chunk_aggregator", "a chunk that is too long", chunks(2, &[4, 5])),
        ("chunk_aggregator", "a chunk size out of range", chunks(15, &[1])),
        ("chunk_aggregator", "a truncated input", chunks(2, &[4])[..100].to_vec()),
    ];
    for (guest, case, input) in cases {
        let execution = execute(&executor, guest, input).await;
        assert_ne!(execution.exit_code, 0, "{guest} accepts {case}");
        assert!(execution.stderr.contains("panicked"), "{case}: {}", execution.stderr);
    }
}
