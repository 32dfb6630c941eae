//! Mutated real proofs of every system: never a panic, never accepted as another statement.
//!
//! Not every mutation must be rejected: SP1's tail with `tee_proof` is not covered by the proof, and claims in RISC
//! Zero's receipts have more than one form. Whatever is accepted must say exactly what the real proof says; of small
//! proofs nothing but the real one may be. `COLLIMATE_MUTATIONS` sets the number of cases for each system.

use collimate_verifiers::{ProofSystemId, VerifiedProof, VerifyError};
use proptest::{prelude::*, sample::Index, test_runner::TestRunner};

use crate::honest::{self, Honest};

#[derive(Debug, Clone)]
enum Mutation {
    FlipBit(Index, u8),
    SetByte(Index, u8),
    SetWord(Index, u32),
    SetLength(Index, u64),
    Truncate(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Duplicate(Index, Index, usize),
    Swap(Index, Index),
}

fn apply(mutation: &Mutation, proof: &mut Vec<u8>) {
    match mutation {
        Mutation::FlipBit(at, bit) => {
            let at = at.index(proof.len());
            proof[at] ^= 1 << (bit % 8);
        }
        Mutation::SetByte(at, byte) => {
            let at = at.index(proof.len());
            proof[at] = *byte;
        }
        Mutation::SetWord(at, word) => {
            let at = at.index(proof.len() / 4 - 1) * 4;
            proof[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        Mutation::SetLength(at, length) => {
            let at = at.index(proof.len() - 8);
            proof[at..at + 8].copy_from_slice(&length.to_le_bytes());
        }
        Mutation::Truncate(at) => proof.truncate(at.index(proof.len())),
        Mutation::Insert(at, bytes) => {
            let at = at.index(proof.len());
            proof.splice(at..at, bytes.iter().copied());
        }
        Mutation::Remove(at, count) => {
            let at = at.index(proof.len());
            proof.drain(at..(at + count).min(proof.len()));
        }
        Mutation::Duplicate(from, to, count) => {
            let from = from.index(proof.len());
            let to = to.index(proof.len());
            let copied = proof[from..(from + count).min(proof.len())].to_vec();
            let end = (to + copied.len()).min(proof.len());
            proof.splice(to..end, copied);
        }
        Mutation::Swap(left, right) => {
            let (left, right) = (left.index(proof.len()), right.index(proof.len()));
            proof.swap(left, right);
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, bit)| Mutation::FlipBit(at, bit)),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::SetByte(at, byte)),
        2 => (at(), any::<u32>()).prop_map(|(at, word)| Mutation::SetWord(at, word)),
        2 => (at(), prop_oneof![Just(u64::MAX), Just(1 << 62), Just(1 << 32), Just(0), 0..10_000_000_u64])
            .prop_map(|(at, length)| Mutation::SetLength(at, length)),
        1 => at().prop_map(Mutation::Truncate),
        1 => (at(), prop::collection::vec(any::<u8>(), 1..64))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        1 => (at(), 1..64_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        1 => (at(), at(), 1..4096_usize)
            .prop_map(|(from, to, count)| Mutation::Duplicate(from, to, count)),
        1 => (at(), at()).prop_map(|(left, right)| Mutation::Swap(left, right)),
    ]
}

/// Where mutations go: anywhere, or only near one of the ends, where lengths, labels and shapes are dense.
#[derive(Debug, Clone, Copy)]
enum Region {
    Whole,
    Head,
    Tail,
}

fn mutate(real: &[u8], region: Region, mutations: &[Mutation]) -> Vec<u8> {
    let end = real.len().min(4096);
    let (before, middle, after) = match region {
        Region::Whole => (&[][..], real, &[][..]),
        Region::Head => (&[][..], &real[..end], &real[end..]),
        Region::Tail => (&real[..real.len() - end], &real[real.len() - end..], &[][..]),
    };
    let mut changed = middle.to_vec();
    for mutation in mutations {
        if changed.len() > 16 {
            apply(mutation, &mut changed);
        }
    }
    [before, &changed, after].concat()
}

fn check(honest: &Honest, truth: &VerifiedProof, proof: Vec<u8>) -> Result<(), TestCaseError> {
    let unchanged = proof == honest.submission.proof;
    match honest.verify(|changed| changed.proof = proof) {
        Ok(verified) => {
            prop_assert_eq!(&verified, truth);
            prop_assert!(unchanged || !honest.is_small(), "a second encoding was accepted");
        }
        Err(VerifyError::Panicked { reason }) => {
            return Err(TestCaseError::fail(format!("the verifier panicked: {reason}")));
        }
        Err(_) => {}
    }
    Ok(())
}

fn mutated_proofs_are_errors_or_say_the_same(id: ProofSystemId) {
    let Some(honest) = honest::of(id) else { return };
    let truth = honest.truth();
    let cases = std::env::var("COLLIMATE_MUTATIONS")
        .map_or(if honest.is_small() { 500 } else { 2000 }, |cases| {
            cases.parse().expect("COLLIMATE_MUTATIONS is a number")
        });
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 50,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let region = prop_oneof![Just(Region::Whole), Just(Region::Head), Just(Region::Tail)];
    TestRunner::new(config)
        .run(&(region, prop::collection::vec(mutation(), 1..4)), |(region, mutations)| {
            check(honest, &truth, mutate(&honest.submission.proof, region, &mutations))
        })
        .unwrap();
}

/// A test for each system, so that they run side by side.
macro_rules! mutated {
    ($($test:ident: $id:ident,)*) => {$(
        #[test]
        fn $test() {
            mutated_proofs_are_errors_or_say_the_same(ProofSystemId::$id);
        }
    )*};
}

mutated! {
    mutated_sp1_compressed: Sp1Compressed,
    mutated_sp1_groth16: Sp1Groth16,
    mutated_sp1_plonk: Sp1Plonk,
    mutated_risc0_composite: Risc0Composite,
    mutated_risc0_succinct: Risc0Succinct,
    mutated_risc0_groth16: Risc0Groth16,
    mutated_gnark_groth16_bn254: GnarkGroth16Bn254,
    mutated_gnark_plonk_bn254: GnarkPlonkBn254,
    mutated_gnark_plonk_bls12_381: GnarkPlonkBls12_381,
    mutated_circom_groth16_bn254: CircomGroth16Bn254,
    mutated_risc0_groth16_v2: Risc0Groth16V2,
}
