//! Property: however deposits, reorganisations and requests of several clients interleave, what is stored of payments is what
//! the chain says, and no credit is spent twice.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use crate::support::{block_on, empty_database, proof};
use alloy::primitives::{B256, U256};
use collimate_chain::follower::{BlockId, Cursor};
use collimate_store::{
    Authorisation, NewPayment, PaymentContract, PaymentLedger, PaymentStatus, Store, StoreError,
};
use proptest::prelude::*;

const CONTRACT: PaymentContract = PaymentContract { chain_id: 31337, address: [0xcc; 20] };
const CONFIRMATIONS: u64 = 3;
const ACCOUNTS: u8 = 3;
const EXPIRES_AT: u64 = 4_000_000_000;

/// What the chain does: a block with deposits (account, credits), or a reorganisation of so many blocks.
#[derive(Clone, Debug)]
enum ChainOp {
    Block(Vec<(u8, u64)>),
    Reorg(u64),
}

/// A request: which proof, for which account, and how far its nonce is from the right one.
#[derive(Clone, Debug)]
struct Request {
    proof: u32,
    account: u8,
    nonce_off: u64,
}

fn chain_op() -> impl Strategy<Value = ChainOp> {
    let deposits = prop::collection::vec((0..ACCOUNTS, 1..4_u64), 0..3);
    prop_oneof![
        5 => deposits.prop_map(ChainOp::Block),
        1 => (1..6_u64).prop_map(ChainOp::Reorg),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let nonce_off = prop_oneof![6 => Just(0_u64), 1 => Just(1), 1 => Just(u64::MAX)];
    (0..40_u32, 0..ACCOUNTS, nonce_off).prop_map(|(proof, account, nonce_off)| Request {
        proof,
        account,
        nonce_off,
    })
}

/// The chain as it is, and the follower of it.
struct World {
    ledger: PaymentLedger,
    /// Blocks from 1 on, and whether each was ever confirmed: a shorter chain that still has it takes nothing back.
    blocks: Vec<(bool, Vec<NewPayment>)>,
    branch: u8,
    cursor: Option<Cursor>,
}

impl World {
    fn cursor_now(&self) -> Cursor {
        let number = self.blocks.len() as u64;
        let hash = B256::with_last_byte(self.branch);
        Cursor { start: 1, next: number + 1, recent: vec![BlockId { number, hash }] }
    }

    async fn apply(&mut self, op: &ChainOp) {
        match op {
            ChainOp::Block(deposits) => {
                let number = self.blocks.len() as u64 + 1;
                let payments: Vec<_> = (0_u64..)
                    .zip(deposits)
                    .map(|(log, (account, credits))| NewPayment {
                        // As after a real reorganisation, the same transaction comes again in another block.
                        tx_hash: [number as u8; 32],
                        log_index: log,
                        block_number: number,
                        block_hash: [self.branch; 32],
                        purchase_id: number * 10 + log,
                        payer: [9; 20],
                        account: [*account; 20],
                        amount_wei: U256::from(*credits),
                        credits: *credits,
                        expires_at: EXPIRES_AT,
                        terms_id: 1,
                    })
                    .collect();
                self.blocks.push((false, payments.clone()));
                let confirmed = (self.blocks.len() + 1).saturating_sub(CONFIRMATIONS as usize);
                self.blocks[..confirmed].iter_mut().for_each(|block| block.0 = true);
                let to = self.cursor_now();
                self.ledger.advance(&payments, self.cursor.as_ref(), &to).await.unwrap();
                self.cursor = Some(to);
            }
            ChainOp::Reorg(depth) => {
                let keep = self.blocks.len().saturating_sub(*depth as usize);
                if keep == self.blocks.len() {
                    return;
                }
                self.blocks.truncate(keep);
                self.branch += 1;
                let to = self.cursor_now();
                self.ledger.revert(keep as u64 + 1, self.cursor.as_ref(), &to).await.unwrap();
                self.cursor = Some(to);
            }
        }
    }

    /// What reading this chain from the beginning gives: credited and seen credits of each account.
    fn expected(&self) -> BTreeMap<u8, (u64, u64)> {
        let mut sums = BTreeMap::new();
        for (confirmed, payments) in &self.blocks {
            for payment in payments {
                let sum: &mut (u64, u64) = sums.entry(payment.account[0]).or_default();
                *(if *confirmed { &mut sum.0 } else { &mut sum.1 }) += payment.credits;
            }
        }
        sums
    }
}

async fn request_once(store: &Store, request: &Request) {
    let account = [request.account; 20];
    let has = store.account(&CONTRACT, &account).await.unwrap();
    let nonce = has.nonce.wrapping_add(request.nonce_off);
    let authorisation = Authorisation { contract: CONTRACT, account, nonce };
    match store.insert_paid_proof(&proof(request.proof), &authorisation).await {
        Ok(_) | Err(StoreError::NoCredit | StoreError::WrongNonce { .. }) => {}
        Err(error) => panic!("{request:?}: {error}"),
    }
}

async fn assert_rules_hold(world: &World, store: &Store, url: &str) {
    let expected = world.expected();
    for account in 0..ACCOUNTS {
        let (mut credited, mut seen, mut spent) = (0, 0, 0);
        for payment in store.payments_of(&CONTRACT, &[account; 20], 1000).await.unwrap() {
            assert!(payment.spent <= payment.credits);
            spent += payment.spent;
            match payment.status {
                PaymentStatus::Credited => credited += payment.credits,
                PaymentStatus::Seen => seen += payment.credits,
                PaymentStatus::Revoked => {}
            }
        }
        let is_expected = expected.get(&account).copied().unwrap_or_default();
        assert_eq!((credited, seen), is_expected, "what the chain says of {account}");
        assert_eq!(store.account(&CONTRACT, &[account; 20]).await.unwrap().nonce, spent);
    }
    let database = sqlx::PgPool::connect(url).await.unwrap();
    let broken: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM payments p \
                 WHERE p.spent <> (SELECT count(*) FROM spendings s WHERE s.payment_id = p.id)) \
              + (SELECT count(*) FROM accounts a \
                 WHERE a.nonce <> (SELECT count(*) FROM spendings s WHERE s.account_id = a.id) \
                    OR a.nonce <= (SELECT max(nonce) FROM spendings s WHERE s.account_id = a.id)) \
              + (SELECT count(*) FROM spendings s JOIN payments p ON p.id = s.payment_id \
                 WHERE p.account_id <> s.account_id) \
              + (SELECT count(*) FROM proofs p \
                 WHERE NOT EXISTS (SELECT FROM spendings s WHERE s.proof_id = p.id))",
    )
    .fetch_one(&database)
    .await
    .unwrap();
    assert_eq!(broken, 0, "each proof is paid for by one credit of its own");
    database.close().await;
}

async fn world() -> (World, Store, String) {
    let url = empty_database().await;
    let store = Store::connect(&url).await.unwrap();
    let ledger = store.payment_ledger(CONTRACT, NonZeroU64::new(CONFIRMATIONS).unwrap());
    (World { ledger, blocks: vec![], branch: 0, cursor: None }, store, url)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 64, ..ProptestConfig::default() })]

    #[test]
    fn one_after_the_other(
        steps in prop::collection::vec((chain_op(), prop::collection::vec(request(), 0..4)), 1..40)
    ) {
        block_on(async {
            let (mut world, store, url) = world().await;
            for (op, requests) in &steps {
                world.apply(op).await;
                for request in requests {
                    request_once(&store, request).await;
                }
                assert_rules_hold(&world, &store, &url).await;
            }
            store.close().await;
        });
    }

    #[test]
    fn at_the_same_time(
        ops in prop::collection::vec(chain_op(), 1..40),
        clients in prop::collection::vec(prop::collection::vec(request(), 1..40), 2..5)
    ) {
        block_on(async {
            let (mut world, store, url) = world().await;
            let clients: Vec<_> = clients
                .into_iter()
                .map(|requests| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        for request in &requests {
                            request_once(&store, request).await;
                        }
                    })
                })
                .collect();
            for op in &ops {
                world.apply(op).await;
            }
            for client in clients {
                client.await.unwrap();
            }
            assert_rules_hold(&world, &store, &url).await;
            store.close().await;
        });
    }
}
