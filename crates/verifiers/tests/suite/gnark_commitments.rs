//! Groth16 of gnark's circuits with commitments (`api.Commit`): two of our own samples, proven by gnark, and what forgers make
//! of them.

use collimate_core::keccak256;
use collimate_verifiers::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError, gnark::GnarkGroth16Bn254,
    verify_guarded,
};

use crate::fixtures::circuit_sample;

/// A range check: one commitment, hashed alone.
const ONE: &str = "of_age";

/// Two commitments: one hashed with the first public input, the other with the second and with the first one's hash.
const TWO: &str = "card_shuffles";

/// Where the parts of [`TWO`]'s proof are.
mod proof {
    pub(super) const COUNT: usize = 128;
    pub(super) const FIRST: usize = 132;
    pub(super) const SECOND: usize = 164;
    pub(super) const KNOWLEDGE: usize = 196;
    pub(super) const END: usize = 228;
}

/// Where the parts of [`TWO`]'s key are. A point of the second group has 64 bytes.
mod key {
    pub(super) const POINTS: usize = 288;
    pub(super) const LISTS: usize = 452;
    pub(super) const FIRST_WIRE: usize = 460;
    pub(super) const SECOND_WIRES: usize = 472;
    pub(super) const KEYS: usize = 488;
    pub(super) const FIRST_GENERATOR: usize = 492;
    pub(super) const FIRST_SECRET: usize = 556;
    pub(super) const SECOND_GENERATOR: usize = 620;
    pub(super) const SECOND_SECRET: usize = 684;
    pub(super) const END: usize = 748;
}

const INFINITY: u8 = 0x40;

/// The bit in which the marks of a point and of its negative differ.
const SIGN: u8 = 0x40;

fn verify(submission: &Submission) -> Result<VerifiedProof, VerifyError> {
    verify_guarded(&GnarkGroth16Bn254, submission)
}

fn key_of(submission: &mut Submission) -> &mut Vec<u8> {
    let ProgramKey::VerifyingKey(key) = &mut submission.key else { unreachable!() };
    key
}

#[track_caller]
fn rejects_proof(name: &str, code: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut changed = circuit_sample(name);
    change(&mut changed.proof);
    let error = verify(&changed).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

#[track_caller]
fn rejects_key(code: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut changed = circuit_sample(TWO);
    change(key_of(&mut changed));
    let error = GnarkGroth16Bn254.program_id(&changed.key).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    let error = verify(&changed).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
}

/// For keys that a setup could have made, of another circuit.
#[track_caller]
fn is_another_programs_key(change: impl FnOnce(&mut Vec<u8>)) {
    let honest = circuit_sample(TWO);
    let mut changed = honest.clone();
    change(key_of(&mut changed));
    let id = |submission: &Submission| GnarkGroth16Bn254.program_id(&submission.key).unwrap();
    assert_ne!(id(&changed), id(&honest));
    assert_eq!(verify(&changed).unwrap_err().code(), "VER-012");
}

fn infinity(bytes: &mut [u8]) {
    bytes.fill(0);
    bytes[0] = INFINITY;
}

#[test]
fn accepts_one_commitment_and_two_that_depend_on_each_other() {
    for (name, commitments) in [(ONE, 1), (TWO, 2)] {
        let mut honest = circuit_sample(name);
        assert_eq!(honest.proof.len(), 164 + 32 * commitments);
        let verified = verify(&honest).unwrap();
        // What is proven are the circuit's public inputs, without the hashes that follow them.
        assert_eq!(Some(verified.public_values), honest.public_values);
        assert_eq!(verified.program_id.0, keccak256(&[key_of(&mut honest).as_slice()]));
    }
}

#[test]
fn rejects_another_public_input_whether_it_is_hashed_or_not() {
    for name in [ONE, TWO] {
        for input in 0..2 {
            let mut changed = circuit_sample(name);
            changed.public_values.as_mut().unwrap()[32 * input + 31] ^= 1;
            assert_eq!(verify(&changed).unwrap_err().code(), "VER-012", "{name}, input {input}");
        }
        // The hash of a commitment is no input that a prover may choose.
        let mut longer = circuit_sample(name);
        longer.public_values.as_mut().unwrap().extend([0; 32]);
        assert_eq!(verify(&longer).unwrap_err().code(), "VER-017", "{name}");
    }
}

#[test]
fn rejects_commitments_to_something_else() {
    for at in [proof::FIRST, proof::SECOND] {
        rejects_proof(TWO, "VER-012", |proof| proof[at] ^= SIGN);
        rejects_proof(TWO, "VER-012", |proof| infinity(&mut proof[at..at + 32]));
        // Another point of the proof, which is one of the group.
        rejects_proof(TWO, "VER-012", |proof| proof.copy_within(0..32, at));
    }
    rejects_proof(TWO, "VER-012", |proof| {
        let first = proof[proof::FIRST..proof::SECOND].to_vec();
        proof.copy_within(proof::SECOND..proof::KNOWLEDGE, proof::FIRST);
        proof[proof::SECOND..proof::KNOWLEDGE].copy_from_slice(&first);
    });
}

#[test]
fn rejects_commitments_whose_content_the_prover_does_not_prove_to_know() {
    rejects_proof(TWO, "VER-012", |proof| proof[proof::KNOWLEDGE] ^= SIGN);
    rejects_proof(TWO, "VER-012", |proof| {
        infinity(&mut proof[proof::KNOWLEDGE..proof::END]);
    });
    rejects_proof(TWO, "VER-012", |proof| {
        proof.copy_within(proof::FIRST..proof::SECOND, proof::KNOWLEDGE);
    });
    rejects_proof(TWO, "VER-003", |proof| {
        infinity(&mut proof[proof::KNOWLEDGE..proof::END]);
        proof[proof::END - 1] = 1;
    });
    // Neither a commitment nor its proof: nothing is committed to, which is known to everybody.
    rejects_proof(ONE, "VER-012", |proof| {
        let (commitment, knowledge) = proof[132..].split_at_mut(32);
        infinity(commitment);
        infinity(knowledge);
    });
}

#[test]
fn rejects_more_and_fewer_commitments_than_the_circuit_has() {
    // One less, and one more, whole.
    rejects_proof(TWO, "VER-003", |proof| {
        proof[proof::COUNT + 3] = 1;
        proof.drain(proof::SECOND..proof::KNOWLEDGE);
    });
    rejects_proof(TWO, "VER-003", |proof| {
        proof[proof::COUNT + 3] = 3;
        let second = proof[proof::SECOND..proof::KNOWLEDGE].to_vec();
        proof.splice(proof::KNOWLEDGE..proof::KNOWLEDGE, second);
    });
    // None at all: a proof of Groth16 alone.
    rejects_proof(TWO, "VER-003", |proof| {
        proof[proof::COUNT + 3] = 0;
        proof.drain(proof::FIRST..proof::KNOWLEDGE);
        infinity(&mut proof[proof::FIRST..]);
    });
    // Only the number.
    for count in [0, 1, 3, 9, 255] {
        rejects_proof(TWO, "VER-003", |proof| proof[proof::COUNT + 3] = count);
    }
    rejects_proof(TWO, "VER-003", |proof| proof[proof::COUNT] = 0xff);
    rejects_proof(TWO, "VER-003", |honest| *honest = circuit_sample(ONE).proof);
    rejects_proof(ONE, "VER-003", |honest| *honest = circuit_sample(TWO).proof);
}

#[test]
fn rejects_keys_in_which_commitments_are_hashed_with_what_comes_later() {
    // Wires 1 and 2 are the public inputs, 3 and 4 the hashes; 0 is the constant one.
    for wire in [0, 3, 4, 255] {
        rejects_key("VER-010", |key| key[key::FIRST_WIRE + 7] = wire);
    }
    for at in [key::SECOND_WIRES, key::SECOND_WIRES + 8] {
        for wire in [0, 4, 5] {
            rejects_key("VER-010", |key| key[at + 7] = wire);
        }
        rejects_key("VER-010", |key| key[at..at + 8].fill(0xff));
    }
    is_another_programs_key(|key| key[key::FIRST_WIRE + 7] = 2);
    is_another_programs_key(|key| key[key::SECOND_WIRES + 7] = 1);
    is_another_programs_key(|key| key[key::SECOND_WIRES + 15] = 1);
}

#[test]
fn rejects_keys_with_which_no_knowledge_would_have_to_be_proven() {
    for at in [key::FIRST_SECRET, key::SECOND_SECRET] {
        rejects_key("VER-010", |key| infinity(&mut key[at..at + 64]));
        is_another_programs_key(|key| key[at] ^= SIGN);
    }
    for at in [key::FIRST_GENERATOR, key::SECOND_GENERATOR] {
        // Alone it differs from the other one.
        rejects_key("VER-010", |key| key[at] ^= SIGN);
        rejects_key("VER-010", |key| infinity(&mut key[at..at + 64]));
    }
    rejects_key("VER-010", |key| {
        infinity(&mut key[key::FIRST_GENERATOR..key::FIRST_SECRET]);
        infinity(&mut key[key::SECOND_GENERATOR..key::SECOND_SECRET]);
    });
    is_another_programs_key(|key| {
        key[key::FIRST_GENERATOR] ^= SIGN;
        key[key::SECOND_GENERATOR] ^= SIGN;
    });
    // The secrets of the two commitments, swapped.
    is_another_programs_key(|key| {
        let first = key[key::FIRST_SECRET..key::SECOND_GENERATOR].to_vec();
        key.copy_within(key::SECOND_SECRET..key::END, key::FIRST_SECRET);
        key[key::SECOND_SECRET..].copy_from_slice(&first);
    });
}

#[test]
fn rejects_keys_whose_lists_do_not_fit_each_other() {
    rejects_key("VER-010", |key| key[key::KEYS + 3] = 1);
    rejects_key("VER-010", |key| key[key::KEYS + 3] = 3);
    rejects_key("VER-010", |key| key[key::LISTS + 3] = 1);
    rejects_key("VER-010", |key| key[key::LISTS + 3] = 3);
    rejects_key("VER-018", |key| key[key::LISTS + 3] = 9);
    rejects_key("VER-018", |key| key[key::LISTS..key::LISTS + 4].fill(0xff));
    // A list that promises more than there is reserves nothing.
    rejects_key("VER-010", |key| key[key::FIRST_WIRE - 4..key::FIRST_WIRE].fill(0xff));
    // Fewer points than commitments and the constant one.
    rejects_key("VER-010", |key| {
        key[key::POINTS + 3] = 2;
        key.drain(key::POINTS + 4 + 2 * 32..key::LISTS);
    });
    // Without the second commitment's key.
    rejects_key("VER-010", |key| key.truncate(key::SECOND_GENERATOR));
}
