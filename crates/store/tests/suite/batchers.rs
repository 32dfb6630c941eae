//! The batchers' ledger: who gets a nonce, what the chain's facts do, and what a reorganisation undoes.

use std::time::Duration;

use alloy::primitives::B256;
use collimate_chain::follower::{BlockId, Cursor};
use collimate_store::{
    Admission, BatchStatus, BatcherKey, BatcherLedger, FastBatch, GroupEnds, GroupStatus, NewBatch,
    NewGroup, OnChainAccount, Store, StoreError, TaskFact, TaskOnChain,
};
use futures::future::join_all;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::support::empty_database;

const KEY: BatcherKey = BatcherKey { chain_id: 31337, contract: [0xcc; 20], address: [0xba; 20] };
const RICH: OnChainAccount = OnChainAccount { nonce: 0, balance: 1_000_000 };
const BEHIND: (&str, &str) = ("BTC-063", "behind another");
const OVERTAKEN: (&str, &str) = ("BTC-063", "another group has its nonce");
const ENDS: GroupEnds<'static> =
    GroupEnds { refunded: ("BTC-070", "refunded"), overtaken: OVERTAKEN };
/// Blocks in which a task can be answered.
const RESPONSE_BLOCKS: u64 = 10;

async fn ledger() -> (BatcherLedger, Store, String) {
    let url = empty_database().await;
    let store = Store::connect(&url).await.unwrap();
    (store.batcher_ledger(KEY).await.unwrap(), store, url)
}

fn group(account: u8, first_nonce: u64, proofs: u32) -> NewGroup {
    let mut id = [account; 32];
    id[..8].copy_from_slice(&first_nonce.to_be_bytes());
    id[8..12].copy_from_slice(&proofs.to_be_bytes());
    NewGroup {
        id,
        account: [account; 20],
        proofs_root: id,
        proof_count: proofs,
        first_nonce,
        max_fee: 100,
        deadline: 2_000_000_000,
        signature: vec![7; 65],
        by_wallet: false,
        bytes: 1_000,
        items: "[]".to_owned(),
        files: vec![[account; 32], [0xff; 32]],
        commitments: (0..proofs).map(|proof| [proof as u8; 32]).collect(),
        systems: vec![6, 9],
        head: 5,
    }
}

async fn accept(ledger: &BatcherLedger, group: &NewGroup) {
    match ledger.admit(group, RICH, 100).await.unwrap() {
        Admission::Accepted(stored) => assert_eq!(stored.status, GroupStatus::Accepted),
        other => panic!("{other:?}"),
    }
}

fn new_batch(groups: &[NewGroup]) -> NewBatch {
    NewBatch {
        groups: groups.iter().map(|group| group.id).collect(),
        root: [0x11; 32],
        pointer: "v1 somewhere".to_owned(),
        proof_count: groups.iter().map(|group| group.proof_count).sum(),
        bytes: 2_000,
        fee_per_proof: 10,
        fee_limit: 15,
        min_charged: 5,
        value: 10,
    }
}

fn created(block: u64, charges: &[u128]) -> TaskFact {
    TaskFact::Created(TaskOnChain {
        root: [0x11; 32],
        pointer: "v1 somewhere".to_owned(),
        task_id: [block as u8; 32],
        block,
        last_block: block + RESPONSE_BLOCKS,
        tx_hash: [0xee; 32],
        total: charges.iter().sum(),
        added: 0,
        charges: charges.to_vec(),
    })
}

fn cursor(head: u64) -> Cursor {
    let recent = vec![BlockId { number: head, hash: B256::repeat_byte(head as u8) }];
    Cursor { start: 0, next: head + 1, recent }
}

/// A ledger and how far it knows the chain.
struct Followed {
    ledger: BatcherLedger,
    at: Option<Cursor>,
}

impl Followed {
    async fn advance(&mut self, head: u64, facts: &[TaskFact]) -> Vec<FastBatch> {
        let to = cursor(head);
        let changed = self.ledger.advance(facts, &ENDS, self.at.as_ref(), &to).await.unwrap();
        self.at = Some(to);
        changed
    }

    async fn revert(&mut self, first: u64) {
        let to = cursor(first - 1);
        self.ledger.revert(first, self.at.as_ref(), &to).await.unwrap();
        self.at = Some(to);
    }

    async fn batch(&self, id: i64) -> FastBatch {
        self.ledger.batch(id).await.unwrap().unwrap()
    }

    async fn group(&self, group: &NewGroup) -> (GroupStatus, Option<u128>) {
        let group = self.ledger.group(&group.id).await.unwrap().unwrap();
        (group.status, group.charged)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonces_and_balance_are_taken_once() {
    let (ledger, store, _) = ledger().await;
    accept(&ledger, &group(1, 0, 3)).await;
    let again = ledger.admit(&group(1, 0, 3), RICH, 100).await.unwrap();
    assert!(matches!(again, Admission::Known(_)));
    let wrong = ledger.admit(&group(1, 0, 1), RICH, 100).await.unwrap();
    assert_eq!(wrong, Admission::WrongNonce { expected: 3 });
    let gap = ledger.admit(&group(1, 4, 1), RICH, 100).await.unwrap();
    assert_eq!(gap, Admission::WrongNonce { expected: 3 });
    let poor = OnChainAccount { balance: 199, ..RICH };
    let refused = ledger.admit(&group(1, 3, 1), poor, 100).await.unwrap();
    assert_eq!(refused, Admission::BalanceTooLow { reserved: 100 });
    assert_eq!(ledger.admit(&group(1, 3, 1), RICH, 1).await.unwrap(), Admission::TooMany);
    accept(&ledger, &group(1, 3, 1)).await;
    let standing = ledger.standing(&[1; 20], RICH).await.unwrap();
    assert_eq!((standing.next_nonce, standing.reserved, standing.pending), (4, 200, 2));
    // Another batcher's accounts are others.
    let other = BatcherKey { address: [1; 20], ..KEY };
    let other = store.batcher_ledger(other).await.unwrap();
    assert_eq!(other.standing(&[1; 20], RICH).await.unwrap().next_nonce, 0);
    assert_eq!(other.group(&group(1, 0, 3).id).await.unwrap(), None);
    // The chain may be ahead.
    let ahead = OnChainAccount { nonce: 9, ..RICH };
    assert_eq!(ledger.standing(&[1; 20], ahead).await.unwrap().next_nonce, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_that_race_for_a_nonce_one_is_accepted() {
    let (ledger, _, _) = ledger().await;
    let groups: Vec<_> = (1..9).map(|proofs| group(1, 0, proofs)).collect();
    let admitted = join_all(groups.iter().map(|group| ledger.admit(group, RICH, 100))).await;
    let accepted = admitted
        .into_iter()
        .filter(|admission| matches!(admission.as_ref().unwrap(), Admission::Accepted(_)));
    assert_eq!(accepted.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_dropped_takes_those_behind_it_with_it() {
    let (ledger, _, _) = ledger().await;
    let groups = [group(1, 0, 1), group(1, 1, 2), group(1, 3, 1), group(2, 0, 1)];
    for group in &groups {
        accept(&ledger, group).await;
    }
    let gone = ledger.reject_group(&groups[1].id, "BTC-061", "too poor", BEHIND).await.unwrap();
    assert_eq!(gone.len(), 2);
    assert!(ledger.reject_group(&groups[1].id, "X", "x", BEHIND).await.unwrap().is_empty());
    let waiting = ledger.waiting_groups(10).await.unwrap();
    let mut left: Vec<_> = waiting.iter().map(|group| group.id).collect();
    left.sort_unstable();
    assert_eq!(left, [groups[0].id, groups[3].id]);
    let first = ledger.group(&groups[1].id).await.unwrap().unwrap();
    assert_eq!((first.status, first.code.as_deref()), (GroupStatus::Rejected, Some("BTC-061")));
    let behind = ledger.group(&groups[2].id).await.unwrap().unwrap();
    assert_eq!(behind.code.as_deref(), Some("BTC-063"));
    // Their nonces are free.
    accept(&ledger, &NewGroup { id: [9; 32], ..group(1, 1, 1) }).await;
    let changes = ledger.group_changes_after(&groups[1].id, 0).await.unwrap();
    let statuses: Vec<_> = changes.iter().map(|change| change.status).collect();
    assert_eq!(statuses, [GroupStatus::Accepted, GroupStatus::Rejected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_its_way_by_the_chains_facts_and_back_by_reorganisations() {
    let (ledger, _, _) = ledger().await;
    let groups = [group(1, 0, 2), group(2, 0, 1)];
    for group in &groups {
        accept(&ledger, group).await;
    }
    let batch = ledger.close_batch(&new_batch(&groups)).await.unwrap();
    assert_eq!((batch.status, batch.group_count), (BatchStatus::Closed, 2));
    ledger.mark_sent(batch.id).await.unwrap();
    ledger.mark_sent(batch.id).await.unwrap();
    let (id, task_id) = (batch.id, [20; 32]);
    let mut chain = Followed { ledger, at: None };
    chain.advance(19, &[]).await;
    chain.advance(20, &[created(20, &[20, 0])]).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Open);
    assert_eq!(chain.group(&groups[0]).await, (GroupStatus::Open, Some(20)));
    assert_eq!(chain.group(&groups[1]).await, (GroupStatus::Open, Some(0)), "it did not hold");
    // What was charged holds its nonces, what was not does not.
    for (account, next) in [(1, 2), (2, 0)] {
        let standing = chain.ledger.standing(&[account; 20], RICH).await.unwrap();
        assert_eq!((standing.next_nonce, standing.pending), (next, 0));
    }
    // The same fact again changes nothing, and neither do those of others' tasks.
    let others = TaskFact::Verified { task_id: [99; 32], block: 21 };
    chain.advance(21, &[created(20, &[20, 0]), others]).await;
    assert_eq!(chain.batch(id).await.task.unwrap().id, task_id);

    chain.advance(25, &[TaskFact::Verified { task_id, block: 25 }]).await;
    chain.advance(26, &[TaskFact::Settled { task_id, block: 26 }]).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Settled);
    assert_eq!(chain.group(&groups[0]).await.0, GroupStatus::Verified);
    chain.revert(26).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Verified);
    chain.revert(25).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Open);
    assert_eq!(chain.group(&groups[0]).await, (GroupStatus::Open, Some(20)));
    chain.advance(29, &[]).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Open, "one block is left");
    chain.advance(30, &[]).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Expired);
    assert_eq!(chain.group(&groups[0]).await.0, GroupStatus::Open, "not refunded yet");
    chain.advance(31, &[TaskFact::Refunded { task_id, block: 31 }]).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Refunded);
    let failed = chain.ledger.group(&groups[0].id).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.code.as_deref()), (GroupStatus::Failed, Some("BTC-070")));
    chain.revert(30).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Open);
    chain.revert(20).await;
    let back = chain.batch(id).await;
    assert_eq!((back.status, back.task), (BatchStatus::Sent, None));
    for group in &groups {
        assert_eq!(chain.group(group).await, (GroupStatus::Batched, None));
    }
    // Mined again, and everything at once, as who was away sees it.
    let task_id = [21; 32];
    let facts = [
        created(21, &[20, 10]),
        TaskFact::Verified { task_id, block: 22 },
        TaskFact::Settled { task_id, block: 23 },
    ];
    chain.advance(40, &facts).await;
    assert_eq!(chain.batch(id).await.status, BatchStatus::Settled);
    assert_eq!(chain.group(&groups[1]).await, (GroupStatus::Verified, Some(10)));
    assert!(chain.ledger.unfinished_batches().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_given_up_gives_its_groups_back_and_is_known_if_it_is_mined_all_the_same() {
    let (ledger, _, _) = ledger().await;
    let groups = [group(1, 0, 1), group(2, 0, 1)];
    for group in &groups {
        accept(&ledger, group).await;
    }
    let batch = ledger.close_batch(&new_batch(&groups)).await.unwrap();
    let twice = ledger.close_batch(&new_batch(&groups)).await.unwrap_err();
    assert!(matches!(twice, StoreError::WrongStatus { .. }), "{twice}");
    ledger.mark_sent(batch.id).await.unwrap();
    ledger.dissolve(batch.id, "CHN-030", "it would revert", OVERTAKEN).await.unwrap();
    let again =
        ledger.dissolve(batch.id, "CHN-030", "it would revert", OVERTAKEN).await.unwrap_err();
    assert!(matches!(again, StoreError::WrongStatus { .. }), "{again}");
    assert_eq!(ledger.waiting_groups(10).await.unwrap().len(), 2);
    let mut chain = Followed { ledger, at: None };
    chain.advance(20, &[created(20, &[10, 10])]).await;
    assert_eq!(chain.batch(batch.id).await.status, BatchStatus::Open);
    assert_eq!(chain.group(&groups[0]).await, (GroupStatus::Open, Some(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_takes_its_word_back_before_its_batch_is_known_for_it() {
    let (ledger, _, _) = ledger().await;
    let wallet = |account| NewGroup { by_wallet: true, ..group(account, 0, 1) };
    let (epoch, tomorrow) =
        (OffsetDateTime::UNIX_EPOCH, OffsetDateTime::now_utc() + Duration::from_secs(86_400));
    let broke = async |account: u8, since| {
        ledger.broke_its_word_since(&[account; 20], since, "BTC-064").await.unwrap()
    };
    for (group, code, known) in [
        (wallet(1), "BTC-064", true),
        // Its deadline came, or its key has another reason: no word was broken.
        (wallet(2), "BTC-060", false),
        (group(3, 0, 1), "BTC-064", false),
    ] {
        accept(&ledger, &group).await;
        let account = group.account[0];
        assert!(!broke(account, epoch).await, "it waits");
        ledger.reject_group(&group.id, code, "dropped", BEHIND).await.unwrap();
        assert_eq!(broke(account, epoch).await, known, "{account}");
        assert!(!broke(account, tomorrow).await, "forgotten in time");
    }
}

/// Wallet 1's group for the nonces 0 and 1 is on chain in block 20, uncharged, with group `other`; the wallet has groups that wait for
/// the same nonces; then block 20 leaves the chain.
struct TakenBack {
    chain: Followed,
    store: Store,
    batch: i64,
    first: NewGroup,
    other: NewGroup,
    waiting: [NewGroup; 2],
}

async fn taken_back() -> TakenBack {
    let (ledger, store, _) = ledger().await;
    let (first, other) = (group(1, 0, 2), group(2, 0, 1));
    for group in [&first, &other] {
        accept(&ledger, group).await;
    }
    let groups = [first.clone(), other.clone()];
    let batch = ledger.close_batch(&new_batch(&groups)).await.unwrap().id;
    ledger.mark_sent(batch).await.unwrap();
    let mut chain = Followed { ledger, at: None };
    chain.advance(19, &[]).await;
    chain.advance(20, &[created(20, &[0, 10])]).await;
    let waiting = [group(1, 0, 1), group(1, 1, 1)];
    for group in &waiting {
        accept(&chain.ledger, group).await;
    }
    chain.revert(20).await;
    assert_eq!(chain.group(&first).await, (GroupStatus::Batched, None));
    TakenBack { chain, store, batch, first, other, waiting }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_charged_after_a_reorganisation_ends_those_that_have_its_nonces() {
    let TakenBack { mut chain, store, batch, first, other, waiting } = taken_back().await;
    let behind = group(1, 2, 1);
    accept(&chain.ledger, &behind).await;
    chain.advance(21, &[created(21, &[20, 10])]).await;
    assert_eq!(chain.batch(batch).await.status, BatchStatus::Open);
    assert_eq!(chain.group(&first).await, (GroupStatus::Open, Some(20)));
    assert_eq!(chain.group(&other).await, (GroupStatus::Open, Some(10)));
    for group in &waiting {
        let ended = chain.ledger.group(&group.id).await.unwrap().unwrap();
        assert_eq!((ended.status, ended.code.as_deref()), (GroupStatus::Rejected, Some("BTC-063")));
    }
    assert_eq!(chain.group(&behind).await.0, GroupStatus::Accepted, "its nonce is the next");
    assert_eq!(store.audit().await.unwrap(), vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_given_up_after_a_reorganisation_ends_groups_whose_nonces_are_taken() {
    let TakenBack { chain, batch, first, other, waiting, .. } = taken_back().await;
    let gone = chain.ledger.dissolve(batch, "CHN-030", "it would revert", OVERTAKEN).await;
    assert_eq!(gone.unwrap(), [first.id]);
    let ended = chain.ledger.group(&first.id).await.unwrap().unwrap();
    assert_eq!((ended.status, ended.code.as_deref()), (GroupStatus::Rejected, Some("BTC-063")));
    for group in waiting.iter().chain([&other]) {
        assert_eq!(chain.group(group).await, (GroupStatus::Accepted, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_groups_for_one_nonce_that_are_both_on_their_way_the_chain_chooses_one() {
    let TakenBack { mut chain, batch, first, waiting, .. } = taken_back().await;
    let root = [0x22; 32];
    let second = NewBatch { root, ..new_batch(&waiting) };
    let second = chain.ledger.close_batch(&second).await.unwrap().id;
    chain.ledger.mark_sent(second).await.unwrap();
    // Neither is charged yet, so the first may wait again.
    let gone = chain.ledger.dissolve(batch, "CHN-030", "it would revert", OVERTAKEN).await.unwrap();
    assert!(gone.is_empty());
    assert_eq!(chain.group(&first).await.0, GroupStatus::Accepted);
    let TaskFact::Created(task) = created(21, &[10, 10]) else { panic!("a creation") };
    chain.advance(21, &[TaskFact::Created(TaskOnChain { root, ..task })]).await;
    assert_eq!(chain.batch(second).await.status, BatchStatus::Open);
    assert_eq!(chain.group(&waiting[0]).await, (GroupStatus::Open, Some(10)));
    assert_eq!(chain.group(&first).await.0, GroupStatus::Rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_unused_when_no_group_has_them_that_waits_or_got_on_chain() {
    let (ledger, _, _) = ledger().await;
    let unused = async |ledger: &BatcherLedger| {
        let unused = ledger.unused_files(Duration::ZERO, 100).await.unwrap();
        let mut keys = unused.keys().to_vec();
        unused.forget().await.unwrap();
        keys.sort_unstable();
        keys
    };
    // One that a crash left behind, and those of three groups, which have one in common.
    let groups = [group(1, 0, 1), group(2, 0, 1), group(3, 0, 1)];
    ledger.note_files(&[[0xee; 32]]).await.unwrap();
    for group in &groups {
        ledger.note_files(&group.files).await.unwrap();
        accept(&ledger, group).await;
    }
    let young = ledger.unused_files(Duration::from_secs(3_600), 100).await.unwrap();
    assert!(young.keys().is_empty(), "it may belong to a group that is just arriving");
    drop(young);
    assert_eq!(unused(&ledger).await, [[0xee; 32]]);
    assert!(unused(&ledger).await.is_empty(), "it is forgotten");

    ledger.reject_group(&groups[0].id, "BTC-061", "too poor", BEHIND).await.unwrap();
    assert_eq!(unused(&ledger).await, [[1; 32]], "others have the common one");
    let batch = ledger.close_batch(&new_batch(&groups[1..])).await.unwrap();
    ledger.mark_sent(batch.id).await.unwrap();
    let mut chain = Followed { ledger, at: None };
    chain.advance(20, &[created(20, &[10, 10])]).await;
    assert!(unused(&chain.ledger).await.is_empty(), "their task is on chain");
    chain.advance(21, &[TaskFact::Verified { task_id: [20; 32], block: 21 }]).await;
    assert!(unused(&chain.ledger).await.is_empty(), "and stays there");

    // Whoever stores a file that is being taken away waits until it is gone.
    chain.ledger.note_files(&[[0xdd; 32]]).await.unwrap();
    let taken = chain.ledger.unused_files(Duration::ZERO, 100).await.unwrap();
    assert_eq!(taken.keys(), [[0xdd; 32]]);
    let again = chain.ledger.clone();
    let noting = tokio::spawn(async move { again.note_files(&[[0xdd; 32]]).await });
    let others = chain.ledger.unused_files(Duration::ZERO, 100).await.unwrap();
    assert!(others.keys().is_empty(), "one takes it away");
    drop(others);
    assert!(!noting.is_finished());
    taken.forget().await.unwrap();
    noting.await.unwrap().unwrap();
    assert_eq!(unused(&chain.ledger).await, [[0xdd; 32]], "it is known again");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_follow_one_gets_on_and_of_two_drivers_one_drives() {
    let (ledger, store, _) = ledger().await;
    ledger.advance(&[], &ENDS, None, &cursor(5)).await.unwrap();
    let late = ledger.advance(&[], &ENDS, None, &cursor(6)).await.unwrap_err();
    assert!(matches!(late, StoreError::CursorMoved(_)), "{late}");
    let late = ledger.revert(3, Some(&cursor(4)), &cursor(2)).await.unwrap_err();
    assert!(matches!(late, StoreError::CursorMoved(_)), "{late}");
    let lock = store.try_lock_batcher(&KEY).await.unwrap().expect("it is free");
    assert!(store.try_lock_batcher(&KEY).await.unwrap().is_none());
    let other = BatcherKey { address: [1; 20], ..KEY };
    assert!(store.try_lock_batcher(&other).await.unwrap().is_some(), "others are not concerned");
    lock.release().await;
    assert!(store.try_lock_batcher(&KEY).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_refuses_what_the_code_would_never_write() {
    let (ledger, _, url) = ledger().await;
    let groups = [group(1, 0, 2)];
    accept(&ledger, &groups[0]).await;
    let batch = ledger.close_batch(&new_batch(&groups)).await.unwrap().id;
    accept(&ledger, &group(2, 0, 1)).await;
    let database = PgPool::connect(&url).await.unwrap();
    for statement in [
        "UPDATE fast_groups SET status = 'verified', charged_wei = NULL".to_owned(),
        "UPDATE fast_groups SET status = 'rejected', batch_id = NULL".to_owned(),
        "UPDATE fast_groups SET status = 'accepted'".to_owned(),
        "UPDATE fast_groups SET commitments = ''".to_owned(),
        format!("UPDATE fast_batches SET verified_block = 3 WHERE id = {batch}"),
        format!("UPDATE fast_batches SET phase = 'dissolved' WHERE id = {batch}"),
        format!("UPDATE fast_batches SET task_id = root WHERE id = {batch}"),
        "INSERT INTO fast_groups (id, batcher_id, account, proofs_root, proof_count, first_nonce, max_fee_wei, deadline, \
             signature, by_wallet, bytes, items, commitments, systems, head, status) \
             SELECT decode(repeat('05', 32), 'hex'), batcher_id, account, proofs_root, proof_count, first_nonce, max_fee_wei, \
             deadline, signature, by_wallet, bytes, items, commitments, systems, head, 'accepted' FROM fast_groups \
             WHERE status = 'accepted'"
            .to_owned(),
    ] {
        let refused =
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone())).execute(&database).await;
        let refused = StoreError::from(refused.expect_err(&statement));
        assert_eq!(refused.code(), "STO-005", "{statement}: {refused}");
    }
    for from in GroupStatus::ALL {
        for to in GroupStatus::ALL.iter().filter(|to| *to != from) {
            let allowed = from.may_become(*to);
            let in_trigger: bool = sqlx::query_scalar(
                "SELECT pg_get_triggerdef(oid) LIKE '%''' || $1 || '''%' FROM pg_trigger WHERE tgname = 'fast_groups_guard'",
            )
            .bind(format!("{from}>{to}"))
            .fetch_one(&database)
            .await
            .unwrap();
            assert_eq!(allowed, in_trigger, "{from} > {to}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_finds_nothing_in_an_allowed_history_and_what_was_tampered_with() {
    let (ledger, store, url) = ledger().await;
    let mut followed = Followed { ledger: ledger.clone(), at: None };
    // Dissolved, batched again, verified; one that is dropped, and one that waits.
    let groups = [group(1, 0, 3), group(1, 3, 1), group(2, 0, 1)];
    for group in &groups {
        accept(&ledger, group).await;
    }
    let given_up = ledger.close_batch(&new_batch(&groups)).await.unwrap();
    ledger.dissolve(given_up.id, "BTC-001", "for a test", OVERTAKEN).await.unwrap();
    ledger.reject_group(&groups[2].id, "BTC-061", "too little", BEHIND).await.unwrap();
    let batch = ledger.close_batch(&new_batch(&groups[..2])).await.unwrap();
    ledger.mark_sent(batch.id).await.unwrap();
    followed.advance(10, &[created(10, &[30, 10])]).await;
    followed.advance(12, &[TaskFact::Verified { task_id: [10; 32], block: 12 }]).await;
    accept(&ledger, &group(1, 4, 1)).await;
    assert_eq!(store.audit().await.unwrap(), vec![]);
    let on_chain = ledger.batches_of_blocks(12, 12).await.unwrap();
    assert_eq!(on_chain.iter().map(|batch| batch.id).collect::<Vec<_>>(), [batch.id]);
    assert!(ledger.batches_of_blocks(13, 99).await.unwrap().is_empty());
    assert_eq!(ledger.charged_accounts(None, 9).await.unwrap(), [([1; 20], 4)]);
    assert_eq!(ledger.groups_after(0, 9).await.unwrap().len(), 3, "but for the one dropped");

    let database = PgPool::connect(&url).await.unwrap();
    for (tampering, rule) in [
        (
            "UPDATE fast_groups SET status = 'open' WHERE first_nonce = 3",
            "has the status of the batch",
        ),
        ("DELETE FROM fast_batch_groups WHERE batch_id = 2 AND position = 1", "as many groups"),
        ("UPDATE fast_batches SET proof_count = 9 WHERE id = 2", "as many proofs"),
        ("UPDATE fast_batches SET bytes = 99999 WHERE id = 2", "the bytes of its groups"),
        ("UPDATE fast_groups SET charged_wei = 29 WHERE charged_wei = 30", "sum of their charges"),
        ("UPDATE fast_batches SET added_wei = 7 WHERE id = 2", "its batcher added the rest"),
        ("UPDATE fast_groups SET max_fee_wei = 9 WHERE charged_wei > 0", "no more than was signed"),
        ("UPDATE fast_groups SET first_nonce = 8 WHERE first_nonce = 3", "follow each other"),
        (
            "UPDATE fast_groups SET first_nonce = 2 WHERE status = 'accepted'",
            "held by one group that waits",
        ),
        ("UPDATE fast_groups SET code = 'X' WHERE status = 'rejected'", "in a batcher's words"),
        ("DELETE FROM fast_group_events", "last recorded status"),
    ] {
        let mut tx = database.begin().await.unwrap();
        // Whoever may do this may switch the triggers off as well.
        sqlx::query("SET LOCAL session_replication_role = replica")
            .execute(&mut *tx)
            .await
            .unwrap();
        let changed = sqlx::query(tampering).execute(&mut *tx).await.unwrap().rows_affected();
        assert!(changed > 0, "{tampering}");
        tx.commit().await.unwrap();
        let found = store.audit().await.unwrap();
        assert!(
            found.iter().any(|violation| violation.rule.contains(rule)),
            "{tampering}: {found:?}"
        );
    }
}
