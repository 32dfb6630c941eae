//! circom's circuits: the fixtures of snarkjs, and words that are no points or numbers.

use ark_bn254::{Fq, Fq2, Fr, G2Affine};
use ark_ff::{BigInteger, PrimeField};
use collimate_verifiers::{
    ProgramKey, ProofSystem, Submission, VerifyError,
    circom::{CircomGroth16Bn254, snarkjs},
    verify_guarded,
};

use crate::fixtures::{circom, folder};

const FIXTURES: [(&str, usize); 3] =
    [("no-public-inputs", 0), ("1-public-input", 1), ("81-public-inputs", 81)];

fn verify(submission: &Submission) -> Result<collimate_verifiers::VerifiedProof, VerifyError> {
    verify_guarded(&CircomGroth16Bn254, submission)
}

fn code_of(submission: &Submission) -> &'static str {
    verify(submission).expect_err("must be rejected").code()
}

/// Adds the order of a field to a big-endian word: the same number, not reduced.
fn unreduced<F: PrimeField>(word: &[u8]) -> Vec<u8> {
    let mut sum = word.to_vec();
    let mut carry = 0;
    for (byte, addend) in sum.iter_mut().rev().zip(F::MODULUS.to_bytes_le()) {
        let value = u32::from(*byte) + u32::from(addend) + carry;
        *byte = value as u8;
        carry = value >> 8;
    }
    assert_eq!(carry, 0);
    sum
}

fn key_of(submission: &mut Submission) -> &mut Vec<u8> {
    let ProgramKey::VerifyingKey(key) = &mut submission.key else { unreachable!() };
    key
}

#[test]
fn accepts_proofs_with_no_one_and_many_public_inputs() {
    for (name, inputs) in FIXTURES {
        let Some(submission) = circom(name) else { return };
        let verified = verify(&submission).unwrap();
        assert_eq!(verified.public_values.len(), 32 * inputs, "{name}");
        assert_eq!(submission.proof.len(), 256);
    }
}

#[test]
fn rejects_another_circuits_key_and_another_number_of_inputs() {
    for (name, _) in FIXTURES {
        for (other, _) in FIXTURES.into_iter().filter(|(other, _)| *other != name) {
            let (Some(honest), Some(other)) = (circom(name), circom(other)) else { return };
            let mixed = Submission { key: other.key, ..honest.clone() };
            assert_eq!(code_of(&mixed), "VER-017");
            let mixed = Submission { public_values: other.public_values, ..honest.clone() };
            assert_eq!(code_of(&mixed), "VER-017");
            let mixed = Submission { proof: other.proof, ..honest };
            assert_eq!(code_of(&mixed), "VER-012");
        }
    }
}

#[test]
fn rejects_each_public_input_changed() {
    let Some(honest) = circom("81-public-inputs") else { return };
    for input in 0..81 {
        let mut changed = honest.clone();
        changed.public_values.as_mut().unwrap()[32 * input + 31] ^= 1;
        assert_eq!(code_of(&changed), "VER-012", "input {input}");
    }
}

#[test]
fn rejects_numbers_that_are_not_reduced() {
    let Some(honest) = circom("1-public-input") else { return };
    let mut changed = honest.clone();
    let words = unreduced::<Fr>(changed.public_values.as_ref().unwrap());
    changed.public_values = Some(words);
    assert_eq!(code_of(&changed), "VER-017");
    for word in 0..8 {
        let mut changed = honest.clone();
        let at = 32 * word..32 * word + 32;
        let unreduced = unreduced::<Fq>(&changed.proof[at.clone()]);
        changed.proof[at].copy_from_slice(&unreduced);
        assert_eq!(code_of(&changed), "VER-003", "word {word}");
    }
    for word in 0..key_of(&mut honest.clone()).len() / 32 {
        let mut changed = honest.clone();
        let key = key_of(&mut changed);
        let at = 32 * word..32 * word + 32;
        let unreduced = unreduced::<Fq>(&key[at.clone()]);
        key[at].copy_from_slice(&unreduced);
        assert_eq!(code_of(&changed), "VER-010", "word {word}");
    }
}

/// A point of the curve over Fq2 that is not in the group of prime order.
fn outside_the_subgroup() -> Vec<u8> {
    let point = (1_u64..)
        .filter_map(|x| {
            G2Affine::get_point_from_x_unchecked(Fq2::new(Fq::from(x), Fq::from(1_u64)), false)
        })
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    assert!(point.is_on_curve());
    let word = |number: Fq| number.into_bigint().to_bytes_be();
    [word(point.x.c1), word(point.x.c0), word(point.y.c1), word(point.y.c0)].concat()
}

#[test]
fn rejects_points_outside_the_subgroup_and_at_infinity() {
    let Some(honest) = circom("1-public-input") else { return };
    let g2 = outside_the_subgroup();
    for point in [&g2[..], &[0; 128]] {
        let mut changed = honest.clone();
        changed.proof[64..192].copy_from_slice(point);
        assert_eq!(code_of(&changed), "VER-003");
        for at in [64, 192, 320] {
            let mut changed = honest.clone();
            key_of(&mut changed)[at..at + 128].copy_from_slice(point);
            assert_eq!(code_of(&changed), "VER-010");
            assert!(CircomGroth16Bn254.program_id(&changed.key).is_err());
        }
    }
    for at in [0, 192] {
        let mut changed = honest.clone();
        changed.proof[at..at + 64].fill(0);
        assert_eq!(code_of(&changed), "VER-003");
    }
    let mut changed = honest;
    key_of(&mut changed)[..64].fill(0);
    assert_eq!(code_of(&changed), "VER-010");
}

#[test]
fn refuses_files_that_snarkjs_did_not_write() {
    let Some(folder) = folder("circom/1-public-input") else { return };
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (proof, key) = (read("proof.json"), read("verification_key.json"));
    for (from, to) in
        [("groth16", "plonk"), ("bn128", "bls12381"), ("pi_a", "a"), ("\"1\"", "\"2\"")]
    {
        let error = snarkjs::proof(proof.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error.code(), "VER-003", "{from}");
    }
    for (from, to) in
        [("groth16", "plonk"), ("bn128", "bls12381"), ("nPublic\": 1", "nPublic\": 2")]
    {
        let error = snarkjs::verifying_key(key.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error.code(), "VER-010", "{from}");
    }
    let long = format!("[\"1{}\"]", "0".repeat(78));
    for inputs in ["", "{}", "[1]", "[\"\"]", "[\"01\"]", "[\"0x1\"]", "[\"-1\"]", &long] {
        let error = snarkjs::public_inputs(inputs.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "VER-017", "{inputs}");
    }
    assert_eq!(snarkjs::public_inputs(&vec![b' '; 5 << 20]).unwrap_err().code(), "VER-002");
    let max = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    assert_eq!(snarkjs::public_inputs(format!("[\"{max}\"]").as_bytes()).unwrap(), [0xff; 32]);
}
