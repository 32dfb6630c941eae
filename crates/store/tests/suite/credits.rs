//! Payments through confirmations and reorganisations, and credits that are spent once.

use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{empty_database, empty_store, proof};
use alloy::primitives::{B256, U256};
use collimate_chain::follower::{BlockId, Cursor};
use collimate_store::{
    Account, Authorisation, NewPayment, PaymentContract, PaymentLedger, PaymentStatus,
    PaymentsMoved, ProofStatus, Store, StoreError, Submission,
};

const CONTRACT: PaymentContract = PaymentContract { chain_id: 31337, address: [0xcc; 20] };
const ALICE: [u8; 20] = [0xa1; 20];
const BOB: [u8; 20] = [0xb0; 20];
const CONFIRMATIONS: NonZeroU64 = NonZeroU64::new(3).unwrap();

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn ledger(store: &Store) -> PaymentLedger {
    store.payment_ledger(CONTRACT, CONFIRMATIONS)
}

/// The cursor once block `number` was delivered.
fn at(number: u64) -> Cursor {
    let recent = vec![BlockId { number, hash: B256::with_last_byte(number as u8) }];
    Cursor { start: 0, next: number + 1, recent }
}

fn payment(block: u64, log: u64, account: [u8; 20], credits: u64) -> NewPayment {
    NewPayment {
        tx_hash: [block as u8; 32],
        log_index: log,
        block_number: block,
        block_hash: [block as u8; 32],
        purchase_id: block * 100 + log + 1,
        payer: BOB,
        account,
        amount_wei: U256::from(credits) * U256::from(10).pow(U256::from(15)),
        credits,
        expires_at: now() + 3600,
        terms_id: 1,
    }
}

fn authorised(account: [u8; 20], nonce: u64) -> Authorisation {
    Authorisation { contract: CONTRACT, account, nonce }
}

async fn spend(
    store: &Store,
    n: u32,
    account: [u8; 20],
    nonce: u64,
) -> Result<Submission, StoreError> {
    store.insert_paid_proof(&proof(n), &authorised(account, nonce)).await
}

async fn account(store: &Store, address: [u8; 20]) -> Account {
    store.account(&CONTRACT, &address).await.unwrap()
}

/// A store in which ALICE has these credits, confirmed.
async fn with_credits(credits: u64) -> Store {
    let store = empty_store().await;
    credit(&store, &[payment(1, 0, ALICE, credits)]).await;
    store
}

/// Stores payments as the first step, with all confirmations.
async fn credit(store: &Store, payments: &[NewPayment]) {
    let moved = ledger(store).advance(payments, None, &at(50)).await.unwrap();
    assert_eq!(moved.credited, payments.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_gives_credits_once_it_has_its_confirmations() {
    let store = empty_store().await;
    let ledger = ledger(&store);
    let payments = [payment(5, 0, ALICE, 10), payment(5, 1, ALICE, 5), payment(5, 2, BOB, 1)];
    let moved = ledger.advance(&payments, None, &at(5)).await.unwrap();
    assert_eq!(moved, PaymentsMoved { seen: 3, ..PaymentsMoved::default() });
    let waiting = account(&store, ALICE).await;
    assert_eq!((waiting.credits, waiting.unconfirmed, waiting.nonce), (0, 15, 0));
    assert!(matches!(spend(&store, 1, ALICE, 0).await, Err(StoreError::NoCredit)));

    assert_eq!(ledger.advance(&[], Some(&at(5)), &at(6)).await.unwrap().credited, 0);
    assert_eq!(ledger.advance(&[], Some(&at(6)), &at(7)).await.unwrap().credited, 3);
    let credited = account(&store, ALICE).await;
    assert_eq!((credited.credits, credited.unconfirmed), (15, 0));
    assert_eq!(ledger.advance(&[], Some(&at(7)), &at(8)).await.unwrap(), PaymentsMoved::default());
    assert_eq!(account(&store, ALICE).await.credits, 15, "credited once");
    assert_eq!(account(&store, BOB).await.credits, 1);

    let stored = store.payments_of(&CONTRACT, &ALICE, 10).await.unwrap();
    let [newest, oldest] = stored.as_slice() else { panic!("{stored:?}") };
    assert_eq!((newest.log_index, oldest.log_index), (1, 0));
    assert_eq!(oldest.amount_wei, payments[0].amount_wei);
    assert_eq!(
        (oldest.payer, oldest.account, oldest.status),
        (BOB, ALICE, PaymentStatus::Credited)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_counts_once() {
    let store = empty_store().await;
    let twice = [payment(5, 0, ALICE, 10), payment(5, 0, ALICE, 10)];
    assert_eq!(ledger(&store).advance(&twice, None, &at(5)).await.unwrap().seen, 1);
    assert_eq!(account(&store, ALICE).await.unconfirmed, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_takes_unconfirmed_payments_back_and_their_replacement_counts() {
    let store = empty_store().await;
    let ledger = ledger(&store);
    ledger.advance(&[payment(1, 0, ALICE, 3)], None, &at(4)).await.unwrap();
    ledger.advance(&[payment(5, 0, ALICE, 10)], Some(&at(4)), &at(5)).await.unwrap();
    let moved = ledger.revert(5, Some(&at(5)), &at(4)).await.unwrap();
    assert_eq!(moved, PaymentsMoved { dropped: 1, ..PaymentsMoved::default() });
    let left = account(&store, ALICE).await;
    assert_eq!((left.credits, left.unconfirmed), (3, 0), "what lies deeper stays");
    assert_eq!(store.load_cursor(&ledger.cursor_name()).await.unwrap(), Some(at(4)));

    let mut again = payment(5, 0, ALICE, 10);
    again.block_hash = [0xee; 32];
    ledger.advance(&[again], Some(&at(4)), &at(7)).await.unwrap();
    assert_eq!(account(&store, ALICE).await.credits, 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_deeper_than_the_confirmations_revokes_what_is_left() {
    let store = empty_store().await;
    let ledger = ledger(&store);
    ledger.advance(&[payment(5, 0, ALICE, 2)], None, &at(9)).await.unwrap();
    spend(&store, 1, ALICE, 0).await.unwrap();
    let moved = ledger.revert(5, Some(&at(9)), &at(4)).await.unwrap();
    assert_eq!(moved, PaymentsMoved { revoked: 1, ..PaymentsMoved::default() });
    assert!(matches!(spend(&store, 2, ALICE, 1).await, Err(StoreError::NoCredit)));
    assert_eq!(account(&store, ALICE).await, Account { nonce: 1, ..Account::default() });
    // Mined again, with the same log index, for others than before.
    ledger.advance(&[payment(5, 0, BOB, 7)], Some(&at(4)), &at(8)).await.unwrap();
    assert_eq!(account(&store, BOB).await.credits, 7);
    let record = store.payments_of(&CONTRACT, &ALICE, 10).await.unwrap();
    assert_eq!((record[0].status, record[0].spent), (PaymentStatus::Revoked, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_moves_with_the_payments_or_not_at_all() {
    let store = empty_store().await;
    let ledger = ledger(&store);
    let mut impossible = payment(5, 1, ALICE, 10);
    impossible.credits = u64::MAX;
    let refused = ledger.advance(&[payment(5, 0, ALICE, 1), impossible], None, &at(5)).await;
    assert!(matches!(refused, Err(StoreError::OutOfRange { .. })), "{refused:?}");
    assert_eq!(store.load_cursor(&ledger.cursor_name()).await.unwrap(), None);
    assert_eq!(account(&store, ALICE).await, Account::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_followers_one_gets_on() {
    let store = empty_store().await;
    let step = |n: u64| {
        let ledger = ledger(&store);
        tokio::spawn(async move { ledger.advance(&[payment(5, n, ALICE, 1)], None, &at(5)).await })
    };
    let racers: Vec<_> = (0..8).map(step).collect();
    let mut winners = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Ok(_) => winners += 1,
            Err(StoreError::CursorMoved(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(winners, 1);
    assert_eq!(account(&store, ALICE).await.unconfirmed, 1, "the losers stored nothing");
    // One that was left behind cannot undo what the other stored.
    let ledger = ledger(&store);
    ledger.advance(&[], Some(&at(5)), &at(6)).await.unwrap();
    let late = ledger.revert(5, Some(&at(5)), &at(4)).await;
    assert!(matches!(late, Err(StoreError::CursorMoved(_))), "{late:?}");
    assert_eq!(account(&store, ALICE).await.unconfirmed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_and_a_nonce_are_taken_with_the_proof() {
    let store = with_credits(2).await;
    let first = spend(&store, 1, ALICE, 0).await.unwrap();
    assert!(first.is_new);
    assert_eq!(first.status, ProofStatus::Received);
    let left = account(&store, ALICE).await;
    assert_eq!((left.nonce, left.credits), (1, 1));
    // The same request again, and anybody else with the same proof: the same answer, at no price.
    for (account, nonce) in [(ALICE, 0), (ALICE, 1), (BOB, 0)] {
        let again = spend(&store, 1, account, nonce).await.unwrap();
        assert_eq!((again.id, again.is_new), (first.id, false));
    }
    assert_eq!(account(&store, ALICE).await, left);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_spends_nothing() {
    let store = with_credits(1).await;
    for nonce in [1, 2, u64::MAX] {
        let refused = spend(&store, 1, ALICE, nonce).await;
        assert!(matches!(refused, Err(StoreError::WrongNonce { expected: 0 })), "{refused:?}");
    }
    assert!(matches!(spend(&store, 1, BOB, 0).await, Err(StoreError::NoCredit)));
    let elsewhere = PaymentContract { address: [1; 20], ..CONTRACT };
    let authorisation = Authorisation { contract: elsewhere, account: ALICE, nonce: 0 };
    let refused = store.insert_paid_proof(&proof(1), &authorisation).await;
    assert!(matches!(refused, Err(StoreError::NoCredit)));
    let mut large = proof(1);
    large.vk = vec![0; 65_537];
    let refused = store.insert_paid_proof(&large, &authorised(ALICE, 0)).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");

    assert_eq!(store.proofs_page(None, None, 10).await.unwrap(), []);
    let untouched = account(&store, ALICE).await;
    assert_eq!((untouched.nonce, untouched.credits), (0, 1));
    spend(&store, 1, ALICE, 0).await.unwrap();
    assert!(matches!(
        spend(&store, 2, ALICE, 0).await,
        Err(StoreError::WrongNonce { expected: 1 })
    ));
    assert!(matches!(spend(&store, 2, ALICE, 1).await, Err(StoreError::NoCredit)));
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_credits_are_worth_nothing_and_the_next_to_expire_go_first() {
    let store = empty_store().await;
    let expiring = |log, credits, in_seconds: i64| {
        let mut payment = payment(5, log, ALICE, credits);
        payment.expires_at = now().checked_add_signed(in_seconds).unwrap();
        payment
    };
    credit(&store, &[expiring(0, 5, 7200), expiring(1, 1, 3600), expiring(2, 9, 0)]).await;
    let has = account(&store, ALICE).await;
    assert_eq!(has.credits, 6);
    assert_eq!(has.next_expiry.unwrap().unix_timestamp() as u64 / 60, (now() + 3600) / 60);
    spend(&store, 1, ALICE, 0).await.unwrap();
    spend(&store, 2, ALICE, 1).await.unwrap();
    let stored = store.payments_of(&CONTRACT, &ALICE, 10).await.unwrap();
    let spent: Vec<u64> = stored.iter().rev().map(|payment| payment.spent).collect();
    assert_eq!(spent, [1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_race_for_one_credit() {
    for round in 0..8 {
        let store = with_credits(1).await;
        let racers: Vec<_> = (0..8)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move { spend(&store, n, ALICE, 0).await })
            })
            .collect();
        let mut accepted = vec![];
        for racer in racers {
            match racer.await.unwrap() {
                Ok(submission) => accepted.push(submission.id),
                Err(StoreError::WrongNonce { expected: 1 }) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        assert_eq!(accepted.len(), 1);
        let stored = store.proofs_page(None, None, 10).await.unwrap();
        assert_eq!(stored.iter().map(|proof| proof.id).collect::<Vec<_>>(), accepted);
        assert_eq!(account(&store, ALICE).await, Account { nonce: 1, ..Account::default() });
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_sent_many_times_at_once_costs_one_credit() {
    let store = with_credits(5).await;
    let racers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { spend(&store, 1, ALICE, 0).await.unwrap() })
        })
        .collect();
    let mut new = 0;
    for racer in racers {
        new += u32::from(racer.await.unwrap().is_new);
    }
    assert_eq!(new, 1);
    let has = account(&store, ALICE).await;
    assert_eq!((has.nonce, has.credits), (1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_refuses_what_no_code_should_do() {
    let url = empty_database().await;
    let store = Store::connect(&url).await.unwrap();
    credit(&store, &[payment(1, 0, ALICE, 3)]).await;
    spend(&store, 1, ALICE, 0).await.unwrap();
    let database = sqlx::PgPool::connect(&url).await.unwrap();
    for forbidden in [
        "UPDATE payments SET credits = 9",
        "UPDATE payments SET account_id = account_id + 1",
        "UPDATE payments SET spent = 0",
        "UPDATE payments SET spent = 4",
        "UPDATE payments SET status = 'seen'",
        "UPDATE payments SET status = 'revoked', spent = 2",
        "DELETE FROM payments",
        "UPDATE accounts SET nonce = -1",
        "INSERT INTO spendings SELECT account_id, nonce, payment_id, proof_id FROM spendings",
    ] {
        assert!(sqlx::raw_sql(forbidden).execute(&database).await.is_err(), "{forbidden}");
    }
    sqlx::raw_sql("UPDATE payments SET status = 'revoked'").execute(&database).await.unwrap();
    let more = "UPDATE payments SET spent = 2";
    assert!(sqlx::raw_sql(more).execute(&database).await.is_err(), "{more}");
}
