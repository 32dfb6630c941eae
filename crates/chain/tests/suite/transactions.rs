//! What a transaction manager has to do, on a real node, one behaviour a test.

use std::{sync::Arc, time::Duration};

use crate::common::{LOGGER, REVERTER, REVERTER_CODE, World, done, manager, rpc, until};
use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    primitives::{B256, TxKind, U256},
    providers::Provider,
    signers::SignerSync,
};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions, DEVELOPMENT_CHAIN_ID, Mining, development_signer},
    tx::{
        AttemptRecord, StoreError, TransactionRecord, TransactionStatus, TxOutcome, TxRequest,
        TxStore, fake::FakeTxStore,
    },
};
use serde_json::json;

const GWEI: u64 = 1_000_000_000;

fn log(key: &str) -> TxRequest {
    TxRequest::call(key, LOGGER, B256::repeat_byte(7).to_vec())
}

fn spawn_send(
    world: &World,
    request: TxRequest,
) -> tokio::task::JoinHandle<
    Result<collimate_chain::tx::ConfirmedReceipt, collimate_chain::ChainError>,
> {
    let manager = world.manager.clone();
    tokio::spawn(async move { manager.send(request).await })
}

#[tokio::test]
async fn a_receipt_is_final_only_with_its_confirmations() {
    let world = World::start(Mining::Manual).await;
    let sending = spawn_send(&world, log("a"));
    let hash = world.attempt_in_pool("a", 1).await;
    world.mine(1).await;
    // Several looks at one confirmation of two.
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(!sending.is_finished());
    world.mine(1).await;
    let receipt = done(sending).await.expect("confirmed");
    assert_eq!(receipt.transaction_hash, hash);
    assert_eq!(receipt.logs.len(), 1);
    assert!(receipt.gas_used > 21_000 && receipt.block_timestamp > 0);
    assert_eq!(world.record("a").await.unwrap().status, TransactionStatus::Confirmed);
}

#[tokio::test]
async fn the_same_key_is_sent_once() {
    let world = World::start(Mining::Every(1)).await;
    let both = tokio::join!(world.manager.send(log("a")), world.manager.send(log("a")));
    let (first, second) = (both.0.expect("confirmed"), both.1.expect("confirmed"));
    let third = world.manager.send(log("a")).await.expect("answered from the store");
    assert_eq!(first, second);
    assert_eq!(first, third);
    assert_eq!(world.nonce().await, 1);

    let other = TxRequest::call("a", LOGGER, vec![9]);
    let error = world.manager.send(other).await.expect_err("another transaction under this key");
    assert_eq!(error.code(), "CHN-035");
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_ten_percent_higher() {
    let world = World::start(Mining::Manual).await;
    let sending = spawn_send(&world, log("a"));
    world.attempt_in_pool("a", 1).await;
    world.raise_base_fee(100 * GWEI).await;
    let replaced = world.attempt_in_pool("a", 2).await;
    world.mine(2).await;
    let receipt = done(sending).await.expect("confirmed");
    let record = world.record("a").await.unwrap();
    assert!(record.attempts.iter().any(|attempt| attempt.hash == receipt.transaction_hash));
    assert!(receipt.transaction_hash == replaced || record.attempts.len() > 2);
    for pair in record.attempts.windows(2) {
        assert_eq!(pair[0].nonce, pair[1].nonce, "a replacement has the same nonce");
        let (old, new) = (pair[0].fees, pair[1].fees);
        assert!(new.max_fee_per_gas * 10 >= old.max_fee_per_gas * 11);
        assert!(new.max_priority_fee_per_gas * 10 >= old.max_priority_fee_per_gas * 11);
    }
    assert_eq!(world.nonce().await, 1);
}

#[tokio::test]
async fn a_dropped_transaction_is_resent() {
    let world = World::start(Mining::Manual).await;
    let sending = spawn_send(&world, log("a"));
    let hash = world.attempt_in_pool("a", 1).await;
    let sent_before = world.proxy.sent().len();
    rpc(&world.node, "anvil_dropAllTransactions", json!([])).await;
    until("it is sent again", || async { (world.proxy.sent().len() > sent_before).then_some(()) })
        .await;
    assert_eq!(world.attempt_in_pool("a", 1).await, hash, "the same transaction, not a new one");
    world.mine(2).await;
    assert_eq!(done(sending).await.expect("confirmed").transaction_hash, hash);
}

#[tokio::test]
async fn one_that_would_revert_is_not_sent() {
    let world = World::start(Mining::Instant).await;
    for gas_limit in [None, Some(100_000)] {
        let request = TxRequest { gas_limit, ..TxRequest::call("a", REVERTER, vec![]) };
        let error = world.manager.send(request).await.expect_err("reverts");
        assert_eq!(error.code(), "CHN-030");
        assert!(error.to_string().contains("DeadBeef()"), "{error}");
        assert!(!error.is_retryable());
    }
    assert!(world.record("a").await.is_none());
    assert!(world.proxy.sent().is_empty());
}

#[tokio::test]
async fn a_reverted_transaction_is_reported_decoded_and_never_sent_again() {
    let world = World::start(Mining::Manual).await;
    let sending = spawn_send(&world, log("a"));
    let hash = world.attempt_in_pool("a", 1).await;
    // Between the trial and the block the contract changes its mind.
    let code = alloy::primitives::Bytes::from_static(REVERTER_CODE);
    rpc(&world.node, "anvil_setCode", json!([LOGGER, code])).await;
    world.mine(2).await;
    let error = done(sending).await.expect_err("reverted");
    assert_eq!(error.code(), "CHN-031");
    assert!(error.to_string().contains(&hash.to_string()));
    let sent = world.proxy.sent().len();
    let again = world.manager.send(log("a")).await.expect_err("still reverted");
    assert_eq!(again.to_string(), error.to_string());
    assert_eq!(world.proxy.sent().len(), sent, "nothing is sent again");
    match world.record("a").await.unwrap().outcome.expect("final") {
        TxOutcome::Reverted { receipt, reason } => {
            assert_eq!(receipt.transaction_hash, hash);
            assert!(reason.contains("DeadBeef()"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_transaction_that_a_reorg_removed_is_sent_again() {
    let world = World::start(Mining::Manual).await;
    world.mine(10).await;
    let sending = spawn_send(&world, log("a"));
    let hash = world.attempt_in_pool("a", 1).await;
    world.mine(1).await;
    until("it is mined", || async { (world.nonce().await == 1).then_some(()) }).await;
    rpc(&world.node, "anvil_reorg", json!([5, []])).await;
    until("it is gone", || async {
        world.node.get_transaction_receipt(hash).await.ok()?.is_none().then_some(())
    })
    .await;
    world.attempt_in_pool("a", 1).await;
    world.mine(2).await;
    let receipt = done(sending).await.expect("confirmed");
    let block = world.node.get_block_by_number(receipt.block_number.into()).await.unwrap().unwrap();
    assert_eq!(block.header.hash, receipt.block_hash, "the receipt is of the canonical chain");
}

#[tokio::test]
async fn a_node_that_is_down_for_thirty_seconds_costs_time_only() {
    let folder = tempfile::tempdir().unwrap();
    let state = Some(folder.path().join("state.json"));
    let options = || AnvilOptions {
        mining: Mining::Every(1),
        state: state.clone(),
        ..AnvilOptions::default()
    };
    let world = World::start_with(options()).await;
    world.manager.send(log("before")).await.expect("confirmed");

    // A node that hangs, then one that is gone, and comes back without its pool.
    world.anvil.freeze();
    let sending = spawn_send(&world, log("during"));
    tokio::time::sleep(Duration::from_secs(7)).await;
    world.anvil.thaw();
    world.attempt_in_pool("during", 1).await;
    world.anvil.stop(Duration::from_secs(20)).await.expect("ends in order");
    let second = world.store.clone();
    let manager = world.manager.clone();
    let later = tokio::spawn(async move { manager.send(log("later")).await });
    tokio::time::sleep(Duration::from_secs(30)).await;
    let anvil = Anvil::start(options()).await.expect("starts again");
    world.proxy.forward_to(anvil.port());

    done(sending).await.expect("confirmed");
    done(later).await.expect("confirmed");
    let nonces: Vec<_> = [second.find("before"), second.find("during"), second.find("later")]
        .into_iter()
        .map(|found| futures_now(found).unwrap().unwrap().nonce().unwrap())
        .collect();
    assert_eq!(nonces, [0, 1, 2]);
}

/// The fake store never waits.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the fake store waits"),
    }
}

#[tokio::test]
async fn a_restart_resumes_from_the_stored_attempts() {
    let world = World::start(Mining::Manual).await;
    let first = spawn_send(&world, log("a"));
    let a = world.attempt_in_pool("a", 1).await;
    let second = spawn_send(&world, log("b"));
    let b = world.attempt_in_pool("b", 1).await;
    world.manager.stop().await;
    for stopped in [first, second] {
        assert_eq!(done(stopped).await.expect_err("stopped").code(), "CHN-011");
    }
    rpc(&world.node, "anvil_dropAllTransactions", json!([])).await;

    let manager = world.restarted();
    assert_eq!(manager.resume().await.unwrap(), 2);
    assert_eq!(world.attempt_in_pool("a", 1).await, a);
    assert_eq!(world.attempt_in_pool("b", 1).await, b);
    // The same manager again, as after its lock was lost: it begins with what is stored.
    manager.stop().await;
    rpc(&world.node, "anvil_dropAllTransactions", json!([])).await;
    assert_eq!(manager.resume().await.unwrap(), 2);
    world.attempt_in_pool("a", 1).await;
    world.attempt_in_pool("b", 1).await;
    world.mine(2).await;
    assert_eq!(manager.send(log("a")).await.expect("confirmed").transaction_hash, a);
    assert_eq!(manager.send(log("b")).await.expect("confirmed").transaction_hash, b);
    assert_eq!(world.nonce().await, 2);
}

/// Dies (that is: never returns) right after an attempt was stored.
#[derive(Debug)]
struct DiesAfterSaving(Arc<FakeTxStore>);

#[async_trait::async_trait]
impl TxStore for DiesAfterSaving {
    async fn find(&self, key: &str) -> Result<Option<TransactionRecord>, StoreError> {
        self.0.find(key).await
    }
    async fn save_transaction(&self, transaction: &TransactionRecord) -> Result<bool, StoreError> {
        self.0.save_transaction(transaction).await
    }
    async fn save_attempt(&self, key: &str, attempt: &AttemptRecord) -> Result<(), StoreError> {
        self.0.save_attempt(key, attempt).await?;
        std::future::pending().await
    }
    async fn finish(&self, key: &str, outcome: &TxOutcome) -> Result<(), StoreError> {
        self.0.finish(key, outcome).await
    }
    async fn pending(
        &self,
        chain_id: u64,
        from: alloy::primitives::Address,
    ) -> Result<Vec<TransactionRecord>, StoreError> {
        self.0.pending(chain_id, from).await
    }
}

#[tokio::test]
async fn an_attempt_is_stored_before_it_is_sent_and_sent_after_a_crash_in_between() {
    let world = World::start(Mining::Every(1)).await;
    let dying =
        manager(&world.proxy, &world.config, Arc::new(DiesAfterSaving(world.store.clone())));
    let sending = {
        let dying = dying.clone();
        tokio::spawn(async move { dying.send(log("a")).await })
    };
    let stored = until("the attempt is stored", || async {
        Some(world.record("a").await?.attempts.first()?.hash)
    })
    .await;
    assert!(world.proxy.sent().is_empty(), "stored, and not sent yet");
    dying.stop().await;
    done(sending).await.expect_err("stopped");

    let manager = world.restarted();
    manager.resume().await.unwrap();
    let receipt = manager.send(log("a")).await.expect("confirmed");
    assert_eq!(receipt.transaction_hash, stored);
    assert_eq!(world.record("a").await.unwrap().attempts.len(), 1);
}

#[tokio::test]
async fn the_budget_is_never_exceeded() {
    let world = World::start(Mining::Manual).await;
    // Enough for the first prices and a few bumps, not for the market that comes.
    let budget = U256::from(200_000 * GWEI);
    let request = TxRequest { max_cost: Some(budget), ..log("a") };
    let sending = spawn_send(&world, request);
    world.attempt_in_pool("a", 1).await;
    world.raise_base_fee(1_000 * GWEI).await;
    let late = TxRequest { max_cost: Some(budget), ..log("late") };
    let error = world.manager.send(late).await.expect_err("too expensive now");
    assert_eq!(error.code(), "CHN-020");
    assert!(error.is_retryable());
    assert!(world.record("late").await.is_none(), "nothing is stored, so it can be asked again");

    // It waits at prices that it can afford until the market comes down.
    let sent = world.proxy.sent().len();
    until("it is tried again and again", || async {
        (world.proxy.sent().len() > sent + 3).then_some(())
    })
    .await;
    assert!(!sending.is_finished());
    let shortage = world.manager.shortages().borrow().get("a").copied().expect("it is told");
    assert!(shortage.budget == budget && shortage.needed > budget, "{shortage:?}");
    world.raise_base_fee(GWEI / 2).await;
    world.attempt_in_pool("a", 1).await;
    world.mine(2).await;
    done(sending).await.expect("confirmed");
    let record = world.record("a").await.unwrap();
    for attempt in &record.attempts {
        assert!(attempt.fees.cost(record.gas_limit, 0) <= budget);
    }
    assert!(world.manager.shortages().borrow().is_empty(), "nothing waits any more");
}

#[tokio::test]
async fn a_budget_that_is_raised_reaches_what_is_on_its_way() {
    let mut world = World::start(Mining::Manual).await;
    world.config.max_cost = U256::from(200_000 * GWEI);
    world.manager = world.restarted();
    let sending = spawn_send(&world, log("a"));
    world.attempt_in_pool("a", 1).await;
    world.raise_base_fee(1_000 * GWEI).await;
    let mut shortages = world.manager.shortages();
    shortages.wait_for(|all| all.contains_key("a")).await.expect("it waits");
    world.manager.stop().await;
    done(sending).await.expect_err("stopped");

    world.config.max_cost = U256::from(10).pow(U256::from(18));
    world.manager = world.restarted();
    assert_eq!(world.manager.resume().await.unwrap(), 1);
    let competing = until("it is replaced at the market's price", || async {
        let attempt = world.record("a").await?.attempts.last()?.clone();
        (attempt.fees.max_fee_per_gas > u128::from(500 * GWEI)).then_some(attempt.hash)
    })
    .await;
    until("the node has it", || async {
        world.node.get_transaction_by_hash(competing).await.ok()?.map(|_| ())
    })
    .await;
    world.mine(2).await;
    world.manager.send(log("a")).await.expect("confirmed");
}

#[tokio::test]
async fn refused_sends_leave_no_nonce_gap() {
    let world = World::start(Mining::Every(1)).await;
    world.proxy.refuse("exceeds block gas limit", Some(1));
    let refused = world.manager.send(log("refused")).await.expect_err("refused");
    assert_eq!(refused.code(), "CHN-032");
    assert_eq!(world.record("refused").await.unwrap().status, TransactionStatus::Rejected);

    let keys: Vec<String> = (0..4).map(|index| format!("k{index}")).collect();
    let sends = keys.iter().map(|key| spawn_send(&world, log(key))).collect::<Vec<_>>();
    world.proxy.refuse("invalid sender", Some(1));
    let mut refused = 0;
    for send in sends {
        match send.await.unwrap() {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.code(), "CHN-032");
                refused += 1;
            }
        }
    }
    assert!(refused <= 1);
    // Every transaction that was taken was mined: no gap held one back. A refused key can be sent again.
    world.manager.send(log("refused")).await.expect("sent anew");
    assert_eq!(world.nonce().await, 5 - refused);
}

#[tokio::test]
async fn words_of_busy_nodes_cost_a_retry() {
    let world = World::start(Mining::Every(1)).await;
    for (index, words) in
        ["txpool is full", "address already reserved", "the moon is full"].iter().enumerate()
    {
        world.proxy.refuse(words, Some(2));
        let receipt = world.manager.send(log(&format!("k{index}"))).await.expect(words);
        assert!(receipt.gas_used > 0);
    }
    assert_eq!(world.nonce().await, 3);
}

#[tokio::test]
async fn underpriced_for_the_pool_is_replaced_at_once() {
    let world = World::start(Mining::Every(1)).await;
    world.proxy.refuse("replacement transaction underpriced", Some(3));
    world.manager.send(log("a")).await.expect("confirmed");
    assert_eq!(world.record("a").await.unwrap().attempts.len(), 4);
}

#[tokio::test]
async fn words_that_nobody_understands_end_the_transaction_after_a_while() {
    let world = World::start(Mining::Manual).await;
    world.proxy.refuse("no entry for cats", None);
    let manager = world.manager.clone();
    let error = tokio::time::timeout(Duration::from_secs(200), manager.send(log("a")))
        .await
        .expect("it ends")
        .expect_err("refused");
    assert_eq!(error.code(), "CHN-032");
    assert!(error.to_string().contains("no entry for cats"), "{error}");
}

#[tokio::test]
async fn a_nonce_that_another_program_used_is_replaced_by_a_new_one() {
    let world = World::start(Mining::Manual).await;
    world.proxy.refuse("txpool is full", None);
    let sending = spawn_send(&world, log("a"));
    until("it tried", || async { (!world.proxy.sent().is_empty()).then_some(()) }).await;
    send_foreign(&world, 0).await;
    world.mine(1).await;
    world.proxy.allow();
    let after = until("a new nonce is taken", || async {
        world.mine(1).await;
        world.record("a").await?.nonce().filter(|nonce| *nonce > 0)
    })
    .await;
    assert_eq!(after, 1);
    world.attempt_in_pool("a", 2).await;
    world.mine(2).await;
    done(sending).await.expect("confirmed");
    assert_eq!(world.nonce().await, 2);
}

/// Uses the account's key behind the manager's back.
async fn send_foreign(world: &World, nonce: u64) {
    let transaction = TxEip1559 {
        chain_id: DEVELOPMENT_CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100 * u128::from(GWEI),
        max_priority_fee_per_gas: u128::from(GWEI),
        to: TxKind::Call(alloy::primitives::Address::repeat_byte(0x11)),
        ..TxEip1559::default()
    };
    let signer = development_signer(0).unwrap();
    let signature = signer.inner().sign_hash_sync(&transaction.signature_hash()).unwrap();
    let mut raw = Vec::new();
    transaction.into_signed(signature).eip2718_encode(&mut raw);
    drop(world.node.send_raw_transaction(&raw).await.expect("taken"));
}

#[tokio::test]
async fn an_account_without_money_is_named_before_anything_is_stored() {
    let world = World::start(Mining::Manual).await;
    rpc(&world.node, "anvil_setBalance", json!([world.account(), "0x64"])).await;
    let error = world.manager.send(log("a")).await.expect_err("no money");
    assert_eq!(error.code(), "CHN-021");
    assert!(error.to_string().contains(&world.account().to_string()));
    assert!(world.record("a").await.is_none());
}

#[tokio::test]
async fn malformed_requests_are_refused_without_a_node() {
    let world = World::start(Mining::Manual).await;
    let too_long = TxRequest { key: "k".repeat(201), ..log("a") };
    let too_much_gas = TxRequest { gas_limit: Some(16_777_217), ..log("a") };
    for (request, code) in [(log(""), "CHN-034"), (too_long, "CHN-034"), (too_much_gas, "CHN-033")]
    {
        assert_eq!(world.manager.send(request).await.expect_err(code).code(), code);
    }
}

#[tokio::test]
async fn a_contract_is_created() {
    let world = World::start(Mining::Every(1)).await;
    // Returns six bytes of code: PUSH6 code, PUSH0, MSTORE, RETURN(26, 6).
    let creation = alloy::primitives::hex!("655f355f5fa1005f526006601af3");
    let receipt = world.manager.send(TxRequest::create("new", creation)).await.expect("confirmed");
    let address = receipt.contract_address.expect("created");
    assert_eq!(world.node.get_code_at(address).await.unwrap().as_ref(), crate::common::LOGGER_CODE);
}
