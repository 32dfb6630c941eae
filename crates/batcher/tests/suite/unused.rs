//! Files in the object store that no group needs.

use std::time::Duration;

use alloy::providers::ext::AnvilApi;
use collimate_api::fast::{GroupEnd, GroupStatus};
use collimate_batch::Part;
use collimate_objects::Key;

use crate::{
    group::{MAX_FEE, group, message, signed},
    samples::sample,
    services::{hoarding, quick, start_with},
    support::network::until,
    world::{ETHER, World, user},
};

fn is_there(world: &World, key: Key) -> bool {
    world.objects_folder().join("objects").join(key.to_string()).exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_groups_that_never_get_on_chain_are_taken_away_and_no_others() {
    let world = World::start().await;
    let hoarder = start_with(&world, hoarding(&world)).await;
    let (alice, bob) = (user(1), user(2));
    world.deposit(alice.address(), ETHER).await;
    world.deposit(bob.address(), ETHER).await;
    // Alice's group expires; Bob has one of her proofs, in his name.
    let proofs = [sample(0), sample(1)];
    let mut message = message(&world, alice.address(), 0, MAX_FEE, &proofs);
    message.deadline = world.clock().await + 150;
    let late = world.accepted(&hoarder, &signed(&world, &alice, message, &proofs)).await.id;
    let honest = group(&world, &bob, 0, &[sample(0).by(7)]);
    let honest = world.accepted(&hoarder, &honest).await.id;
    hoarder.stop().await;
    // What a crash leaves between file and group, and what somebody else keeps in the same store.
    let left = world.objects.put(&b"left behind"[..]).await.unwrap();
    world.ledger().await.note_files(&[left.0]).await.unwrap();
    let foreign = world.objects.put(&b"not the batcher's"[..]).await.unwrap();
    world.node.anvil_increase_time(720).await.unwrap();
    world.mine(1).await;

    let mut tidy = quick(&world);
    // Longer than a group takes from its files to its acceptance.
    tidy.retention.keep_unused = Duration::from_secs(3);
    tidy.retention.look_every = Duration::from_millis(50);
    let batcher = start_with(&world, tidy).await;
    world.dropped(&batcher, late, GroupEnd::DeadlinePassed).await;
    let hers = [&proofs[1].item.proof, &proofs[1].item.public_inputs].map(Part::key);
    until("they are gone", || async {
        let gone = hers.iter().chain([&left]).all(|key| !is_there(&world, *key));
        gone.then_some(())
    })
    .await;
    assert!(is_there(&world, foreign));
    for (name, _) in sample(0).files() {
        assert!(is_there(&world, name.parse().unwrap()), "Bob's {name}");
    }
    world.reaches(&batcher, honest, GroupStatus::Open).await;

    // She sends them again, and this time they get on chain.
    let again = group(&world, &alice, 0, &proofs);
    let again = world.accepted(&batcher, &again).await.id;
    world.reaches(&batcher, again, GroupStatus::Open).await;
    // One that is noted now is taken away no sooner than hers would be.
    let last = world.objects.put(&b"the last"[..]).await.unwrap();
    world.ledger().await.note_files(&[last.0]).await.unwrap();
    until("it is gone", || async { (!is_there(&world, last)).then_some(()) }).await;
    assert!(hers.iter().all(|key| is_there(&world, *key)), "hers stay");
}
