//! An Ethereum account signed a message (EIP-191 `personal_sign`); neither the signature nor the
//! message is revealed. Input: the signature `r ‖ s ‖ v` (65 bytes, v = 27 or 28, low s as in EIP-2),
//! then the message. Public values, as ABI words: `(bytes32 messageHash, address signer)`.

#![no_main]
sp1_zkvm::entrypoint!(main);

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use tiny_keccak::{Hasher, Keccak};

fn main() {
    let input = sp1_zkvm::io::read_vec();
    let (signature, message) = input.split_at_checked(65).expect("input starts with a signature");
    let hash = personal_message_hash(message);
    let signer = recover(&hash, signature);

    let mut public_values = [0; 64];
    public_values[..32].copy_from_slice(&hash);
    public_values[44..].copy_from_slice(&signer);
    sp1_zkvm::io::commit_slice(&public_values);
}

/// The address whose key made this signature: `ecrecover`, which also verifies it.
fn recover(hash: &[u8; 32], signature: &[u8]) -> [u8; 20] {
    let recovery_id = match signature[64] {
        27 => RecoveryId::new(false, false),
        28 => RecoveryId::new(true, false),
        _ => panic!("v is 27 or 28"),
    };
    let signature = Signature::from_slice(&signature[..64]).expect("r and s are in range");
    assert!(signature.normalize_s().is_none(), "s is in the lower half of the order");
    let key = VerifyingKey::recover_from_prehash(hash, &signature, recovery_id)
        .expect("the signature belongs to a key");

    let point = key.to_encoded_point(false);
    let hash = keccak256(&[&point.as_bytes()[1..]]);
    hash[12..].try_into().expect("20 bytes are left")
}

/// EIP-191, version 0x45: `keccak256("\x19Ethereum Signed Message:\n" ‖ length ‖ message)`.
fn personal_message_hash(message: &[u8]) -> [u8; 32] {
    let length = message.len().to_string();
    keccak256(&[b"\x19Ethereum Signed Message:\n", length.as_bytes(), message])
}

fn keccak256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak::v256();
    for part in parts {
        hasher.update(part);
    }
    let mut hash = [0; 32];
    hasher.finalize(&mut hash);
    hash
}
