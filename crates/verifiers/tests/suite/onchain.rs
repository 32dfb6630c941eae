//! What the verifiers of SP1's on-chain forms accept and reject, with real proofs.

use crate::fixtures::{onchain, program_id};
use collimate_core::ProgramId;
use collimate_verifiers::{
    ProgramKey, ProofSystem, Submission, VerifiedProof, VerifyError,
    sp1::{Sp1Groth16, Sp1Groth16Under, Sp1Plonk},
    verify_guarded,
};

const GROTH16: [&str; 3] = [
    "groth16-v6.1.0-zkaleido",
    "groth16-v6.1.0-ibc-memberships",
    "groth16-v6.1.0-ibc-update_client",
];
const PLONK: [&str; 2] = ["plonk-v6.1.0-ibc-memberships", "plonk-v6.1.0-ibc-update_client"];

/// Every real proof of the current version with the verifier for it.
fn proofs() -> Vec<(&'static dyn ProofSystem, Submission)> {
    let groth16 = GROTH16.map(|name| (&Sp1Groth16 as &dyn ProofSystem, onchain(name)));
    let plonk = PLONK.map(|name| (&Sp1Plonk as &dyn ProofSystem, onchain(name)));
    groth16.into_iter().chain(plonk).filter_map(|(system, proof)| Some((system, proof?))).collect()
}

fn verify(
    system: &dyn ProofSystem,
    proof: &Submission,
    change: impl Fn(&mut Submission),
) -> Result<VerifiedProof, VerifyError> {
    let mut changed = proof.clone();
    change(&mut changed);
    verify_guarded(system, &changed)
}

#[track_caller]
fn rejects_all(code: &str, change: impl Fn(&mut Submission)) {
    for (system, proof) in proofs() {
        let error = verify(system, &proof, &change).expect_err("must be rejected");
        assert_eq!(error.code(), code, "{}: {error}", system.name());
    }
}

#[test]
fn accepts_real_proofs() {
    for (system, proof) in proofs() {
        let verified = verify(system, &proof, |_| ()).unwrap();
        assert_eq!(ProgramKey::ProgramId(verified.program_id), proof.key);
        assert_eq!(Some(verified.public_values), proof.public_values);
    }
}

#[test]
fn rejects_proofs_of_other_versions() {
    let others: [(&dyn ProofSystem, &str); 3] = [
        (&Sp1Groth16, "groth16-v6.0.0-template"),
        (&Sp1Groth16, "groth16-v5.0.0-zkaleido"),
        (&Sp1Plonk, "plonk-v6.0.0-template"),
    ];
    for (system, name) in others {
        let Some(proof) = onchain(name) else { return };
        assert_eq!(verify(system, &proof, |_| ()).unwrap_err().code(), "VER-006", "{name}");
    }
}

#[test]
fn rejects_the_other_circuits_proof() {
    for name in GROTH16 {
        let Some(proof) = onchain(name) else { return };
        assert_eq!(verify(&Sp1Plonk, &proof, |_| ()).unwrap_err().code(), "VER-006");
    }
}

#[test]
fn rejects_other_public_values() {
    rejects_all("VER-012", |proof| proof.public_values.as_mut().unwrap()[0] ^= 1);
    rejects_all("VER-016", |proof| proof.public_values = None);
    rejects_all("VER-002", |proof| proof.public_values = Some(vec![0; 1 << 20]));
}

#[test]
fn rejects_another_program() {
    rejects_all("VER-012", |proof| {
        let ProgramKey::ProgramId(id) = &mut proof.key else { unreachable!() };
        id.0[31] ^= 1;
    });
}

#[test]
fn rejects_a_failed_execution() {
    rejects_all("VER-011", |proof| proof.proof[35] = 1);
}

#[test]
fn rejects_other_recursion_keys() {
    rejects_all("VER-006", |proof| proof.proof[60] ^= 1);
}

#[test]
fn rejects_wrong_sizes() {
    rejects_all("VER-001", |proof| proof.proof.clear());
    rejects_all("VER-003", |proof| proof.proof.truncate(99));
    rejects_all("VER-012", |proof| proof.proof.truncate(100));
    rejects_all("VER-012", |proof| proof.proof.push(0));
    rejects_all("VER-002", |proof| proof.proof.resize(100 << 20, 0));
}

#[test]
fn rejects_a_flipped_bit_anywhere() {
    // One proof of each circuit: a pairing check takes its time.
    let mut seen = Vec::new();
    for (system, proof) in proofs() {
        if seen.contains(&system.name()) {
            continue;
        }
        seen.push(system.name());
        for at in (0..proof.proof.len()).step_by(13) {
            let flipped = verify(system, &proof, |proof| proof.proof[at] ^= 1 << (at % 8));
            assert!(flipped.is_err(), "{}: byte {at}", system.name());
        }
    }
}

#[test]
fn rejects_words_that_are_not_reduced() {
    // Orders of BN254's coordinates and scalars.
    let orders = [
        "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47",
        "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001",
    ]
    .map(program_id);
    let mut seen = Vec::new();
    for (system, proof) in proofs() {
        if seen.contains(&system.name()) {
            continue;
        }
        seen.push(system.name());
        for order in orders {
            // From the nonce on, which is a scalar, too.
            for at in (68..proof.proof.len()).step_by(32) {
                let mut carry = 0;
                let mut changed = proof.clone();
                for (byte, addend) in
                    changed.proof[at..at + 32].iter_mut().rev().zip(order.0.into_iter().rev())
                {
                    let sum = u32::from(*byte) + u32::from(addend) + carry;
                    *byte = sum as u8;
                    carry = sum >> 8;
                }
                assert!(verify_guarded(system, &changed).is_err(), "{}: {at}", system.name());
            }
        }
    }
}

#[test]
fn the_published_key_is_the_one_that_contracts_have() {
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/test/data/sp1-groth16-v6.1.0.json");
    let key: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let hash = ProgramId(Sp1Groth16Under::published().key_hash());
    assert_eq!(key["verifierHash"], hash.to_string());
}

#[test]
fn a_key_of_ones_own_accepts_its_proofs_and_no_others() {
    let published = Sp1Groth16Under::published();
    // Another point of the key: what another set-up would have.
    let mut bytes = sp1_verifier::GROTH16_VK_BYTES.to_vec();
    let alpha: Vec<u8> = bytes[..32].to_vec();
    bytes[292..324].copy_from_slice(&alpha);
    let other = Sp1Groth16Under::new(bytes.clone());
    let truncated = Sp1Groth16Under::new(bytes[..100].to_vec());
    for proof in GROTH16.into_iter().filter_map(onchain) {
        assert_eq!(
            verify(&published, &proof, |_| ()).unwrap().program_id,
            verify(&Sp1Groth16, &proof, |_| ()).unwrap().program_id
        );
        // Its selector names the key, so it is told to be of another version ...
        assert_eq!(verify(&other, &proof, |_| ()).unwrap_err().code(), "VER-006");
        // ... and with the other key's selector the proof does not hold.
        for (key, system) in [(&bytes[..], &other), (&bytes[..100], &truncated)] {
            let selector = sp1_verifier::sha256_hash(key);
            let forged = verify(system, &proof, |s| s.proof[..4].copy_from_slice(&selector[..4]));
            let code = forged.unwrap_err().code();
            assert!(["VER-012", "VER-013"].contains(&code), "{code}");
        }
    }
}
