//! The committed guests in the executor: what they commit, and that they end without a proof on whatever
//! they must refuse. The executor checks no recursive proof, so an aggregator runs here without any;
//! which proofs it demands is tested with the guests' logic in `collimate-core`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use collimate_core::{
    Commitment, Hash, ProgramId,
    guest::{RunInput, RunProofs, UserAggregatorInput, UserProof},
    keccak256,
    statement::{ChunkStatement, RunStatement},
    tree::{self, MerkleTree},
};
use sha2::{Digest, Sha256};

fn elf(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs/elf").join(name).with_extension("elf")
}

fn prover(arguments: &[&str], elf: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_collimate-prover"));
    let (subcommand, rest) = arguments.split_first().unwrap();
    command.arg(subcommand).arg(elf).args(rest).output().unwrap()
}

fn execute(name: &str, input: &[u8]) -> Output {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), input).unwrap();
    prover(&["execute", "--input", file.path().to_str().unwrap()], &elf(name))
}

/// The guest's public values.
fn commits(name: &str, input: &[u8]) -> Vec<u8> {
    let output = execute(name, input);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{name}: {stderr}");
    hex::decode(stdout.trim()).unwrap()
}

fn refuses(name: &str, input: &[u8], reason: &str) {
    let output = execute(name, input);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(!output.status.success(), "{name} took what it must refuse with {reason}: {stdout}");
    assert!(stderr.contains(reason), "{name} refused, but not with {reason}: {stderr}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn word(number: u64) -> Hash {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

fn user_proofs(count: usize) -> Vec<UserProof> {
    (0..count as u32)
        .map(|i| UserProof {
            program_id: ProgramId::from_sp1_words([i, 2, 3, 4, 5, 6, 7, 8]),
            public_values: vec![i as u8; 40 * i as usize],
        })
        .collect()
}

fn root_of(commitments: &[Commitment]) -> Hash {
    tree::root(&commitments.iter().map(Commitment::leaf).collect::<Vec<_>>()).unwrap()
}

fn chunks(sizes: &[usize]) -> Vec<Vec<Commitment>> {
    let mut numbers = 0_u64..;
    let mut next = || Commitment(keccak256(&[&numbers.next().unwrap().to_be_bytes()]));
    sizes.iter().map(|size| (0..*size).map(|_| next()).collect()).collect()
}

fn run_of_chunks(chunk_size_log2: u32, sizes: &[usize]) -> Vec<u8> {
    let proofs = RunProofs::Chunks { chunk_size_log2, chunks: chunks(sizes) };
    RunInput { blobs_hash: [0xbb; 32], proofs }.encode().unwrap()
}

#[test]
fn fibonacci_commits_its_numbers() {
    assert_eq!(
        commits("fibonacci", &10_u32.to_le_bytes()),
        [word(10), word(55), word(89)].concat()
    );
    assert_eq!(commits("fibonacci", &0_u32.to_le_bytes()), [word(0), word(0), word(1)].concat());
    refuses("fibonacci", &[1, 2, 3], "input is n, 4 bytes");
}

#[test]
fn sha256_preimage_commits_the_digest() {
    for preimage in [b"".as_slice(), b"Collimate", &[7; 200]] {
        let digest: [u8; 32] = Sha256::digest(preimage).into();
        assert_eq!(commits("sha256_preimage", preimage), digest);
    }
}

/// The example of web3.js' documentation: `eth.accounts.sign('Some data', …)`.
#[test]
fn ecdsa_secp256k1_recovers_the_signer_of_a_message() {
    let signature = hex::decode(
        "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd\
         6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
    )
    .unwrap();
    let statement = hex::decode(
        "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655\
         0000000000000000000000002c7536e3605d9c16a7a3d7b1898e529396a65c23",
    )
    .unwrap();
    let input = [&signature, b"Some data".as_slice()].concat();
    assert_eq!(commits("ecdsa_secp256k1", &input), statement);

    // Another message has another signer, whoever that is: never this one.
    let other = [&signature, b"Some other data".as_slice()].concat();
    let output = execute("ecdsa_secp256k1", &other);
    assert!(!text(&output.stdout).contains("2c7536e3605d9c16a7a3d7b1898e529396a65c23"));

    refuses("ecdsa_secp256k1", &signature[..64], "input starts with a signature");
    let mut wrong = input.clone();
    wrong[64] = 0;
    refuses("ecdsa_secp256k1", &wrong, "v is 27 or 28");
    let mut wrong = input.clone();
    wrong[..32].fill(0xff);
    refuses("ecdsa_secp256k1", &wrong, "r and s are in range");
    // The same signature in its other form, with s = order - s, which EIP-2 rules out.
    let mut malleated = input;
    malleated[32..64].copy_from_slice(
        &hex::decode("9ff818b327d1fc847ffe79bdd03d25e83e365e48bf03c2dee27579caa75456d8").unwrap(),
    );
    malleated[64] = 27;
    refuses("ecdsa_secp256k1", &malleated, "s is in the lower half of the order");
}

#[test]
fn merkle_membership_commits_root_and_nullifier_but_no_member() {
    let secrets: Vec<Hash> = (0..5).map(|i| [i; 32]).collect();
    let leaves = secrets.iter().map(|secret| Commitment(keccak256(&[secret])).leaf()).collect();
    let group = MerkleTree::new(leaves).unwrap();
    let topic = [9; 32];
    for (index, secret) in secrets.iter().enumerate() {
        let input = [vec![*secret, topic], group.path(index).unwrap()].concat().concat();
        let expected = [group.root(), topic, keccak256(&[secret, &topic])].concat();
        assert_eq!(commits("merkle_membership", &input), expected, "member {index}");
    }
    refuses("merkle_membership", &[0; 63], "input is words of 32 bytes");
    refuses("merkle_membership", &[0; 32], "input is secret, topic and path");
}

#[test]
fn user_proof_aggregator_commits_the_root_over_its_proofs() {
    for count in [1, 3] {
        let proofs = user_proofs(count);
        let commitments: Vec<_> = proofs.iter().map(UserProof::commitment).collect();
        let statement = ChunkStatement { root: root_of(&commitments), leaf_count: count as u32 };
        let input = UserAggregatorInput { proofs }.encode().unwrap();
        assert_eq!(commits("user_proof_aggregator", &input), statement.abi_encode());
    }
}

#[test]
fn user_proof_aggregator_refuses_what_is_no_chunk() {
    let valid = UserAggregatorInput { proofs: user_proofs(2) };
    let bytes = valid.encode().unwrap();
    let refuses = |input: &[u8], code| refuses("user_proof_aggregator", input, code);

    refuses(&UserAggregatorInput { proofs: Vec::new() }.encode().unwrap(), "COR-016");
    refuses(&[], "COR-013");
    refuses(&bytes[..bytes.len() - 1], "COR-013");
    refuses(&[bytes.as_slice(), &[0]].concat(), "COR-014");
    let mut more_announced = bytes.clone();
    more_announced[0] = 3;
    refuses(&more_announced, "COR-013");
    let mut fewer_announced = bytes;
    fewer_announced[0] = 1;
    refuses(&fewer_announced, "COR-014");
    let mut second_name = valid;
    second_name.proofs[1].program_id.0[0] = 1;
    refuses(&second_name.encode().unwrap(), "COR-002");
}

#[test]
fn chunk_aggregator_commits_the_run_in_one_layer_and_in_two() {
    let proofs = user_proofs(3);
    let commitments: Vec<_> = proofs.iter().map(UserProof::commitment).collect();
    let blobs_hash = [0xbb; 32];
    let direct = RunInput { blobs_hash, proofs: RunProofs::Direct(proofs) }.encode().unwrap();
    let statement = RunStatement { root: root_of(&commitments), leaf_count: 3, blobs_hash };
    assert_eq!(commits("chunk_aggregator", &direct), statement.abi_encode());

    for (log2, sizes) in [(1, vec![2, 2, 1]), (2, vec![3]), (0, vec![1, 1])] {
        let statement = RunStatement {
            root: root_of(&chunks(&sizes).concat()),
            leaf_count: sizes.iter().sum::<usize>() as u32,
            blobs_hash,
        };
        assert_eq!(
            commits("chunk_aggregator", &run_of_chunks(log2, &sizes)),
            statement.abi_encode()
        );
    }
}

#[test]
fn chunk_aggregator_refuses_what_is_no_run() {
    let refuses = |input: &[u8], code| refuses("chunk_aggregator", input, code);
    let nothing = RunInput { blobs_hash: [0; 32], proofs: RunProofs::Direct(Vec::new()) };
    refuses(&nothing.encode().unwrap(), "COR-016");
    refuses(&run_of_chunks(2, &[]), "COR-016");
    for sizes in [[0, 4], [4, 0], [3, 4], [4, 5], [5, 4]] {
        refuses(&run_of_chunks(2, &sizes), "COR-018");
    }
    refuses(&run_of_chunks(15, &[4]), "COR-017");
    refuses(&run_of_chunks(u32::MAX, &[4]), "COR-017");

    let valid = run_of_chunks(2, &[4, 4, 1]);
    refuses(&valid[..valid.len() - 32], "COR-013");
    refuses(&[valid.as_slice(), &[0; 32]].concat(), "COR-014");
    // The counts: 32 bytes of hash, form and chunk size, then the number of chunks and the first's size.
    let with = |at: usize, value: u8| {
        let mut input = valid.clone();
        input[at] = value;
        input
    };
    refuses(&with(32, 2), "COR-015");
    refuses(&with(40, 4), "COR-013");
    refuses(&with(40, 2), "COR-014");
    refuses(&with(44, 3), "COR-013");
}

/// The final guest demands chunks of `user_proof_aggregator` as it is committed, not of an older one.
#[test]
fn chunk_aggregator_holds_the_key_of_user_proof_aggregator() {
    let output = prover(&["program-id", "--json"], &elf("user_proof_aggregator"));
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs");
    let words =
        fs::read_to_string(programs.join("chunk_aggregator/user_proof_aggregator.words")).unwrap();
    let words: serde_json::Value = serde_json::from_str(&words).unwrap();
    assert_eq!(record["vk_words"], words);
}

/// The committed record of every guest is that of the committed ELF.
#[test]
fn records_are_those_of_the_elfs() {
    let folder = elf("fibonacci");
    let folder = folder.parent().unwrap();
    let records: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    assert_eq!(records.len(), 6);
    for record in records {
        let output = prover(&["program-id", "--json"], &record.with_extension("elf"));
        assert_eq!(
            text(&output.stdout),
            fs::read_to_string(&record).unwrap(),
            "{}",
            record.display()
        );
    }
}
