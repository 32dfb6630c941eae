//! A folder as the object store.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{behaves_as_a_store, file_of, racing_outputs_agree};
use collimate_objects::{Key, Objects, ObjectsError};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_behaves_as_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("made/when absent");
    let objects = Objects::open(deep.to_str().unwrap()).unwrap();
    behaves_as_a_store(&objects, &deep).await;
    racing_outputs_agree(&objects).await;
}

#[tokio::test]
async fn another_process_finds_what_was_put() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("file://{}", dir.path().display());
    let key = Objects::open(&address).unwrap().put(&b"kept"[..]).await.unwrap();
    let reopened = Objects::open(&address).unwrap();
    assert_eq!(reopened.get(&key, 100).await.unwrap(), &b"kept"[..]);
}

#[tokio::test]
async fn what_is_removed_is_gone_and_can_be_put_again() {
    let dir = tempfile::tempdir().unwrap();
    let objects = Objects::folder(dir.path()).unwrap();
    let (key, other) =
        (objects.put(&b"gone"[..]).await.unwrap(), objects.put(&b"stays"[..]).await.unwrap());
    for _ in 0..2 {
        objects.remove(key).await.unwrap();
        assert!(!objects.exists(&key).await.unwrap());
    }
    assert!(objects.exists(&other).await.unwrap());
    objects.put(&b"gone"[..]).await.unwrap();
    assert_eq!(objects.get(&key, 100).await.unwrap(), &b"gone"[..]);
}

#[tokio::test]
async fn a_folder_whose_disk_is_not_mounted_is_not_taken_for_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let (mounted, away) = (dir.path().join("objects"), dir.path().join("away"));
    let objects = Objects::folder(&mounted).unwrap();
    assert_eq!(objects.check_identity().await.unwrap_err().code(), "OBJ-009");
    let name = objects.name().await.unwrap();
    assert_eq!(objects.name().await.unwrap(), name, "it is named once");
    assert_eq!(objects.clone().identity().await.unwrap(), Some(name.clone()));
    let key = objects.put(&b"paid for"[..]).await.unwrap();

    fs::rename(&mounted, &away).unwrap();
    fs::create_dir(&mounted).unwrap();
    assert_eq!(objects.check_identity().await.unwrap_err().code(), "OBJ-009");
    let refused = objects.put(&b"would be hidden later"[..]).await.unwrap_err();
    assert!(refused.code() == "OBJ-009" && refused.is_retryable(), "{refused}");
    assert_eq!(fs::read_dir(&mounted).unwrap().count(), 0, "nothing is written");

    fs::remove_dir(&mounted).unwrap();
    fs::rename(&away, &mounted).unwrap();
    objects.check_identity().await.unwrap();
    assert_eq!(objects.get(&key, 100).await.unwrap(), &b"paid for"[..]);
    let other = Objects::folder(&dir.path().join("other")).unwrap().name().await.unwrap();
    assert_ne!(other, name, "another store has another name");
}

#[tokio::test]
async fn what_a_killed_writer_left_is_never_read() {
    let dir = tempfile::tempdir().unwrap();
    let objects = Objects::folder(dir.path()).unwrap();
    let key = objects.put(&b"whole"[..]).await.unwrap();
    let whole = file_of(dir.path(), key);
    // A writer that dies leaves its staging file and no name.
    let staging = whole.with_file_name(format!("{key}#1"));
    fs::rename(&whole, &staging).unwrap();
    fs::write(&staging, b"wh").unwrap();
    assert!(!objects.exists(&key).await.unwrap());
    assert!(matches!(objects.get(&key, 100).await, Err(ObjectsError::NotFound { .. })));
    objects.put(&b"whole"[..]).await.unwrap();
    assert_eq!(objects.get(&key, 100).await.unwrap(), &b"whole"[..]);
}

#[test]
fn addresses_that_make_no_sense_are_refused() {
    for address in ["", "file://", "s3://", "s3:///prefix", "http://host/path", "gs://bucket"] {
        let refused = Objects::open(address).unwrap_err();
        assert_eq!(refused.code(), "OBJ-001", "{address:?}: {refused}");
    }
    let refused = Objects::open_with("s3://bucket", &[("aws_colour", "blue")]).unwrap_err();
    assert!(refused.to_string().contains("aws_colour"), "{refused}");
}

#[test]
fn a_file_in_the_folders_place_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(Objects::folder(file.path()).is_err());
}

/// A file system of one MiB, unmounted when dropped.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_leaves_nothing_half_done() {
    let Some(disk) = TinyDisk::mount() else {
        eprintln!("SKIPPED: a full disk needs the right to mount a tmpfs (run the tests as root)");
        return;
    };
    let objects = Objects::folder(disk.path()).unwrap();
    let kept = objects.put(vec![1; 300_000]).await.unwrap();

    let big = vec![2; 2 << 20];
    let refused = objects.put(big.clone()).await.unwrap_err();
    assert!(matches!(refused, ObjectsError::Full { .. }), "{refused}");
    assert!(refused.is_retryable() && refused.to_string().contains("free space"), "{refused}");
    assert!(!objects.exists(&Key::of(&big)).await.unwrap());

    let refused = objects.put_output(&[9; 32], big).await.unwrap_err();
    assert!(matches!(refused, ObjectsError::Full { .. }), "{refused}");
    assert_eq!(objects.get_output(&[9; 32], 100).await.unwrap(), None);

    let names: Vec<_> = fs::read_dir(disk.path().join("objects")).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "only what was there before: {names:?}");
    assert_eq!(objects.get(&kept, 300_000).await.unwrap(), vec![1; 300_000]);
    objects.put(vec![3; 300_000]).await.expect("room that the failed writes would have taken");
}
