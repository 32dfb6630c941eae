//! Keys of `SP1Groth16Verifier`.
//!
//! A Groth16 key is worth what its set-up is worth: whoever ran it alone could keep the trapdoor, and forge a proof of anything.
//! SP1's published key came from a ceremony of many. Every other one is taken for a **development key**, which the deployment and the
//! contract itself refuse on all chains but local ones.

use alloy::{
    primitives::{B256, U256, b256, keccak256},
    sol_types::SolConstructor,
};
use serde::{Deserialize, Serialize};

use crate::bindings::sp1_groth16_verifier::{
    BN254,
    SP1Groth16Verifier::{VerificationKey, constructorCall},
};

/// Chain ids of local nodes: anvil and Hardhat, geth's `--dev`. The contract knows the same.
pub const LOCAL_CHAIN_IDS: [u64; 2] = [31_337, 1_337];

/// `PUBLISHED_KEY` of the contract: keccak256 of its constructor's arguments for SP1's key of circuit v6.1.0.
const PUBLISHED_KEY: B256 =
    b256!("0x6ebaf0fc62a18476e902d19a558f1ab11a1af6f65095c70df0310c01df383d6d");

/// A verification key of SP1's Groth16 circuit with its five public inputs: the arguments of `SP1Groth16Verifier`.
///
/// As JSON it is what `contracts/bin/groth16-key` and the prover's artifacts have: words of 32 bytes in hex, elements of Fp2 with
/// their imaginary part first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Groth16Key {
    /// SHA-256 of the key's file as gnark writes it; proofs begin with its first four bytes.
    pub verifier_hash: B256,
    /// Root of the recursion keys that proofs must name.
    pub vk_root: B256,
    /// Alpha, in G1.
    pub alpha: Bn254G1,
    /// Beta, in G2.
    pub beta: Bn254G2,
    /// Gamma, in G2.
    pub gamma: Bn254G2,
    /// Delta, in G2.
    pub delta: Bn254G2,
    /// Constant term, then one point for each public input.
    pub ic: [Bn254G1; 6],
}

/// A point of BN254's G1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "coordinates")]
pub struct Bn254G1 {
    pub x: B256,
    pub y: B256,
}

/// A point of BN254's G2: `x0` and `y0` are real, `x1` and `y1` imaginary parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "coordinates")]
pub struct Bn254G2 {
    pub x1: B256,
    pub x0: B256,
    pub y1: B256,
    pub y0: B256,
}

impl Groth16Key {
    /// Whether this is not the key that SP1 published: proofs under it are worth nothing to whoever did not run its set-up.
    #[must_use]
    pub fn is_development(&self) -> bool {
        keccak256(self.arguments().abi_encode()) != PUBLISHED_KEY
    }

    /// The contract's constructor call.
    pub(crate) fn arguments(&self) -> constructorCall {
        let key = VerificationKey {
            alpha: self.alpha.into(),
            beta: self.beta.into(),
            gamma: self.gamma.into(),
            delta: self.delta.into(),
            ic: self.ic.map(Into::into),
        };
        constructorCall { key, verifierHash: self.verifier_hash, vkRoot: self.vk_root }
    }
}

impl From<Bn254G1> for BN254::G1Point {
    fn from(point: Bn254G1) -> Self {
        Self { x: word(point.x), y: word(point.y) }
    }
}

impl From<Bn254G2> for BN254::G2Point {
    fn from(point: Bn254G2) -> Self {
        let [x1, x0, y1, y0] = [point.x1, point.x0, point.y1, point.y0].map(word);
        Self { x1, x0, y1, y0 }
    }
}

fn word(bytes: B256) -> U256 {
    U256::from_be_bytes(bytes.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> serde_json::Value {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../contracts/test/data/sp1-groth16-v6.1.0.json"
        );
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    #[test]
    fn every_key_but_sp1s_published_one_is_for_development() {
        let json = published();
        let key: Groth16Key = serde_json::from_value(json.clone()).unwrap();
        assert!(!key.is_development());
        assert_eq!(serde_json::to_value(&key).unwrap(), json);

        let one = B256::with_last_byte(1);
        let mut changed = vec![key.clone(); 9];
        changed[0].verifier_hash ^= one;
        changed[1].vk_root ^= one;
        changed[2].alpha.y ^= one;
        changed[3].beta.x1 ^= one;
        changed[4].gamma.x0 ^= one;
        changed[5].delta.y1 ^= one;
        changed[6].delta.y0 ^= one;
        changed[7].ic.swap(1, 2);
        changed[8].ic[5].x ^= one;
        for key in changed {
            assert!(key.is_development(), "{key:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let good = published();
        let damages: [fn(&mut serde_json::Value); 5] = [
            |json| drop(json.as_object_mut().unwrap().remove("delta")),
            |json| drop(json["ic"].as_array_mut().unwrap().pop()),
            |json| json["alpha"]["x"] = "0x12".into(),
            |json| json["beta"]["z"] = json["beta"]["x0"].clone(),
            |json| json["published"] = true.into(),
        ];
        for damage in damages {
            let mut json = good.clone();
            damage(&mut json);
            assert!(serde_json::from_value::<Groth16Key>(json.clone()).is_err(), "{json}");
        }
    }
}
