//! Keys and signatures: what verifies, and what must not.

use alloy::primitives::{Address, B256};
use collimate_attestation::{PublicKey, Registration, SecretKey, Signature};

fn keys(count: u8) -> Vec<SecretKey> {
    (0..count).map(|index| SecretKey::from_seed(&[index; 32]).unwrap()).collect()
}

fn registration() -> Registration {
    Registration {
        chain_id: 1,
        registry: Address::repeat_byte(1),
        operator: Address::repeat_byte(2),
    }
}

#[test]
fn a_signature_is_of_one_message_and_one_key() {
    let [a, b] = &keys(2)[..] else { unreachable!() };
    let message = B256::repeat_byte(7);
    let signature = a.sign(message);
    assert!(signature.verify(message, &a.public_key()));
    assert!(!signature.verify(B256::repeat_byte(8), &a.public_key()));
    assert!(!signature.verify(message, &b.public_key()));
}

#[test]
fn the_sum_of_signatures_is_of_the_sum_of_exactly_those_keys() {
    let keys = keys(4);
    let message = B256::repeat_byte(7);
    let public: Vec<_> = keys.iter().map(SecretKey::public_key).collect();
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(message)).collect();
    let sum = Signature::aggregate(&signatures[..3]).unwrap();
    assert!(sum.verify(message, &PublicKey::aggregate(&public[..3]).unwrap()));
    assert!(!sum.verify(message, &PublicKey::aggregate(&public).unwrap()));
    assert!(!sum.verify(message, &PublicKey::aggregate(&public[1..]).unwrap()));
    assert_eq!(Signature::aggregate(&[]), None);
    assert_eq!(PublicKey::aggregate(&[]), None);
}

#[test]
fn a_proof_of_possession_is_bound_to_its_registration() {
    let [a, b] = &keys(2)[..] else { unreachable!() };
    let registration = registration();
    let proof = a.prove_possession(&registration);
    assert!(a.public_key().possesses(&registration, &proof));
    assert!(!b.public_key().possesses(&registration, &proof));
    for other in [
        Registration { chain_id: 2, ..registration },
        Registration { registry: Address::repeat_byte(3), ..registration },
        Registration { operator: Address::repeat_byte(3), ..registration },
    ] {
        assert!(!a.public_key().possesses(&other, &proof));
    }
}

#[test]
fn encodings_round_trip_and_have_no_second_form() {
    let key = &keys(1)[0];
    let public = key.public_key();
    let signature = key.sign(B256::ZERO);
    assert_eq!(PublicKey::from_bytes(&public.to_bytes()).unwrap(), public);
    assert_eq!(PublicKey::from_point(public.to_point()).unwrap(), public);
    assert_eq!(Signature::from_bytes(&signature.to_bytes()).unwrap(), signature);
    assert_eq!(SecretKey::from_bytes(&*key.to_bytes()).unwrap().public_key(), public);
    // Truncated, extended, uncompressed.
    assert!(Signature::from_bytes(&signature.to_bytes()[1..]).is_err());
    assert!(Signature::from_bytes(&[&signature.to_bytes()[..], &[0]].concat()).is_err());
    assert!(Signature::from_bytes(&signature.to_point().to_uncompressed()).is_err());
    assert!(PublicKey::from_bytes(&public.to_point().to_uncompressed()).is_err());
}

#[test]
fn infinity_is_neither_key_nor_signature() {
    let mut infinity = [0; 96];
    infinity[0] = 0xc0;
    assert_eq!(PublicKey::from_bytes(&infinity).unwrap_err().code(), "ATT-010");
    assert_eq!(Signature::from_bytes(&infinity[..48]).unwrap_err().code(), "ATT-010");
}

#[test]
fn points_outside_the_group_are_refused() {
    // Almost no point of the curve is in the group of prime order: some x below 64 gives one that is not.
    let mut outside = 0;
    for x in 0..64 {
        let mut bytes = [0; 48];
        (bytes[0], bytes[47]) = (0x80, x);
        let error = Signature::from_bytes(&bytes).unwrap_err().to_string();
        outside += u32::from(error.contains("not in the group"));
    }
    assert!(outside > 10, "{outside}");
}

#[test]
fn zero_and_the_groups_order_are_no_secret_keys() {
    let order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";
    for bytes in [vec![0; 32], hex::decode(order).unwrap(), vec![0xff; 32], vec![1; 31]] {
        assert_eq!(SecretKey::from_bytes(&bytes).unwrap_err().code(), "ATT-008");
    }
}
