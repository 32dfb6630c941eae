//! SP1's wrap circuits are gnark's: five public inputs, and Plonk's has a commitment. Their proofs, written as gnark writes
//! them instead of as contracts take them, are real proofs for gnark's verifiers, too.

use ark_bn254::{Fq, Fq2};
use ark_ff::PrimeField;
use collimate_verifiers::{
    ProgramKey, ProofSystemId, Submission, VerifiedProof, VerifyError, verify_guarded,
};
use sha2::{Digest, Sha256};
use sp1_verifier::{GROTH16_VK_BYTES, PLONK_VK_BYTES};

use crate::fixtures::{onchain, program_id};

/// What Plonk's linearised polynomial is at ζ. Contracts compute it, so it is not in their form of the proof; computed here by
/// another program from the paper's equation.
const LINEARISED: [(&str, &str); 2] = [
    (
        "plonk-v6.1.0-ibc-memberships",
        "2f4dd1bed0c7e61f63c001801cf53ea67c7af178ad385d416436710404e40728",
    ),
    (
        "plonk-v6.1.0-ibc-update_client",
        "1cafbbafaba2238d2e19a2178219ad22073a5e787a1164a53cb18caa2fc0d1f3",
    ),
];

const SMALLEST: u8 = 0x80;
const LARGEST: u8 = 0xc0;

fn number(word: &[u8]) -> Fq {
    Fq::from_be_bytes_mod_order(word)
}

fn mark(mut x: Vec<u8>, largest: bool) -> Vec<u8> {
    x[0] |= if largest { LARGEST } else { SMALLEST };
    x
}

/// A point of the first group: x, y to x and a mark.
fn g1(raw: &[u8]) -> Vec<u8> {
    let y = number(&raw[32..64]);
    mark(raw[..32].to_vec(), y > -y)
}

fn g2(raw: &[u8]) -> Vec<u8> {
    let y = Fq2::new(number(&raw[96..128]), number(&raw[64..96]));
    mark(raw[..64].to_vec(), y > -y)
}

/// The circuit's public inputs: program, digest of the public values, exit code, root of the recursion keys, nonce.
fn public_inputs(proof: &Submission) -> Vec<u8> {
    let ProgramKey::ProgramId(program) = &proof.key else { unreachable!() };
    let mut digest = Sha256::digest(proof.public_values.as_ref().unwrap());
    digest[0] &= 0x1f;
    [&program.0[..], &digest, &proof.proof[4..100]].concat()
}

fn groth16(name: &str) -> Option<Submission> {
    let proof = onchain(name)?;
    let points = &proof.proof[100..];
    let no_commitments = [&[0, 0, 0, 0, 0x40][..], &[0; 31]].concat();
    Some(Submission {
        proof: [g1(&points[..64]), g2(&points[64..192]), g1(&points[192..]), no_commitments]
            .concat(),
        key: ProgramKey::VerifyingKey(GROTH16_VK_BYTES.to_vec()),
        public_values: Some(public_inputs(&proof)),
    })
}

fn plonk(name: &str, linearised: &str) -> Option<Submission> {
    let proof = onchain(name)?;
    let mut rest = &proof.proof[100..];
    let mut take = |bytes: usize| {
        let (taken, after) = rest.split_at(bytes);
        rest = after;
        taken
    };
    let wires_and_quotient: Vec<u8> = (0..6).flat_map(|_| g1(take(64))).collect();
    let (wires, quotient) = wires_and_quotient.split_at(96);
    let claims = take(5 * 32);
    let product = g1(take(64));
    let shifted_product = take(32);
    let (opening, shifted_opening) = (g1(take(64)), g1(take(64)));
    let selector_claim = take(32);
    let commitment = g1(take(64));
    assert!(rest.is_empty());
    let parts: [&[u8]; 12] = [
        wires,
        &product,
        quotient,
        &opening,
        &[0, 0, 0, 7],
        &program_id(linearised).0,
        claims,
        selector_claim,
        &shifted_opening,
        shifted_product,
        &[0, 0, 0, 1],
        &commitment,
    ];
    Some(Submission {
        proof: parts.concat(),
        key: ProgramKey::VerifyingKey(PLONK_VK_BYTES.to_vec()),
        public_values: Some(public_inputs(&proof)),
    })
}

fn verify(id: ProofSystemId, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
    verify_guarded(id.verifier().as_ref(), submission)
}

#[test]
fn groth16_accepts_them() {
    for name in [
        "groth16-v6.1.0-zkaleido",
        "groth16-v6.1.0-ibc-memberships",
        "groth16-v6.1.0-ibc-update_client",
    ] {
        let Some(submission) = groth16(name) else { return };
        let verified = verify(ProofSystemId::GnarkGroth16Bn254, &submission).unwrap();
        assert_eq!(Some(verified.public_values), submission.public_values);
        for input in 0..5 {
            let mut changed = submission.clone();
            changed.public_values.as_mut().unwrap()[32 * input + 31] ^= 1;
            let error = verify(ProofSystemId::GnarkGroth16Bn254, &changed).unwrap_err();
            assert_eq!(error.code(), "VER-012", "input {input}");
        }
    }
}

#[test]
fn plonk_accepts_them_with_their_commitment() {
    for (name, linearised) in LINEARISED {
        let Some(submission) = plonk(name, linearised) else { return };
        let verified = verify(ProofSystemId::GnarkPlonkBn254, &submission).unwrap();
        assert_eq!(Some(verified.public_values), submission.public_values);
        for input in 0..5 {
            let mut changed = submission.clone();
            changed.public_values.as_mut().unwrap()[32 * input + 31] ^= 1;
            let error = verify(ProofSystemId::GnarkPlonkBn254, &changed).unwrap_err();
            assert_eq!(error.code(), "VER-012", "input {input}");
        }
        // No bit of the proof is free, those of the commitment and of its claim among them.
        for at in 0..submission.proof.len() {
            let mut changed = submission.clone();
            changed.proof[at] ^= 1 << (at % 8);
            assert!(verify(ProofSystemId::GnarkPlonkBn254, &changed).is_err(), "byte {at}");
        }
    }
}

#[test]
fn plonk_rejects_a_commitment_less_or_elsewhere() {
    let (name, linearised) = LINEARISED[0];
    let Some(submission) = plonk(name, linearised) else { return };
    let code = |change: &dyn Fn(&mut Vec<u8>, &mut Vec<u8>)| {
        let mut changed = submission.clone();
        let ProgramKey::VerifyingKey(key) = &mut changed.key else { unreachable!() };
        change(&mut changed.proof, key);
        verify(ProofSystemId::GnarkPlonkBn254, &changed).unwrap_err().code()
    };
    // A proof without it: six claims, no commitment.
    let without = |proof: &mut Vec<u8>, _: &mut Vec<u8>| {
        proof[259] = 6;
        proof.drain(260 + 6 * 32..260 + 7 * 32);
        proof.truncate(proof.len() - 32);
        *proof.last_mut().unwrap() = 0;
    };
    assert_eq!(code(&without), "VER-003");
    // In another row, and in one that the circuit does not have.
    assert_eq!(code(&|_, key| *key.last_mut().unwrap() ^= 1), "VER-012");
    assert_eq!(code(&|_, key| key[34_368 - 8] = 1), "VER-010");
    // A commitment and its row are missing in one of the two lists.
    assert_eq!(code(&|_, key| key[34_368 - 9] = 0), "VER-010");
    assert_eq!(code(&|_, key| key[371] = 0), "VER-010");
    assert_eq!(code(&|_, key| key[368..372].fill(0xff)), "VER-018");
    let (other, linearised) = LINEARISED[1];
    let Some(other) = plonk(other, linearised) else { return };
    let end = submission.proof.len() - 32;
    assert_eq!(code(&|proof, _| proof[end..].copy_from_slice(&other.proof[end..])), "VER-012");
}
