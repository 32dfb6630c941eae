//! Proofs of every proof system from the files that others' tools wrote, and what is refused before anything is sent.

use std::{fs, path::PathBuf};

use alloy::primitives::{Address, B256, keccak256};
use collimate_sdk::{
    FastProof, ProgramId, ProofGroup,
    fast::{InputsFile, KeyFile, ProofFiles, ProofSystemId},
};

use super::{described, sample};

/// A folder of fixtures, or nothing, said loudly.
fn fixtures() -> Option<PathBuf> {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("COLLIMATE_FIXTURES")
        .map_or_else(|| repository.join("../shared/fixtures"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("!!! SKIPPED: {} is not there; set COLLIMATE_FIXTURES", folder.display());
    None
}

/// The files of one real proof of each proof system, as its tools write them.
fn every_system(folder: &std::path::Path) -> Vec<ProofFiles> {
    let files = |system, proof: &str, key: KeyFile, inputs: Option<&str>| ProofFiles {
        system,
        proof: folder.join(proof),
        key,
        public_inputs: inputs.map(|inputs| InputsFile::File(folder.join(inputs))),
        generator: Address::repeat_byte(3),
    };
    let key = |path: &str| KeyFile::File(folder.join(path));
    let sp1_id = |name: &str| {
        let text = fs::read_to_string(folder.join(format!("sp1/{name}/vkey.hex"))).unwrap();
        KeyFile::Id(text.trim().parse().unwrap())
    };
    let image = |path: &str| {
        let about = fs::read(folder.join(path)).unwrap();
        let about: serde_json::Value = serde_json::from_slice(&about).unwrap();
        let words = about["vk"].as_array().unwrap().iter();
        let words = words.map(|word| u32::try_from(word.as_u64().unwrap()).unwrap());
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        KeyFile::Id(ProgramId(bytes.try_into().unwrap()))
    };
    let seal_image = fs::read(folder.join("risc0/groth16-v3.0/image_id.bin")).unwrap();
    let seal_image = KeyFile::Id(ProgramId(seal_image.try_into().unwrap()));
    let (groth16, plonk) = ("groth16-v6.1.0-zkaleido", "plonk-v6.1.0-ibc-update_client");
    // Made by others, too, but the repository's.
    let older = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../verifiers/tests/fixtures/risc0-groth16-v2.2");
    let older_image = fs::read(older.join("image_id.bin")).unwrap();
    use ProofSystemId as Id;
    vec![
        files(
            Id::Sp1Compressed,
            "sp1/compressed-v6.1.0/proof.bin",
            key("sp1/compressed-v6.1.0/program_vk.bin"),
            None,
        ),
        files(
            Id::Sp1Groth16,
            &format!("sp1/{groth16}/proof.bin"),
            sp1_id(groth16),
            Some(&format!("sp1/{groth16}/public_values.bin")),
        ),
        files(
            Id::Sp1Plonk,
            &format!("sp1/{plonk}/proof.bin"),
            sp1_id(plonk),
            Some(&format!("sp1/{plonk}/public_values.bin")),
        ),
        files(
            Id::Risc0Composite,
            "risc0/composite-v3.0.0/poseidon2_16.receipt.bincode",
            image("risc0/composite-v3.0.0/poseidon2_16.json"),
            None,
        ),
        files(
            Id::Risc0Succinct,
            "risc0/succinct-v3.0.0/succinct_16.receipt.bincode",
            image("risc0/succinct-v3.0.0/succinct_16.json"),
            None,
        ),
        files(
            Id::Risc0Groth16,
            "risc0/groth16-v3.0/seal.bin",
            seal_image,
            Some("risc0/groth16-v3.0/journal.bin"),
        ),
        files(
            Id::GnarkGroth16Bn254,
            "gnark/groth16-bn254/groth16.proof",
            key("gnark/groth16-bn254/groth16.vk"),
            Some("gnark/groth16-bn254/groth16.pub"),
        ),
        files(
            Id::GnarkPlonkBn254,
            "gnark/plonk-bn254/plonk.proof",
            key("gnark/plonk-bn254/plonk.vk"),
            Some("gnark/plonk-bn254/plonk_pub_input.pub"),
        ),
        files(
            Id::GnarkPlonkBls12_381,
            "gnark/plonk-bls12-381/plonk.proof",
            key("gnark/plonk-bls12-381/plonk.vk"),
            Some("gnark/plonk-bls12-381/plonk_pub_input.pub"),
        ),
        files(
            Id::CircomGroth16Bn254,
            "circom/1-public-input/proof.json",
            key("circom/1-public-input/verification_key.json"),
            Some("circom/1-public-input/public.json"),
        ),
        ProofFiles {
            system: Id::Risc0Groth16V2,
            proof: older.join("seal.bin"),
            key: KeyFile::Id(ProgramId(older_image.try_into().unwrap())),
            public_inputs: Some(InputsFile::File(older.join("journal.bin"))),
            generator: Address::repeat_byte(3),
        },
    ]
}

#[test]
fn proofs_of_every_system_are_one_group_as_their_tools_wrote_them() {
    let Some(folder) = fixtures() else { return };
    let every = every_system(&folder);
    // Of RISC Zero's older receipts there is none in the bytes that are taken.
    assert_eq!(every.len(), ProofSystemId::ALL.len() - 1);
    let proofs: Vec<_> = every
        .iter()
        .map(|files| {
            let parts = files.read().unwrap();
            let system = parts.system;
            let proof =
                FastProof::verify(parts).unwrap_or_else(|error| panic!("{system}: {error}"));
            let item = proof.item();
            assert_eq!(item.proving_system, system.number());
            assert_eq!(item.generator, Address::repeat_byte(3));
            assert_eq!(item.public_inputs.keccak256, keccak256(proof.public_inputs()));
            // A circuit is verified with its key, whose hash is its name; a zkVM's program needs none.
            match (&item.verification_key, (6..=9).contains(&item.proving_system)) {
                (Some(key), true) => assert_eq!(key.keccak256, B256::from(item.program_id.0)),
                (None, false) => {}
                (key, _) => panic!("{system}: {key:?}"),
            }
            // The same without verification, from what is known now.
            let mut parts = files.read().unwrap();
            parts.public_inputs = Some(proof.public_inputs().clone());
            let unverified = FastProof::unverified(parts).unwrap();
            assert_eq!(unverified.commitment(), proof.commitment(), "{system}");
            proof
        })
        .collect();
    let group = ProofGroup::new(proofs).unwrap();
    assert_eq!(group.count(), 11);
    let systems = group.manifest().proving_systems();
    assert_eq!(systems, 0b1011_1111_1111);
    // Every file of the manifest is there.
    let files = group.files();
    for part in group.manifest().parts() {
        part.check(&files[&part.sha256]).unwrap();
    }
    assert_eq!(files.len(), group.manifest().parts().count());
}

#[test]
fn a_proof_that_does_not_hold_is_refused_with_the_verifiers_code() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proofs");
    let files = ProofFiles {
        system: ProofSystemId::Sp1Compressed,
        proof: folder.join("fibonacci.proof"),
        key: KeyFile::File(folder.join("fibonacci.vk")),
        public_inputs: None,
        generator: Address::ZERO,
    };
    let mut forged = files.read().unwrap();
    let mut bytes = forged.proof.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    forged.proof = bytes.into();
    let error = FastProof::verify(forged).unwrap_err();
    assert!(error.code().starts_with("VER-") && error.denies(), "{error}");
    assert!(error.to_string().starts_with("[VER-"), "{error}");

    let mut other = files.read().unwrap();
    other.public_inputs = Some(vec![1].into());
    assert_eq!(FastProof::verify(other).unwrap_err().code(), "VER-008");
    let wrong_key =
        ProofFiles { key: KeyFile::File(folder.join("sha256_preimage.vk")), ..files.clone() };
    let error = FastProof::verify(wrong_key.read().unwrap()).unwrap_err();
    assert_eq!(error.code(), "VER-007");
    let groth16 = ProofFiles { system: ProofSystemId::Sp1Groth16, ..files.clone() };
    assert!(FastProof::verify(groth16.read().unwrap()).is_err());

    // Without verification nothing is known of what it carries.
    let error = FastProof::unverified(files.read().unwrap()).unwrap_err();
    assert_eq!(error.code(), "SDK-051");
    let nowhere = ProofFiles { proof: folder.join("none.proof"), ..files };
    assert_eq!(nowhere.read().unwrap_err().code(), "SDK-050");
}

#[test]
fn what_no_batch_may_have_is_no_group() {
    assert_eq!(ProofGroup::new(vec![]).unwrap_err().code(), "BAT-003");
    let twice = vec![described(1), described(2), described(1)];
    assert_eq!(ProofGroup::new(twice).unwrap_err().code(), "BAT-003");
    let both = ProofGroup::new(vec![described(1), described(2)]).unwrap();
    let swapped = ProofGroup::new(vec![described(2), described(1)]).unwrap();
    assert_eq!(both.count(), 2);
    assert_eq!(both.root(), swapped.root(), "a tree of two does not know their order");
    let more = ProofGroup::new((0..3).map(described).collect()).unwrap();
    assert_ne!(both.root(), more.root());
}

#[test]
fn who_made_a_proof_is_part_of_what_stands_for_it() {
    let (one, other) =
        (sample("fibonacci", Address::ZERO), sample("fibonacci", Address::repeat_byte(1)));
    assert_ne!(one.commitment(), other.commitment());
    assert_eq!(one.item().proof, other.item().proof);
}
