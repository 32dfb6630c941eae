//! Submissions as their owners see them, and the promise that comes with the queue's place.

use std::num::NonZeroU64;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::{DEPLOYMENT, empty_store, proof};
use alloy::primitives::{B256, U256};
use collimate_chain::follower::{BlockId, Cursor};
use collimate_store::{
    Authorisation, NewPayment, PaymentContract, Promise, ProofId, ProofStatus, ProofSystem, Store,
    StoreError, SubmittedProof,
};

const CONTRACT: PaymentContract = PaymentContract { chain_id: 31337, address: [0xcc; 20] };
const ALICE: [u8; 20] = [0xa1; 20];
const BOB: [u8; 20] = [0xb0; 20];

/// A store in which ALICE and BOB have this many credits each.
async fn with_credits(credits: u64) -> Store {
    let store = empty_store().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let payments = [ALICE, BOB].map(|account| NewPayment {
        tx_hash: [account[0]; 32],
        log_index: 0,
        block_number: 1,
        block_hash: [1; 32],
        purchase_id: u64::from(account[0]),
        payer: account,
        account,
        amount_wei: U256::from(credits),
        credits,
        expires_at: now + 3600,
        terms_id: 1,
    });
    let recent = vec![BlockId { number: 9, hash: B256::ZERO }];
    let to = Cursor { start: 0, next: 10, recent };
    let ledger = store.payment_ledger(CONTRACT, NonZeroU64::MIN);
    ledger.advance(&payments, None, &to).await.unwrap();
    store
}

async fn paid(store: &Store, n: u32, account: [u8; 20], nonce: u64) -> ProofId {
    let authorisation = Authorisation { contract: CONTRACT, account, nonce };
    store.insert_paid_proof(&proof(n), &authorisation).await.unwrap().id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_given_once_whoever_asks_again() {
    let store = with_credits(2).await;
    let id = paid(&store, 1, ALICE, 0).await;
    let found = store.submission(id).await.unwrap().unwrap();
    assert_eq!((found.status, found.promise), (ProofStatus::Received, None));

    let racers = futures::future::join_all((0..8).map(|n| store.admit(id, 1000 + n))).await;
    let mut promises: Vec<Promise> =
        racers.into_iter().map(|admitted| admitted.unwrap().promise.unwrap()).collect();
    promises.dedup();
    assert_eq!(promises.len(), 1, "all get the first promise");
    let admitted = store.submission(id).await.unwrap().unwrap();
    assert_eq!(admitted.status, ProofStatus::Queued);
    assert_eq!(admitted.payer.map(|payer| (payer.account, payer.nonce)), Some((ALICE, 0)));
    let history: Vec<_> =
        store.proof_events(id).await.unwrap().into_iter().map(|event| event.status).collect();
    assert_eq!(history, [ProofStatus::Received, ProofStatus::Verified, ProofStatus::Queued]);

    // In a run, or later, a repeated call moves nothing back.
    let run = store.open_run(&DEPLOYMENT, 10).await.unwrap().unwrap();
    let again = store.admit(id, 5).await.unwrap();
    assert_eq!((again.status, again.promise), (ProofStatus::Proving, Some(promises[0])));
    assert_eq!(again.run, Some((run.id, 0)));
    // Later proofs have higher positions; what was rejected is promised nothing.
    let second = store.admit(paid(&store, 2, BOB, 0).await, 1000).await.unwrap();
    assert!(second.promise.unwrap().position > promises[0].position);
    let rejected = paid(&store, 3, BOB, 1).await;
    store.reject(rejected, "VER-012", "a test").await.unwrap();
    let rejected = store.admit(rejected, 1000).await.unwrap();
    assert_eq!((rejected.status, rejected.promise), (ProofStatus::Rejected, None));
    // An operator's own proof has a place, and nobody to promise anything to.
    let own = store.insert_proof(&proof(4)).await.unwrap().id;
    let own = store.admit(own, 1000).await.unwrap();
    assert_eq!((own.status, own.payer, own.promise), (ProofStatus::Queued, None, None));
    let missing = store.admit(ProofId::nil(), 1).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_an_accounts_own() {
    let store = with_credits(3).await;
    let mut ids = vec![];
    for (n, account, nonce) in [(1, ALICE, 0), (2, BOB, 0), (3, ALICE, 1), (4, ALICE, 2)] {
        ids.push(paid(&store, n, account, nonce).await);
    }
    store.admit(ids[2], 1000).await.unwrap();
    let page = |account: Option<[u8; 20]>, status, after, limit| {
        let store = store.clone();
        async move {
            let payer = account.as_ref().map(|account| (&CONTRACT, account));
            let page = store.submissions_page(payer, status, after, limit).await.unwrap();
            page.into_iter().map(|proof: SubmittedProof| proof.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(page(None, None, None, 10).await, ids);
    assert_eq!(page(Some(ALICE), None, None, 10).await, [ids[0], ids[2], ids[3]]);
    assert_eq!(page(Some(ALICE), None, Some(ids[0]), 1).await, [ids[2]]);
    assert_eq!(page(Some(ALICE), Some(ProofStatus::Queued), None, 10).await, [ids[2]]);
    assert_eq!(page(None, Some(ProofStatus::Received), None, 2).await, [ids[0], ids[1]]);
    assert!(page(Some([9; 20]), None, None, 10).await.is_empty());

    let by_nonce = |nonce, before| store.submissions_by_nonce(&CONTRACT, &ALICE, nonce, before, 2);
    let ids_of = |page: Vec<SubmittedProof>| page.iter().map(|proof| proof.id).collect::<Vec<_>>();
    assert_eq!(ids_of(by_nonce(None, None).await.unwrap()), [ids[3], ids[2]]);
    assert_eq!(ids_of(by_nonce(None, Some(1)).await.unwrap()), [ids[0]]);
    assert_eq!(ids_of(by_nonce(Some(1), None).await.unwrap()), [ids[2]]);
    assert!(by_nonce(Some(u64::MAX), None).await.unwrap().is_empty());

    let quota = store.quota(&CONTRACT, &ALICE).await.unwrap();
    assert_eq!((quota.total, quota.spent), (3, 3));
    let hash = proof(1).proof_hash;
    let first = store.submission_of(&hash, &[0xab; 32]).await.unwrap().unwrap();
    assert_eq!(first.id, ids[0]);
    assert_eq!(store.submission_of(&hash, &[0; 32]).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_unfinished_is_found_and_a_key_is_known_once_its_proof_was_accepted() {
    let store = with_credits(3).await;
    let ids = [paid(&store, 1, ALICE, 0).await, paid(&store, 2, ALICE, 1).await];
    let key = || store.program_key(ProofSystem::Sp1, &[0xab; 32]);
    assert_eq!(key().await.unwrap(), None, "an unverified proof's key is nobody's business");
    let now = store.proof(ids[1]).await.unwrap().unwrap().updated_at;
    let later = now + std::time::Duration::from_secs(1);
    assert_eq!(store.unfinished_submissions(later, None, 10).await.unwrap(), ids);
    assert_eq!(store.unfinished_submissions(later, Some(ids[0]), 10).await.unwrap(), [ids[1]]);
    let before = now - std::time::Duration::from_secs(60);
    assert!(store.unfinished_submissions(before, None, 10).await.unwrap().is_empty());
    store.admit(ids[0], 1000).await.unwrap();
    assert_eq!(store.unfinished_submissions(later, None, 10).await.unwrap(), [ids[1]]);
    assert_eq!(key().await.unwrap(), Some(vec![1, 2, 3]));
    store.admit(ids[1], 1000).await.unwrap();
    assert_eq!(store.queued_before(ids[1], 10).await.unwrap(), 1);
    assert_eq!(store.queued_before(ids[1], 0).await.unwrap(), 0);

    let events = store.proof_events_after(ids[1], 0).await.unwrap();
    assert_eq!(events.len(), 3);
    let rest = store.proof_events_after(ids[1], events[1].0).await.unwrap();
    assert_eq!(rest, events[2..]);
}
