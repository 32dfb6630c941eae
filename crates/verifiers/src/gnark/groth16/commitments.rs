//! What commitments add to a proof of Groth16.

use std::iter;

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::{CurveGroup, pairing::Pairing};
use ark_ff::{One, Zero};

use super::{super::hash_to_field::hash_to_field, Curve, Proof, key::CommitmentKey};
use crate::circuit::encoding::{Element, Point};

/// gnark's domain separator for the number that a circuit gets for a commitment.
const COMMITMENT: &[u8] = b"bsb22-commitment";

/// gnark's domain separator for the challenge that joins the proofs of knowledge.
const JOIN: &[u8] = b"G16-BSB22";

/// The numbers that the circuit gets for its commitments: each is the hash of the commitment and of the values that its key
/// names. Nothing if one of those is not known before.
pub(super) fn hashes(
    keys: &[CommitmentKey],
    commitments: &[G1Affine],
    inputs: &[Fr],
) -> Option<Vec<Fr>> {
    let mut hashes: Vec<Fr> = Vec::new();
    for (key, commitment) in keys.iter().zip(commitments) {
        let mut message = Vec::new();
        commitment.write_raw(&Bn254::MARKS, &mut message);
        for place in &key.hashed {
            let of_hash = || hashes.get(place.checked_sub(inputs.len())?);
            inputs.get(*place).or_else(of_hash)?.write(&mut message);
        }
        hashes.push(hash_to_field(&message, COMMITMENT));
    }
    Some(hashes)
}

/// Checks that the prover knew what they committed to: the proof is the sum of the commitments, each times its key's secret and a
/// power of a challenge, which they could not know before all commitments were fixed.
///
/// There must be as many commitments as keys.
pub(super) fn check_knowledge(
    keys: &[CommitmentKey],
    proof: &Proof,
    hashes: &[Fr],
) -> Result<(), &'static str> {
    let Some(first) = keys.first() else { return Ok(()) };
    let mut message = Vec::new();
    hashes.iter().for_each(|hash| hash.write(&mut message));
    let challenge: Fr = hash_to_field(&message, JOIN);
    let powers = iter::successors(Some(Fr::one()), |power| Some(*power * challenge));
    let weighted = proof.commitments.iter().zip(powers);
    let points = weighted
        .map(|(commitment, power)| (*commitment * power).into_affine())
        .chain([proof.knowledge]);
    let secrets = keys.iter().map(|key| key.negated_secret).chain([first.generator]);
    match Bn254::final_exponentiation(Bn254::multi_miller_loop(points, secrets)) {
        Some(product) if product.is_zero() => Ok(()),
        _ => Err("the prover does not prove to know what they committed to"),
    }
}
