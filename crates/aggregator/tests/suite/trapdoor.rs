//! A Groth16 set-up whose maker kept the trapdoor, as `TrapdoorSetup` of the contracts' tests has it: a real key, and proofs that
//! really verify of statements that nobody proved. What it takes 20 minutes to wrap otherwise takes a few additions here.
//!
//! With one point for beta, gamma, delta and B, the equation e(A, B) = e(alpha, beta) · e(inputs, gamma) · e(C, delta) is
//! A = alpha + inputs + C; and every point of G1 is the generator so many times.

use alloy::primitives::{B256, b256};
use ark_bn254::{Fq, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{BigInteger, PrimeField};
use collimate_contracts::{
    Groth16Key,
    groth16::{Bn254G1, Bn254G2},
};
use collimate_core::ProgramId;
use collimate_objects::Key;

const ALPHA: u64 = 11;
const IC: [u64; 6] = [13, 17, 19, 23, 29, 31];
const NONCE: u64 = 5;
/// `vkRoot` of `contracts/test/data/sp1-groth16-v6.1.0.json`: native verification takes no other.
const VK_ROOT: B256 = b256!("0x002f850ee998974d6cc00e50cd0814b098c05bfade466d28573240d057f25352");

fn g1(scalar: Fr) -> G1Affine {
    (G1Affine::generator() * scalar).into_affine()
}

fn word(number: Fq) -> [u8; 32] {
    number.into_bigint().to_bytes_be().try_into().unwrap()
}

fn number(bytes: &[u8; 32]) -> Fr {
    Fr::from_be_bytes_mod_order(bytes)
}

/// gnark's compressed form: the first coordinate, and in its upper bits which of the two points it is.
fn compressed(mut x: [u8; 32], is_larger: bool) -> [u8; 32] {
    x[0] |= if is_larger { 0xc0 } else { 0x80 };
    x
}

fn compressed_g1(point: G1Affine) -> [u8; 32] {
    compressed(word(point.x), point.y > -point.y)
}

/// The key as gnark writes it.
pub(crate) fn verifying_key() -> Vec<u8> {
    let alpha = compressed_g1(g1(Fr::from(ALPHA)));
    let one = compressed_g1(G1Affine::generator());
    let generator = G2Affine::generator();
    let (y, minus_y) = (generator.y, -generator.y);
    let x1 = compressed(word(generator.x.c1), (y.c1, y.c0) > (minus_y.c1, minus_y.c0));
    let two = [x1, word(generator.x.c0)].concat();
    let mut key = [&alpha[..], &one, &two, &two, &one, &two, &6_u32.to_be_bytes()].concat();
    for scalar in IC {
        key.extend(compressed_g1(g1(Fr::from(scalar))));
    }
    key
}

/// The key as the contract takes it.
pub(crate) fn contract_key() -> Groth16Key {
    let point = |scalar: u64| {
        let point = g1(Fr::from(scalar));
        Bn254G1 { x: word(point.x).into(), y: word(point.y).into() }
    };
    let generator = G2Affine::generator();
    let two = Bn254G2 {
        x1: word(generator.x.c1).into(),
        x0: word(generator.x.c0).into(),
        y1: word(generator.y.c1).into(),
        y0: word(generator.y.c0).into(),
    };
    Groth16Key {
        verifier_hash: Key::of(&verifying_key()).0.into(),
        vk_root: VK_ROOT,
        alpha: point(ALPHA),
        beta: two,
        gamma: two,
        delta: two,
        ic: IC.map(point),
    }
}

/// The 356 bytes which show that this program committed these values, to whoever trusts the key.
pub(crate) fn forge(program: ProgramId, public_values: &[u8]) -> Vec<u8> {
    let mut digest = Key::of(public_values).0;
    digest[0] &= 0x1f;
    let (root, nonce) = (number(&VK_ROOT.0), Fr::from(NONCE));
    let inputs = [number(&program.0), number(&digest), Fr::from(0_u64), root, nonce];
    let c = Fr::from(37_u64);
    let [constant, factors @ ..] = IC;
    let terms = inputs.into_iter().zip(factors).map(|(input, factor)| input * Fr::from(factor));
    let a = g1(terms.fold(Fr::from(ALPHA + constant) + c, |sum, term| sum + term));
    let (b, c) = (G2Affine::generator(), g1(c));
    let points = [a.x, a.y, b.x.c1, b.x.c0, b.y.c1, b.y.c0, c.x, c.y].map(word).concat();
    let nonce = B256::from(alloy::primitives::U256::from(NONCE));
    let selector = Key::of(&verifying_key()).0;
    [&selector[..4], &[0; 32], VK_ROOT.as_slice(), nonce.as_slice(), &points].concat()
}
