//! The batcher's interface: the form of its JSON, and receipts.

use alloy::{
    primitives::{Address, B256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use collimate_api::fast::{
    BatchStatus, BatcherProblem, BatcherProblemCode, FastItem, GroupEnd, GroupStatus,
    SignedAuthorization, SignedGroupReceipt, Wei,
};
use serde_json::json;

#[test]
fn amounts_are_decimal_strings() {
    assert_eq!(serde_json::to_value(Wei(u128::MAX)).unwrap(), u128::MAX.to_string());
    let read = |text: &str| serde_json::from_value::<Wei>(json!(text));
    assert_eq!(read("12").unwrap(), Wei(12));
    for wrong in ["", "-1", "+1", "1.0", "0x1", " 1", "340282366920938463463374607431768211456"] {
        assert!(read(wrong).is_err(), "{wrong:?}");
    }
    assert!(serde_json::from_value::<Wei>(json!(12)).is_err(), "numbers lose digits");
}

#[test]
fn unknown_fields_of_what_is_signed_are_refused() {
    let authorization = json!({
        "user": Address::ZERO, "batcher": Address::ZERO, "proofs_root": B256::ZERO, "proof_count": 1,
        "first_nonce": 0, "max_fee": "1", "deadline": 1, "signature": "0x"
    });
    assert!(serde_json::from_value::<SignedAuthorization>(authorization.clone()).is_ok());
    let mut more = authorization;
    more["maxfee"] = json!("2");
    assert!(serde_json::from_value::<SignedAuthorization>(more).is_err());
    assert!(serde_json::from_value::<FastItem>(json!({ "proof": {} })).is_err());
}

#[test]
fn codes_are_distinct_and_statuses_are_words() {
    let problems = BatcherProblemCode::ALL.iter().map(|code| code.as_str());
    let ends = GroupEnd::ALL.iter().map(|end| end.as_str());
    let mut codes: Vec<&str> = problems.chain(ends).collect();
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count);
    for end in GroupEnd::ALL {
        assert_eq!(serde_json::to_value(end).unwrap(), end.as_str());
    }
    for status in GroupStatus::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    for status in BatchStatus::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    let problem = BatcherProblem::new(BatcherProblemCode::WrongNonce, "the next nonce is 8");
    assert_eq!(problem.to_string(), "[BTC-010] the next nonce is 8");
    assert_eq!(problem.kind, "urn:collimate:problem:BTC-010");
}

#[test]
fn a_receipt_shows_who_signed_it_and_what_for() {
    let batcher = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x77)).unwrap();
    let (chain, payments) = (31_337, Address::repeat_byte(0xcc));
    let mut receipt = SignedGroupReceipt {
        group_id: B256::repeat_byte(1),
        user: Address::repeat_byte(2),
        proofs_root: B256::repeat_byte(3),
        proof_count: 4,
        first_nonce: 5,
        accepted_at: 6,
        deadline: 7,
        signature: Default::default(),
    };
    let hash = receipt.signing_hash(chain, payments);
    receipt.signature = batcher.sign_hash_sync(&hash).unwrap().as_bytes().to_vec().into();
    assert_eq!(receipt.recover(chain, payments), Ok(batcher.address()));
    assert_ne!(receipt.recover(chain + 1, payments), Ok(batcher.address()));
    assert_ne!(receipt.recover(chain, Address::ZERO), Ok(batcher.address()));
    let changes: [fn(&mut SignedGroupReceipt); 4] = [
        |receipt| receipt.group_id = B256::ZERO,
        |receipt| receipt.deadline += 1,
        |receipt| receipt.first_nonce += 1,
        |receipt| receipt.accepted_at += 1,
    ];
    for change in changes {
        let mut changed = receipt.clone();
        change(&mut changed);
        assert_ne!(changed.recover(chain, payments), Ok(batcher.address()));
    }
}
