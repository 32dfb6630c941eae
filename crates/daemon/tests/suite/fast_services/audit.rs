//! The audit of fast mode itself.

use std::fs;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn lost_and_damaged_files_of_batches_are_found() {
    let world = World::start().await;
    let _services = world.serve_all().await;
    let group = world.submit(1).await;
    world.is_verified(&group).await;
    world.audit();

    let (_, batch) = world.group(group.id()).await;
    let pointer: collimate_sdk::fast::Pointer = batch.unwrap().pointer.parse().unwrap();
    let object = |name: String| world.path(&format!("batches/objects/{name}"));
    let part = &group.group().manifest().parts().next().unwrap().key();
    let (damaged, lost) = (object(part.to_string()), object(pointer.manifest().to_string()));
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[0] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    fs::remove_file(&lost).unwrap();
    let missing = "a batch's manifest is in the batcher's object store";
    assert_eq!(world.findings(&["--quick"]), [missing]);
    let other = "a file of an accepted group is the one that was accepted";
    assert_eq!(world.findings(&[]), [other, missing]);
}
