//! The project's own clients: the object store's over S3, the downloader of batches.

use collimate_batch::{DownloadSettings, Downloader, Group, Item, Manifest, Part, Pointer};
use collimate_core::ProgramId;
use collimate_objects::{Key, ObjectsError};

use crate::world::{KEY_ID, SECRET, World, code, files};

fn item(proof: &[u8], inputs: &[u8]) -> Item {
    Item {
        proving_system: 0,
        program_id: ProgramId([7; 32]),
        proof: Part::of(proof),
        public_inputs: Part::of(inputs),
        verification_key: None,
        generator: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_a_remote_batcher_uploads_is_downloaded_by_anybody() {
    let world = World::start().await;
    let batcher = world.s3(KEY_ID, SECRET);
    // A batcher asks whether its store is there.
    let name = batcher.name().await.unwrap();
    assert_eq!(world.objects.name().await.unwrap(), name);
    batcher.check_identity().await.unwrap();
    let (proof, inputs) = (vec![5; 1_300_000], b"inputs".to_vec());
    let manifest = Manifest::new(vec![Group { items: vec![item(&proof, &inputs)] }]).unwrap();
    batcher.put(proof.clone()).await.unwrap();
    batcher.put(inputs).await.unwrap();
    let key = batcher.put(manifest.to_bytes().unwrap()).await.unwrap();
    batcher.put(manifest.to_bytes().unwrap()).await.unwrap();
    assert_eq!(batcher.get(&key, 10_000).await.unwrap(), manifest.to_bytes().unwrap());
    assert!(batcher.exists(&key).await.unwrap());
    assert!(!batcher.exists(&Key::of(b"nothing")).await.unwrap());

    let pointer = Pointer::new(key, vec![world.mirror.parse().unwrap()]).unwrap();
    let settings = DownloadSettings { allow_private: true, ..DownloadSettings::default() };
    let downloader = Downloader::new(settings).unwrap();
    let root = manifest.tree().unwrap().root();
    assert_eq!(downloader.manifest(&pointer, &root).await.unwrap(), manifest);
    let part = &manifest.groups()[0].items[0].proof;
    assert_eq!(downloader.part(&pointer, part).await.unwrap(), proof);

    // What a disk damaged is the downloader's to notice.
    std::fs::write(world.folder.join(format!("objects/{}", part.key())), vec![6; 1_300_000])
        .unwrap();
    assert_eq!(downloader.part(&pointer, part).await.unwrap_err().code(), "BAT-006");
    batcher.put(proof.clone()).await.unwrap();
    assert_eq!(downloader.part(&pointer, part).await.unwrap(), proof, "uploaded again, repaired");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_local_batcher_writes_is_served_at_once() {
    let world = World::start().await;
    let key = world.objects.put("from this machine").await.unwrap();
    let answer = reqwest::get(world.url(&key)).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "from this machine");
    let reader = world.s3(KEY_ID, SECRET);
    assert_eq!(reader.get(&key, 100).await.unwrap(), "from this machine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_writes_nothing_and_is_named() {
    let world = World::start().await;
    for (id, secret) in [(KEY_ID, "not the secret at all"), ("somebody else", SECRET)] {
        let refused = world.s3(id, secret).put("bytes").await.unwrap_err();
        assert!(matches!(refused, ObjectsError::Denied { .. }), "{refused}");
        assert_eq!(code(&refused), "OBJ-006");
    }
    assert!(files(&world.folder).is_empty());
    let without = World::with(|config| config.upload_key = None).await;
    let refused = without.s3(KEY_ID, SECRET).put("bytes").await.unwrap_err();
    assert_eq!(code(&refused), "OBJ-006", "there is no key at all");
    assert!(files(&without.folder).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_of_jobs_have_no_place_here() {
    let world = World::start().await;
    let refused = world.s3(KEY_ID, SECRET).put_output(&[1; 32], "an output").await.unwrap_err();
    assert_eq!(code(&refused), "OBJ-006");
    assert!(!world.folder.join("outputs").exists());
}
