use alloy::{
    primitives::{Address, B256, Bytes, b256, uint},
    signers::{SignerSync, local::PrivateKeySigner},
};
use collimate_api::{
    ProofAuthorisation, ProofId, SignatureError, SignedReceipt, SigningDomain, aligned, recover,
};

const DOMAIN: SigningDomain =
    SigningDomain { chain_id: 31337, payment_service: Address::repeat_byte(0xcc) };

fn authorisation() -> ProofAuthorisation {
    ProofAuthorisation {
        proofHash: B256::repeat_byte(0x11),
        programId: B256::repeat_byte(0x22),
        proofSystem: "sp1".to_owned(),
        nonce: 7,
        deadline: 1_800_000_000,
    }
}

fn receipt() -> SignedReceipt {
    SignedReceipt {
        proof_id: "0192a7b4-c5d6-7e8f-9a0b-1c2d3e4f5061".parse::<ProofId>().unwrap(),
        proof_hash: B256::repeat_byte(0x11),
        commitment: B256::repeat_byte(0x33),
        account: Address::repeat_byte(0xaa),
        nonce: 7,
        position: 42,
        deadline: 1_800_086_400,
        signature: Bytes::new(),
    }
}

#[test]
fn hashes_are_those_computed_by_hand() {
    assert_eq!(
        DOMAIN.eip712().separator(),
        b256!("e18a4f498b59e0ba1aeff598f00c243b52ed89df54c49c65af99401462026367")
    );
    assert_eq!(
        authorisation().signing_hash(&DOMAIN),
        b256!("1986e537c649d17f307173e601e719acb8cb208642af21a5eadb5c591f0489fa")
    );
    assert_eq!(
        receipt().signing_hash(&DOMAIN),
        b256!("ffcde31c75bf10afd813dc026028455fc4c34b35861d363c3a1314b996c73d11")
    );
    assert_eq!(
        aligned::signing_hash(31337, 7, b"proof", b"vk"),
        b256!("4a71597a7d245f3c77be5a8170f83b387ac83d54ae921f837ddeb271421639f9")
    );
}

#[test]
fn whoever_signed_is_recovered_and_nobody_else() {
    let signer = PrivateKeySigner::random();
    let hash = authorisation().signing_hash(&DOMAIN);
    let signature = signer.sign_hash_sync(&hash).unwrap().as_bytes();
    assert_eq!(authorisation().recover(&DOMAIN, &signature), Ok(signer.address()));

    // One field altered at a time, each by the least that it can be.
    let elsewhere = SigningDomain { chain_id: 1, ..DOMAIN };
    let foreign = SigningDomain { payment_service: Address::repeat_byte(0xcd), ..DOMAIN };
    let altered = [
        (ProofAuthorisation { proofHash: B256::repeat_byte(0x12), ..authorisation() }, DOMAIN),
        (ProofAuthorisation { programId: B256::repeat_byte(0x23), ..authorisation() }, DOMAIN),
        (ProofAuthorisation { proofSystem: "sp2".to_owned(), ..authorisation() }, DOMAIN),
        (ProofAuthorisation { nonce: 8, ..authorisation() }, DOMAIN),
        (ProofAuthorisation { deadline: 1_800_000_001, ..authorisation() }, DOMAIN),
        (authorisation(), elsewhere),
        (authorisation(), foreign),
    ];
    for (message, domain) in altered {
        assert_ne!(message.recover(&domain, &signature), Ok(signer.address()), "{message:?}");
    }
}

#[test]
fn a_receipt_names_its_signer() {
    let signer = PrivateKeySigner::random();
    let mut receipt = receipt();
    let signature = signer.sign_hash_sync(&receipt.signing_hash(&DOMAIN)).unwrap();
    receipt.signature = signature.as_bytes().to_vec().into();
    assert_eq!(receipt.recover(&DOMAIN), Ok(signer.address()));
    receipt.position += 1;
    assert_ne!(receipt.recover(&DOMAIN), Ok(signer.address()));
}

#[test]
fn bytes_that_no_key_made_are_refused() {
    let hash = B256::repeat_byte(1);
    for length in [0, 64, 66, 4096] {
        let refused = recover(&hash, &vec![1; length]);
        assert_eq!(refused, Err(SignatureError::Length { bytes: length }));
    }
    assert_eq!(recover(&hash, &[0xff; 65]), Err(SignatureError::Invalid));
    assert_eq!(recover(&hash, &[0; 65]), Err(SignatureError::Invalid));
}

/// The other of the two signatures that ECDSA has for one message is the same account's, so it authorises nothing more.
#[test]
fn the_mirrored_signature_is_the_same_accounts() {
    let signer = PrivateKeySigner::random();
    let hash = authorisation().signing_hash(&DOMAIN);
    let signature = signer.sign_hash_sync(&hash).unwrap();
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let mirrored =
        alloy::primitives::Signature::new(signature.r(), order - signature.s(), !signature.v());
    assert_eq!(recover(&hash, &mirrored.as_bytes()), Ok(signer.address()));
}
