//! Signatures of a key in forms that the contract does not take.

use alloy::primitives::{U256, hex};
use collimate_api::fast::GroupStatus;

use crate::{
    group::{Request, group},
    samples::sample,
    services::{hoarding, start, start_with},
    world::{ETHER, World, user},
};

/// Order of secp256k1's group.
const ORDER: [u8; 32] = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

/// The same signature with the other half of `s`.
fn mirrored(mut request: Request) -> Request {
    let mut bytes = request.authorization.signature.to_vec();
    let s = U256::from_be_slice(&bytes[32..64]);
    let other: [u8; 32] = (U256::from_be_bytes(ORDER) - s).to_be_bytes();
    bytes[32..64].copy_from_slice(&other);
    bytes[64] = 55 - bytes[64];
    request.authorization.signature = bytes.into();
    request
}

/// The same with a parity of 0 or 1, as some devices write it.
fn with_parity(mut request: Request) -> Request {
    let mut bytes = request.authorization.signature.to_vec();
    bytes[64] -= 27;
    request.authorization.signature = bytes.into();
    request
}

/// The contract charges nobody for them, and a batch whose users pay less than they must is reverted: behind an honest one of the same
/// account, where the contract cannot be asked, they would take every batch with them.
#[tokio::test(flavor = "multi_thread")]
async fn a_keys_signature_is_the_same_in_all_its_forms() {
    let world = World::start().await;
    let hoarder = start_with(&world, hoarding(&world)).await;
    let (alice, bob) = (user(1), user(2));
    for user in [&alice, &bob] {
        world.deposit(user.address(), ETHER).await;
    }
    let requests = [
        group(&world, &alice, 0, &[sample(0)]),
        mirrored(group(&world, &alice, 1, &[sample(1)])),
        with_parity(group(&world, &alice, 2, &[sample(2)])),
        group(&world, &bob, 0, &[sample(0).by(7)]),
    ];
    let mut accepted = vec![];
    for request in &requests {
        accepted.push(world.accepted(&hoarder, request).await.id);
        // It is also the same group.
        assert_eq!(world.accepted(&hoarder, request).await.id, accepted[accepted.len() - 1]);
    }
    hoarder.stop().await;
    let batcher = start(&world).await;
    for id in accepted {
        let group = world.reaches(&batcher, id, GroupStatus::Open).await;
        assert!(group.charged.unwrap().0 > 0, "{id}");
    }
    assert_eq!(world.on_chain(alice.address()).await.1, 3);
}
