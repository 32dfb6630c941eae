//! gnark's proofs: second encodings, and files that are something else.

use collimate_verifiers::{ProgramKey, ProofSystemId, VerifyError, gnark::public_inputs};

use crate::honest::{self, Honest};

const BN254_INFINITY: u8 = 0x40;
const BLS12_381_INFINITY: u8 = 0xc0;

#[track_caller]
fn rejects_proof(honest: &Honest, code: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let error = honest.verify(|changed| change(&mut changed.proof)).unwrap_err();
    assert_eq!(error.code(), code, "{}: {error}", honest.id);
}

#[track_caller]
fn rejects_key(honest: &Honest, code: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let ProgramKey::VerifyingKey(mut key) = honest.submission.key.clone() else { unreachable!() };
    change(&mut key);
    let key = ProgramKey::VerifyingKey(key);
    let error = honest.system.program_id(&key).unwrap_err();
    assert_eq!(error.code(), code, "{}: {error}", honest.id);
    let error = honest.verify(|changed| changed.key = key).unwrap_err();
    assert_eq!(error.code(), code, "{}: {error}", honest.id);
}

/// Plonk over both curves: with the bytes of a coordinate, and the mark of infinity.
fn plonk() -> impl Iterator<Item = (&'static Honest, usize, u8)> {
    [
        (ProofSystemId::GnarkPlonkBn254, 32, BN254_INFINITY),
        (ProofSystemId::GnarkPlonkBls12_381, 48, BLS12_381_INFINITY),
    ]
    .into_iter()
    .filter_map(|(id, bytes, mark)| Some((honest::of(id)?, bytes, mark)))
}

#[test]
fn groth16_rejects_a_proof_of_knowledge_for_no_commitment() {
    let Some(honest) = honest::of(ProofSystemId::GnarkGroth16Bn254) else { return };
    // Any other point there would do for gnark, which does not look at it.
    rejects_proof(honest, "VER-003", |proof| proof.copy_within(0..32, 132));
    rejects_proof(honest, "VER-003", |proof| proof[163] = 1);
}

#[test]
fn groth16_rejects_points_at_infinity() {
    let Some(honest) = honest::of(ProofSystemId::GnarkGroth16Bn254) else { return };
    for (at, bytes) in [(0, 32), (32, 64), (96, 32)] {
        rejects_proof(honest, "VER-003", |proof| {
            proof[at..at + bytes].fill(0);
            proof[at] = BN254_INFINITY;
        });
    }
    // Alpha, then beta, gamma and delta in the second group.
    for (at, bytes) in [(0, 32), (64, 64), (128, 64), (224, 64)] {
        rejects_key(honest, "VER-010", |key| {
            key[at..at + bytes].fill(0);
            key[at] = BN254_INFINITY;
        });
    }
}

#[test]
fn groth16_rejects_commitments_where_the_circuit_has_none() {
    let Some(honest) = honest::of(ProofSystemId::GnarkGroth16Bn254) else { return };
    rejects_proof(honest, "VER-003", |proof| proof[131] = 1);
    rejects_proof(honest, "VER-003", |proof| proof[128] = 1);
    rejects_key(honest, "VER-010", |key| key[359] = 1);
    rejects_key(honest, "VER-018", |key| key[356] = 1);
    rejects_key(honest, "VER-010", |key| key[363] = 1);
    // One that is whole.
    rejects_proof(honest, "VER-003", |proof| {
        proof[131] = 1;
        let point = proof[..32].to_vec();
        proof.splice(132..132, point);
    });
}

#[test]
fn plonk_rejects_commitments_where_the_circuit_has_none() {
    for (honest, bytes, _) in plonk() {
        rejects_proof(honest, "VER-003", |proof| proof[8 * bytes + 3] = 7);
        rejects_proof(honest, "VER-003", |proof| proof[8 * bytes] = 0xff);
        rejects_proof(honest, "VER-003", |proof| *proof.last_mut().unwrap() = 1);
        rejects_key(honest, "VER-010", |key| key[112 + 8 * bytes + 3] = 1);
        rejects_key(honest, "VER-018", |key| key[112 + 8 * bytes] = 1);
        rejects_key(honest, "VER-010", |key| *key.last_mut().unwrap() = 1);
        // One that is whole: with its claim, and its point.
        rejects_proof(honest, "VER-003", |proof| {
            let end = proof.len();
            proof[end - 1] = 1;
            proof.extend_from_within(..bytes);
            let claims = 8 * bytes + 4;
            proof[claims - 1] = 7;
            proof.splice(claims + 6 * 32..claims + 6 * 32, [0; 32]);
        });
    }
}

#[test]
fn lists_that_promise_more_than_there_is_reserve_nothing() {
    let Some(honest) = honest::of(ProofSystemId::GnarkGroth16Bn254) else { return };
    rejects_key(honest, "VER-010", |key| key[288..292].fill(0xff));
}

#[test]
fn plonk_rejects_another_point_in_every_place() {
    for (honest, bytes, infinity) in plonk() {
        let points = (0..8).map(|index| index * bytes).chain([8 * bytes + 4 + 6 * 32]);
        for at in points {
            rejects_proof(honest, "VER-012", |proof| {
                proof[at..at + bytes].fill(0);
                proof[at] = infinity;
            });
            // The other one with this x: its negative. The lowest bit of the mark says which.
            let mark = if bytes == 32 { 0x40 } else { 0x20 };
            rejects_proof(honest, "VER-012", |proof| proof[at] ^= mark);
            // The point at infinity with something behind its mark.
            rejects_proof(honest, "VER-003", |proof| {
                proof[at..at + bytes].fill(0);
                proof[at] = infinity;
                proof[at + bytes - 1] = 1;
            });
        }
    }
}

#[test]
fn plonk_rejects_another_value_in_every_place() {
    for (honest, bytes, _) in plonk() {
        let claims = (0..6).map(|index| 8 * bytes + 4 + 32 * index);
        for at in claims.chain([9 * bytes + 4 + 6 * 32]) {
            rejects_proof(honest, "VER-012", |proof| proof[at + 31] ^= 1);
            rejects_proof(honest, "VER-012", |proof| proof[at..at + 32].fill(0));
            rejects_proof(honest, "VER-003", |proof| proof[at..at + 32].fill(0xff));
        }
    }
}

#[test]
fn plonk_rejects_keys_of_no_circuit() {
    for (honest, bytes, infinity) in plonk() {
        // Size, its inverse, generator, number of inputs, shift.
        rejects_key(honest, "VER-010", |key| key[7] = 0);
        rejects_key(honest, "VER-010", |key| key[7] = 12);
        rejects_key(honest, "VER-010", |key| key[7] = 16);
        rejects_key(honest, "VER-010", |key| key[0] = 1);
        rejects_key(honest, "VER-010", |key| key[39] ^= 1);
        rejects_key(honest, "VER-010", |key| key[71] ^= 1);
        rejects_key(honest, "VER-010", |key| key[72] = 1);
        rejects_key(honest, "VER-010", |key| key[79] = 9);
        rejects_key(honest, "VER-010", |key| key[80..112].fill(0));
        rejects_key(honest, "VER-010", |key| {
            key[80..112].fill(0);
            key[111] = 1;
        });
        // The setup's points.
        let setup = 112 + 8 * bytes + 4;
        for (at, length) in
            [(setup, bytes), (setup + bytes, 2 * bytes), (setup + 3 * bytes, 2 * bytes)]
        {
            rejects_key(honest, "VER-010", |key| {
                key[at..at + length].fill(0);
                key[at] = infinity;
            });
        }
    }
}

#[test]
fn public_inputs_are_read_from_public_witnesses_only() {
    let word = [7; 32];
    let file = |public: u32, secret: u32, all: u32, words: usize| {
        let mut file = [public, secret, all].map(u32::to_be_bytes).concat();
        (0..words).for_each(|_| file.extend(word));
        file
    };
    assert_eq!(public_inputs(&file(2, 0, 2, 2)).unwrap(), [word, word].concat());
    assert_eq!(public_inputs(&file(0, 0, 0, 0)).unwrap(), Vec::<u8>::new());
    let code = |file: &[u8]| public_inputs(file).as_ref().map_err(VerifyError::code).unwrap_err();
    for wrong in [
        file(1, 1, 2, 2),
        file(2, 0, 2, 1),
        file(1, 0, 2, 2),
        file(2, 0, 1, 2),
        file(u32::MAX, 0, u32::MAX, 1),
        file(1, 0, 1, 1)[..11].to_vec(),
        file(1, 0, 1, 1)[..43].to_vec(),
        Vec::new(),
    ] {
        assert_eq!(code(&wrong), "VER-017");
    }
    assert_eq!(code(&file(3000, 0, 3000, 3000)), "VER-002");
}
