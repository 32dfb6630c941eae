//! Real proofs, as many as are wanted: no two of them have a file in common but keys and public inputs.

use std::path::Path;

use alloy::primitives::Address;
use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup;
use ark_ff::{BigInteger, Field, PrimeField};
use collimate_batch::limits::MAX_BATCH_BYTES;
use collimate_sdk::{
    FastProof,
    fast::{InputsFile, KeyFile, ProofFiles, ProofParts, ProofSystemId},
};

/// Groth16 proofs of 256 bytes.
pub(crate) fn small(number: usize) -> Vec<FastProof> {
    let sample = sample(ProofSystemId::CircomGroth16Bn254, "fast/sudoku", true);
    (1..=number as u64).map(|n| with_proof(&sample, randomised(&sample.proof, n))).collect()
}

/// As many of SP1's compressed proofs, of 1.27 MB, as a batch may have bytes of.
pub(crate) fn largest_batch() -> Vec<FastProof> {
    let sample = sample(ProofSystemId::Sp1Compressed, "fibonacci", false);
    let one = with_tail(&sample.proof, 0).len() as u64;
    let public_inputs = sample.public_inputs.as_ref().unwrap().len() as u64;
    let number = (MAX_BATCH_BYTES - public_inputs) / one;
    (0..number).map(|n| with_proof(&sample, with_tail(&sample.proof, n))).collect()
}

/// One of the committed proofs, after verifying it.
fn sample(system: ProofSystemId, name: &str, has_inputs: bool) -> ProofParts {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proofs");
    let file = |extension: &str| folder.join(format!("{name}.{extension}"));
    let files = ProofFiles {
        system,
        proof: file("proof"),
        key: KeyFile::File(file("vk")),
        public_inputs: has_inputs.then(|| InputsFile::File(file("pub"))),
        generator: Address::ZERO,
    };
    let parts = files.read().unwrap();
    let verified = FastProof::verify(parts.clone()).unwrap();
    ProofParts { public_inputs: Some(verified.public_inputs().clone()), ..parts }
}

/// Batcher and operators verify it.
fn with_proof(sample: &ProofParts, proof: Vec<u8>) -> FastProof {
    FastProof::unverified(ProofParts { proof: proof.into(), ..sample.clone() }).unwrap()
}

/// Another proof of the same statement: (r·A, B/r, C) holds if (A, B, C) does.
fn randomised(proof: &[u8], n: u64) -> Vec<u8> {
    let words: Vec<Fq> = proof.chunks_exact(32).map(Fq::from_be_bytes_mod_order).collect();
    // Of numbers in the extension the imaginary part comes first.
    let [ax, ay, bx1, bx0, by1, by0, cx, cy] = words[..] else { panic!("a proof of 8 words") };
    let a = G1Affine::new(ax, ay);
    let b = G2Affine::new(Fq2::new(bx0, bx1), Fq2::new(by0, by1));
    let factor = Fr::from(n + 1);
    let (a, b) = ((a * factor).into_affine(), (b * factor.inverse().unwrap()).into_affine());
    let words = [a.x, a.y, b.x.c1, b.x.c0, b.y.c1, b.y.c0, cx, cy];
    words.iter().flat_map(|word| word.into_bigint().to_bytes_be()).collect()
}

/// The proof with a `tee_proof` of its own, which verifiers skip: each is verified in full.
fn with_tail(proof: &[u8], n: u64) -> Vec<u8> {
    let mut own = proof.to_vec();
    assert_eq!(own.pop(), Some(0), "the file ends with no tee_proof");
    own.push(1);
    own.extend_from_slice(&8_u64.to_le_bytes());
    own.extend_from_slice(&n.to_le_bytes());
    own
}
