//! Operators that are cut off.

use collimate_store::{BatchStatus, GroupStatus};
use serde_json::json;

use super::world::{RESPONSE_BLOCKS, World};
use crate::services::world::{rpc, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_goes_on_without_who_is_cut_off_and_without_a_quorum_everybody_is_refunded() {
    let world = World::start().await;
    let _services = world.serve_all().await;
    world.cut(&[3]);
    let group = world.submit(1).await;
    world.is_verified(&group).await;

    // Half of the stake is no quorum; those who come back sign what they missed.
    world.cut(&[2]);
    let group = world.submit(2).await;
    world.batch_is(group.id(), &[BatchStatus::Open]).await;
    world.heal(&[2, 3]);
    world.is_verified(&group).await;

    world.cut(&[0, 1]);
    let (before, nonce) = world.account().await;
    let group = world.submit(3).await;
    world.batch_is(group.id(), &[BatchStatus::Open]).await;
    assert!(world.account().await.0 < before, "it is charged");
    rpc(&world.node, "anvil_mine", json!([format!("{:#x}", RESPONSE_BLOCKS + 1)])).await;
    until("its user is refunded", || async {
        let (stored, _) = world.group(group.id()).await;
        assert_ne!(stored.status, GroupStatus::Verified);
        (stored.status == GroupStatus::Failed).then_some(())
    })
    .await;
    assert_eq!(world.account().await, (before, nonce + 1), "every wei is back, the nonce is used");
    world.heal(&[0, 1]);
    let group = world.submit(4).await;
    world.is_verified(&group).await;
    world.audit();
}
