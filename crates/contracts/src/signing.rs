//! What operators sign, byte for byte as the contracts compute it.
//!
//! Signatures are BLS over BLS12-381 with keys in G2 and signatures in G1 (blst's `min_sig`), over the 32 bytes that these
//! functions return, under the domain separation tag beside them.

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};

use crate::G2Point;

/// Domain separation tag of quorum signatures (the ciphersuite's name in draft-irtf-cfrg-bls-signature).
pub const SIGNATURE_DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
/// Domain separation tag of proofs of possession.
pub const POP_DOMAIN: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

/// What an operator signs under [`SIGNATURE_DOMAIN`] once it verified a proof, as `QuorumSP1Verifier.signingMessage`.
#[must_use]
pub fn quorum_message(
    chain_id: u64,
    verifier: Address,
    program_vkey: B256,
    public_values: &[u8],
) -> B256 {
    let kind = keccak256("Collimate.QuorumSP1Verifier.v1");
    let words = (kind, U256::from(chain_id), verifier, program_vkey, keccak256(public_values));
    keccak256(words.abi_encode_params())
}

/// What an account signs under [`POP_DOMAIN`] to register a key, as `OperatorRegistry.proofOfPossessionMessage`.
#[must_use]
pub fn proof_of_possession_message(
    chain_id: u64,
    registry: Address,
    account: Address,
    public_key: G2Point,
) -> B256 {
    let kind = keccak256("Collimate.OperatorRegistry.v1.pop");
    let key = public_key.to_eip2537().to_vec();
    let words = (kind, U256::from(chain_id), registry, account, key);
    keccak256(words.abi_encode_params())
}
