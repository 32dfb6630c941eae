//! Tasks that nobody answers: users are made whole, and are told to sign anew.

use collimate_api::fast::{BatcherProblemCode as Code, GroupEnd, GroupStatus};

use crate::{
    group::group,
    samples::sample,
    services::start,
    support::network::{RESPONSE_BLOCKS, until},
    world::{ETHER, World, user},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_nobody_answers_is_refunded_and_its_groups_fail() {
    let world = World::start().await;
    let batcher = start(&world).await;
    let (alice, bob) = (user(1), user(2));
    world.deposit(alice.address(), ETHER).await;
    world.deposit(bob.address(), ETHER).await;
    let request = group(&world, &alice, 0, &[sample(0), sample(1)]);
    let alices = world.accepted(&batcher, &request).await.id;
    let open = world.reaches(&batcher, alices, GroupStatus::Open).await;
    let charged = open.charged.unwrap().0;
    assert_eq!(world.on_chain(alice.address()).await, (ETHER - charged, 2));
    world.mine(RESPONSE_BLOCKS.into()).await;
    until("its task is over", || async {
        let status = world.group(&batcher, alices).await.batch?.status;
        (status.as_str() != "open").then_some(())
    })
    .await;
    world.mine(3).await;
    world.dropped(&batcher, alices, GroupEnd::TaskExpired).await;
    assert_eq!(world.on_chain(alice.address()).await, (ETHER, 2), "the nonces are used");
    // The old authorisation is over; a new one, with the next nonces, goes its way.
    world.refused(&batcher, &request, Code::AlreadyEnded).await;
    let again = group(&world, &alice, 2, &[sample(0), sample(1)]);
    let again = world.accepted(&batcher, &again).await.id;
    let open = world.reaches(&batcher, again, GroupStatus::Open).await;
    let ledger = world.ledger().await;
    let batch = ledger.batch(open.batch.unwrap().id).await.unwrap().unwrap();
    let mut systems = [sample(0).item.proving_system, sample(1).item.proving_system];
    systems.sort_unstable();
    world.answer(&batch, &systems).await;
    world.reaches(&batcher, again, GroupStatus::Verified).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_may_settle_and_refund() {
    let world = World::start().await;
    let mut config = crate::services::quick(&world);
    config.settle_after = 1_000_000;
    let batcher = crate::services::start_with(&world, config).await;
    let alice = user(1);
    world.deposit(alice.address(), ETHER).await;
    let id = world.accepted(&batcher, &group(&world, &alice, 0, &[sample(0)])).await.id;
    let open = world.reaches(&batcher, id, GroupStatus::Open).await;
    let ledger = world.ledger().await;
    let batch = ledger.batch(open.batch.unwrap().id).await.unwrap().unwrap();
    world.mine(u64::from(RESPONSE_BLOCKS) + 1).await;
    let charge = collimate_contracts::fast_mode::Charge {
        user: alice.address(),
        fee: alloy::primitives::U256::from(open.charged.unwrap().0),
    };
    let task = batch.task.unwrap();
    let payment = collimate_contracts::fast_mode::Payment {
        batcher: world.batcher,
        total: alloy::primitives::U256::from(task.total),
        added: alloy::primitives::U256::from(task.added),
        chargesHash: alloy::primitives::keccak256(alloy::sol_types::SolValue::abi_encode(&vec![
            charge.clone(),
        ])),
    };
    let refund = world.payments();
    let refund = refund.refund(world.task(&batch).into(), payment, vec![charge]);
    assert!(refund.send().await.unwrap().get_receipt().await.unwrap().status());
    world.dropped(&batcher, id, GroupEnd::TaskExpired).await;
    assert_eq!(world.on_chain(alice.address()).await, (ETHER, 1));
}
