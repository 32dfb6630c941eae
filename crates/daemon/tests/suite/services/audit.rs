//! The audit itself.

use std::fs;

use super::{
    process::free_port,
    world::{PATIENCE, World, sample},
};

#[tokio::test(flavor = "multi_thread")]
async fn beside_services_with_a_database_of_their_own_lost_and_damaged_files_are_found() {
    let world = World::start().await;
    world.with_own_database();
    let port = free_port();
    let _services = world.gateway(port, &["gateway", "payments"]).await;
    let client = world.client(port);
    let (gateway, customer) = (client.gateway().unwrap(), world.customer());
    world.buy(&client, 2).await;
    gateway.wait_for_credits(customer.address(), 2, PATIENCE).await.unwrap();
    for name in ["fibonacci", "sha256_preimage"] {
        gateway.submit(&sample(name).0, &customer, None).await.unwrap();
    }
    world.request_run();
    world.audit();

    let (damaged, lost) = (world.file_of("fibonacci"), world.file_of("sha256_preimage"));
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[1_000] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    assert_eq!(world.findings(&[]), ["a proof's file is the one that was accepted"]);
    assert!(world.findings(&["--quick"]).is_empty(), "it only looks whether files are there");
    fs::remove_file(&lost).unwrap();
    let missing = "an accepted proof has its file in the object store";
    assert_eq!(world.findings(&["--quick"]), [missing]);
    assert_eq!(world.findings(&[]).len(), 2);
}
