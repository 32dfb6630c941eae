//! Accounts that are contracts, on a real node.

use alloy::{
    primitives::{Address, B256, Bytes, hex, keccak256},
    providers::Provider,
    signers::local::PrivateKeySigner,
};
use collimate_api::{ProblemCode, SigningDomain, paths::field};
use collimate_chain::{
    anvil::{Anvil, AnvilOptions},
    provider::{Timeouts, connect},
};

use crate::support::{
    CHAIN, PAYMENTS, World, authorisation, now, quick, sample, signed, signed_in, submission,
};

/// A wallet that takes any signature over the hash in its slot 0, and reverts for any other hash:
/// `calldataload(4) == sload(0) ? return 0x1626ba7e : revert`.
const WALLET: [u8; 32] = hex!("60043560005414600f5760006000fd5b631626ba7e60e01b60005260206000f300");

async fn world_with_node() -> (World, Anvil) {
    let anvil = Anvil::start(AnvilOptions::default()).await.unwrap();
    let database = World::start().await.database.clone();
    let service = Address::repeat_byte(0xa9);
    let world = World::start_on(quick(), &database, &anvil.url(), service).await;
    (world, anvil)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contracts_word_counts_for_what_it_agreed_to_and_nothing_else() {
    let (world, anvil) = world_with_node().await;
    let node = connect(&anvil.url(), Timeouts::default()).unwrap();
    let wallet = Address::repeat_byte(0x3a);
    let domain = SigningDomain { chain_id: CHAIN, payment_service: PAYMENTS };
    let (fibonacci, deadline) = (sample("fibonacci"), now() + 600);
    let agreed = authorisation(&fibonacci, 0, deadline).signing_hash(&domain);
    let code = Bytes::from(WALLET.to_vec());
    let _: () = node.raw_request("anvil_setCode".into(), (wallet, code)).await.unwrap();
    let _: bool =
        node.raw_request("anvil_setStorageAt".into(), (wallet, B256::ZERO, agreed)).await.unwrap();

    let signature = keccak256("whatever this wallet takes, and longer than a key's").repeat(40);
    let request = submission(&fibonacci, wallet, 0, deadline, &signature);
    // It is not asked before it has credits.
    world.refused(&request, ProblemCode::BadSignature).await;
    world.credit(wallet, 2).await;
    let other_deadline = (deadline + 1).to_string();
    let altered = request.clone().with(field::DEADLINE, Some(&other_deadline));
    world.refused(&altered, ProblemCode::BadSignature).await;
    let first = world.accepted(&request).await;
    assert_eq!(world.accepted(&request).await, first);
    world.refused(&altered, ProblemCode::BadSignature).await;
    assert_eq!(world.purse(wallet).await, (1, 1));

    // A node that went away is no verdict.
    let preimage = submission(&sample("sha256_preimage"), wallet, 1, deadline, &signature);
    anvil.freeze();
    world.refused(&preimage, ProblemCode::NodeAway).await;
    anvil.thaw();
    assert_eq!(world.purse(wallet).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_code_is_bound_by_its_key_alone() {
    let (world, _anvil) = world_with_node().await;
    let (alice, mallory) = (PrivateKeySigner::random(), PrivateKeySigner::random());
    world.credit(alice.address(), 1).await;
    let (fibonacci, alices) = (sample("fibonacci"), alice.address().to_string());
    let here = SigningDomain { chain_id: CHAIN, payment_service: PAYMENTS };
    let in_domain = |domain| signed_in(domain, &fibonacci, &alice, 0, now() + 600);
    let foreign = [
        signed(&fibonacci, &mallory, 0).with(field::ADDRESS, Some(&alices)),
        in_domain(SigningDomain { chain_id: 1, ..here }),
        in_domain(SigningDomain { payment_service: Address::repeat_byte(0xcd), ..here }),
        signed(&fibonacci, &alice, 0).with(field::DEADLINE, Some(&(now() + 9999).to_string())),
        signed(&fibonacci, &alice, 0).with(field::SIGNATURE, Some("0x")),
        signed(&fibonacci, &alice, 0).with(field::SIGNATURE, Some(&"11".repeat(65))),
    ];
    for request in foreign {
        world.refused(&request, ProblemCode::BadSignature).await;
    }
    assert_eq!(world.purse(alice.address()).await, (1, 0));
}
