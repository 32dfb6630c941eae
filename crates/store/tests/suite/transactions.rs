//! What the transaction manager and the followers find after a restart.

use crate::support::{empty_database, empty_store};
use alloy::primitives::{Address, B256, Bytes, U256};
use collimate_chain::follower::{BlockId, Cursor};
use collimate_chain::tx::{
    AttemptRecord, ConfirmedReceipt, Fees, TransactionRecord, TransactionStatus, TxOutcome, TxStore,
};
use collimate_store::{Store, StoreError};

const ACCOUNT: Address = Address::repeat_byte(0xaa);

fn transaction(key: &str) -> TransactionRecord {
    TransactionRecord {
        key: key.into(),
        chain_id: 31337,
        from: ACCOUNT,
        to: Some(Address::repeat_byte(0xbb)),
        input: Bytes::from(vec![1, 2, 3]),
        // The widest there is: nothing may be rounded.
        value: U256::MAX,
        gas_limit: 16_777_216,
        max_cost: Some(U256::from(10).pow(U256::from(18))),
        sidecar: Some(Bytes::from(vec![7; 800_000])),
        status: TransactionStatus::Queued,
        attempts: Vec::new(),
        outcome: None,
    }
}

fn attempt(n: u8) -> AttemptRecord {
    AttemptRecord {
        hash: B256::repeat_byte(n),
        nonce: 5,
        fees: Fees {
            max_fee_per_gas: u128::MAX,
            max_priority_fee_per_gas: u128::from(n),
            max_fee_per_blob_gas: n.is_multiple_of(2).then_some(u128::MAX - 1),
        },
        raw: Bytes::from(vec![n; 200]),
        signed_at_ms: 1_700_000_000_000,
    }
}

fn receipt() -> ConfirmedReceipt {
    ConfirmedReceipt {
        transaction_hash: B256::repeat_byte(2),
        block_number: 42,
        block_hash: B256::repeat_byte(9),
        block_timestamp: 1_700_000_012,
        gas_used: 280_000,
        effective_gas_price: 2_000_000_000,
        blob_gas_used: 131_072,
        blob_gas_price: 1,
        blob_versioned_hashes: vec![B256::repeat_byte(1)],
        contract_address: None,
        logs: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_the_transaction_and_every_attempt() {
    let url = empty_database().await;
    let mut expected = transaction("run:1");
    {
        let store = Store::connect(&url).await.unwrap().transactions();
        assert!(store.save_transaction(&expected).await.unwrap());
        assert_eq!(store.find("run:1").await.unwrap().unwrap(), expected);
        for n in [3, 1, 2] {
            store.save_attempt("run:1", &attempt(n)).await.unwrap();
        }
        store.save_attempt("run:1", &attempt(1)).await.expect("saving it again changes nothing");
    }
    expected.status = TransactionStatus::Sent;
    expected.attempts = vec![attempt(3), attempt(1), attempt(2)];
    let store = Store::connect(&url).await.unwrap().transactions();
    assert_eq!(store.find("run:1").await.unwrap().unwrap(), expected);
    assert_eq!(store.pending(31337, ACCOUNT).await.unwrap(), [expected.clone()]);

    let outcome = TxOutcome::Confirmed(receipt());
    store.finish("run:1", &outcome).await.unwrap();
    store.finish("run:1", &outcome).await.expect("saying it again changes nothing");
    expected.status = TransactionStatus::Confirmed;
    expected.outcome = Some(outcome);
    assert_eq!(store.find("run:1").await.unwrap().unwrap(), expected);
    assert_eq!(store.pending(31337, ACCOUNT).await.unwrap(), []);
    assert_eq!(store.find("run:2").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_used_once_unless_it_was_rejected() {
    let store = empty_store().await.transactions();
    let first = transaction("run:1");
    assert!(store.save_transaction(&first).await.unwrap());
    let mut second = transaction("run:1");
    second.input = Bytes::from(vec![4]);
    second.to = None;
    second.sidecar = None;
    assert!(!store.save_transaction(&second).await.unwrap());
    assert_eq!(store.find("run:1").await.unwrap().unwrap(), first);

    store.save_attempt("run:1", &attempt(1)).await.unwrap();
    assert!(!store.save_transaction(&second).await.unwrap(), "it may have been sent");
    let rejected = TxOutcome::Rejected { reason: "insufficient funds\0".into() };
    store.finish("run:1", &rejected).await.unwrap();
    assert!(store.save_transaction(&second).await.unwrap());
    assert_eq!(store.find("run:1").await.unwrap().unwrap(), second, "with no attempts");

    let reverted = TxOutcome::Reverted { receipt: receipt(), reason: "a\0b \u{fffd}".into() };
    store.save_attempt("run:1", &attempt(2)).await.unwrap();
    store.finish("run:1", &reverted).await.unwrap();
    assert!(!store.save_transaction(&second).await.unwrap(), "it was mined");
    assert_eq!(store.find("run:1").await.unwrap().unwrap().outcome, Some(reverted));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_not_sent_again() {
    let store = empty_store().await.transactions();
    assert!(store.save_attempt("run:1", &attempt(1)).await.is_err(), "unknown");
    assert!(store.finish("run:1", &TxOutcome::Confirmed(receipt())).await.is_err(), "unknown");
    store.save_transaction(&transaction("run:1")).await.unwrap();
    store.save_attempt("run:1", &attempt(1)).await.unwrap();
    store.finish("run:1", &TxOutcome::Confirmed(receipt())).await.unwrap();
    let refused = store.save_attempt("run:1", &attempt(2)).await.unwrap_err();
    assert!(refused.to_string().contains("is confirmed"), "{refused}");
    let other_end = TxOutcome::Rejected { reason: "x".into() };
    assert!(store.finish("run:1", &other_end).await.is_err());
    assert_eq!(store.find("run:1").await.unwrap().unwrap().attempts, [attempt(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_ones_come_in_the_order_of_their_nonces() {
    let store = empty_store().await.transactions();
    for (key, nonce) in [("a", None), ("b", Some(9)), ("c", Some(7))] {
        store.save_transaction(&transaction(key)).await.unwrap();
        if let Some(nonce) = nonce {
            store.save_attempt(key, &AttemptRecord { nonce, ..attempt(1) }).await.unwrap();
            store.save_attempt(key, &AttemptRecord { nonce, ..attempt(2) }).await.unwrap();
        }
    }
    let mut elsewhere = transaction("d");
    elsewhere.chain_id = 1;
    store.save_transaction(&elsewhere).await.unwrap();
    let pending = store.pending(31337, ACCOUNT).await.unwrap();
    let keys: Vec<_> = pending.iter().map(|record| record.key.as_str()).collect();
    assert_eq!(keys, ["c", "b", "a"]);
    assert_eq!(pending[0].attempts.len(), 2);
    assert_eq!(store.pending(31337, Address::ZERO).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_found_again() {
    let store = empty_store().await;
    assert_eq!(store.load_cursor("runs").await.unwrap(), None);
    let mut cursor = Cursor::starting_at(7);
    store.save_cursor("runs", &cursor).await.unwrap();
    cursor.next = 9;
    cursor.recent = vec![BlockId { number: 8, hash: B256::repeat_byte(8) }];
    store.save_cursor("runs", &cursor).await.unwrap();
    assert_eq!(store.load_cursor("runs").await.unwrap(), Some(cursor));
    assert_eq!(store.load_cursor("others").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoiled_cursor_is_an_error_and_not_a_new_start() {
    let url = empty_database().await;
    let store = Store::connect(&url).await.unwrap();
    let database = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::raw_sql("INSERT INTO cursors (name, cursor) VALUES ('runs', '{')")
        .execute(&database)
        .await
        .unwrap();
    let refused = store.load_cursor("runs").await.unwrap_err();
    assert!(matches!(refused, StoreError::Inconsistent(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_without_a_budget_of_its_own_has_none() {
    let store = Store::connect(&empty_database().await).await.unwrap().transactions();
    let record = TransactionRecord { max_cost: None, ..transaction("run:1") };
    assert!(store.save_transaction(&record).await.unwrap());
    assert_eq!(store.find("run:1").await.unwrap().unwrap().max_cost, None);
}
