//! What holds of every proof system: who accepts what, and what all of them must reject.

use collimate_core::{Commitment, ProgramId};
use collimate_verifiers::{
    ProgramKey, ProofSystemId, ProofSystems, VerifyError, limits::MAX_PUBLIC_VALUES_BYTES,
};

use crate::honest::{self, Honest};

#[track_caller]
fn assert_code(honest: &Honest, error: &VerifyError, codes: &[&str]) {
    assert!(codes.contains(&error.code()), "{}: {error}", honest.id);
    assert!(!error.is_retryable(), "{}: {error}", honest.id);
}

/// Every how many bytes a small proof is tried: SP1's on-chain forms take ten times as long as the others.
fn step(honest: &Honest) -> usize {
    if honest.submission.proof.len() > 300 && honest.id.name().starts_with("sp1-") { 13 } else { 1 }
}

#[test]
fn accepts_the_honest_proof_and_says_what_it_proves() {
    for honest in honest::all() {
        let verified = honest.truth();
        let program_id = honest.system.program_id(&honest.submission.key).unwrap();
        assert_eq!(verified.program_id, program_id, "{}", honest.id);
        if let Some(values) = &honest.submission.public_values {
            assert_eq!(&verified.public_values, values, "{}", honest.id);
        }
        let commitment = Commitment::new(&verified.public_values, &program_id);
        assert_eq!(verified.commitment, commitment, "{}", honest.id);
    }
}

#[test]
fn numbers_and_names_lead_to_the_verifier_and_stay_as_they_are() {
    for (number, id) in (0..).zip(ProofSystemId::ALL) {
        assert_eq!(id.number(), number);
        assert!(number <= ProofSystemId::MAX);
        assert_eq!(ProofSystemId::try_from(number), Ok(id));
        assert_eq!(id.name().parse(), Ok(id));
        assert_eq!(id.verifier().name(), id.name());
    }
    assert_eq!(ProofSystemId::try_from(95).unwrap_err().code(), "VER-019");
    assert!("sp1".parse::<ProofSystemId>().is_err());
    let numbered: Vec<_> = ProofSystemId::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(
        numbered.join(" "),
        "sp1-compressed sp1-groth16 sp1-plonk risc0-composite risc0-succinct risc0-groth16 \
         gnark-groth16-bn254 gnark-plonk-bn254 gnark-plonk-bls12-381 circom-groth16-bn254 \
         risc0-succinct-v2 risc0-groth16-v2"
    );
}

#[test]
fn a_set_of_proof_systems_has_each_once_by_its_number() {
    use ProofSystemId::{CircomGroth16Bn254, Sp1Groth16};
    let systems: ProofSystems =
        [CircomGroth16Bn254, Sp1Groth16, CircomGroth16Bn254].into_iter().collect();
    assert_eq!(systems.numbers().collect::<Vec<_>>(), [1, 9]);
    assert_eq!(systems.bits(), 1 << 1 | 1 << 9);
    assert_eq!(systems.get(9).map(|system| system.name()), Some("circom-groth16-bn254"));
    assert!(systems.get(0).is_none());
    assert!(!systems.is_empty() && ProofSystems::default().is_empty());
}

#[test]
fn rejects_no_proof_and_too_large_ones() {
    for honest in honest::all() {
        let error = honest.verify(|changed| changed.proof.clear()).unwrap_err();
        assert_code(honest, &error, &["VER-001"]);
        let limit = honest.system.max_proof_bytes();
        let error = honest.verify(|changed| changed.proof.resize(limit + 1, 0)).unwrap_err();
        assert_code(honest, &error, &["VER-002"]);
        let error = honest.verify(|changed| changed.proof.resize(100 << 20, 0)).unwrap_err();
        assert_code(honest, &error, &["VER-002"]);
    }
}

#[test]
fn rejects_truncated_proofs() {
    for honest in honest::all() {
        let full = honest.submission.proof.len();
        let lengths: Vec<_> = if honest.is_small() {
            (1..full).step_by(step(honest)).collect()
        } else {
            // SP1's file may lack its last byte.
            vec![1, 3, 4, 5, 12, 100, full / 2, full - 100, full - 4, full - 2]
        };
        for length in lengths {
            let cut = honest.verify(|changed| changed.proof.truncate(length));
            assert!(cut.is_err(), "{}: cut to {length}", honest.id);
        }
    }
}

#[test]
fn rejects_bytes_after_the_proof() {
    for honest in honest::all() {
        for extra in [&[0][..], &[1], &[0; 32], &[0xff; 64]] {
            let longer = honest.verify(|changed| changed.proof.extend(extra));
            assert!(longer.is_err(), "{}: {} bytes more", honest.id, extra.len());
        }
    }
}

#[test]
fn rejects_flipped_bits_of_small_proofs() {
    for honest in honest::all().filter(|honest| honest.is_small()) {
        // One bit of every byte, and those that mark points, which begin at multiples of 16, or 4 behind one.
        for at in (0..honest.submission.proof.len()).step_by(step(honest)) {
            let marks = if matches!(at % 16, 0 | 4) { 5..8 } else { 0..0 };
            for bit in marks.chain([at % 5]) {
                let flipped = honest.verify(|changed| changed.proof[at] ^= 1 << bit);
                let error = flipped.expect_err("a flipped bit");
                assert_ne!(error.code(), "VER-013", "{}: byte {at}, bit {bit}", honest.id);
            }
        }
    }
}

#[test]
fn rejects_other_public_values() {
    for honest in honest::all() {
        let values = honest.truth().public_values;
        let mut flipped = values.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let shorter = values[1..].to_vec();
        let longer = [&values[..], &[0]].concat();
        for other in [flipped, shorter, longer, Vec::new()] {
            let error = honest.verify(|changed| changed.public_values = Some(other)).unwrap_err();
            assert_code(honest, &error, &["VER-008", "VER-012", "VER-017"]);
        }
        let huge = vec![0; MAX_PUBLIC_VALUES_BYTES + 1];
        let error = honest.verify(|changed| changed.public_values = Some(huge)).unwrap_err();
        assert_code(honest, &error, &["VER-002", "VER-008"]);
        match honest.verify(|changed| changed.public_values = None) {
            Ok(carried) => assert_eq!(carried.public_values, values, "{}", honest.id),
            Err(error) => assert_code(honest, &error, &["VER-016"]),
        }
    }
}

#[test]
fn rejects_another_programs_id() {
    for honest in honest::all() {
        let verified = honest.truth();
        let mut other = verified.program_id;
        other.0[31] ^= 1;
        let error =
            honest.verify(|changed| changed.key = ProgramKey::ProgramId(other)).unwrap_err();
        // A circuit's proof needs the key itself.
        assert_code(honest, &error, &["VER-007", "VER-012", "VER-010"]);
        let none = ProgramKey::ProgramId(ProgramId([0; 32]));
        assert!(honest.verify(|changed| changed.key = none).is_err(), "{}", honest.id);
    }
}

#[test]
fn a_changed_key_is_refused_or_another_program() {
    for honest in honest::all() {
        let ProgramKey::VerifyingKey(key) = &honest.submission.key else { continue };
        let truth = honest.truth().program_id;
        let step = (key.len() / 500).max(1);
        for at in (0..key.len()).step_by(step) {
            let mut flipped = key.clone();
            flipped[at] ^= 1 << (at / step % 8);
            let flipped = ProgramKey::VerifyingKey(flipped);
            if let Ok(verified) = honest.verify(|changed| changed.key = flipped) {
                assert_ne!(verified.program_id, truth, "{}: byte {at}", honest.id);
            }
        }
    }
}

#[test]
fn rejects_malformed_keys() {
    for honest in honest::all() {
        let mut keys = vec![Vec::new(), vec![0; 7], vec![0xff; 700]];
        if let ProgramKey::VerifyingKey(key) = &honest.submission.key {
            keys.push(key[..key.len() - 1].to_vec());
            keys.push([&key[..], &[0]].concat());
            keys.push([&key[..], &[0; 32]].concat());
        }
        for key in keys {
            let key = ProgramKey::VerifyingKey(key);
            let error = honest.system.program_id(&key).unwrap_err();
            assert_code(honest, &error, &["VER-010"]);
            let error = honest.verify(|changed| changed.key = key).unwrap_err();
            assert_code(honest, &error, &["VER-010"]);
        }
        let huge = ProgramKey::VerifyingKey(vec![0; honest.system.max_key_bytes() + 1]);
        let error = honest.verify(|changed| changed.key = huge).unwrap_err();
        assert_code(honest, &error, &["VER-002", "VER-010"]);
    }
}

#[test]
fn rejects_the_proofs_of_every_other_system() {
    for honest in honest::all() {
        for other in honest::all().filter(|other| other.id != honest.id) {
            let proof = other.submission.proof.clone();
            let error = honest.verify(|changed| changed.proof = proof).unwrap_err();
            assert_ne!(error.code(), "VER-013", "{} as {}", other.id, honest.id);
        }
    }
}
