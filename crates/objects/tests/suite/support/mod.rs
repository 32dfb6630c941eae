//! What every store must do, wherever its objects lie. `files` is the folder in which they end up as files, so that
//! a test can damage them.
#![allow(dead_code, reason = "no test binary needs all of it")]

use std::fs;
use std::path::{Path, PathBuf};

use collimate_objects::{Key, MAX_OBJECT_BYTES, Objects, ObjectsError};

const MIB: u64 = 1 << 20;

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

/// The file that holds `name`.
pub(crate) fn file_of(files: &Path, name: impl ToString) -> PathBuf {
    let name = name.to_string();
    let found = files_below(files);
    let is_it = |path: &&PathBuf| path.file_name().is_some_and(|file| *file == *name);
    found.iter().find(is_it).unwrap_or_else(|| panic!("no {name} in {found:?}")).clone()
}

pub(crate) async fn what_is_put_is_got_under_its_hash(objects: &Objects) {
    for bytes in [vec![], vec![7], vec![1; 3_000_000]] {
        let key = objects.put(bytes.clone()).await.unwrap();
        assert_eq!(key, Key::of(&bytes));
        assert!(objects.exists(&key).await.unwrap());
        assert_eq!(objects.get(&key, 3_000_000).await.unwrap(), bytes);
        assert_eq!(objects.put(bytes).await.unwrap(), key, "putting twice is harmless");
    }
}

pub(crate) async fn what_was_never_put_is_not_found(objects: &Objects) {
    let key = Key::of(b"never");
    assert!(!objects.exists(&key).await.unwrap());
    assert!(matches!(objects.get(&key, MIB).await, Err(ObjectsError::NotFound { .. })));
    assert_eq!(objects.get_output(&[0xee; 32], MIB).await.unwrap(), None);
}

pub(crate) async fn sizes_are_limited(objects: &Objects) {
    let key = objects.put(vec![1; 1000]).await.unwrap();
    let refused = objects.get(&key, 999).await.unwrap_err();
    assert!(matches!(refused, ObjectsError::TooLarge { bytes: 1000, limit: 999, .. }));
    let huge = vec![0; usize::try_from(MAX_OBJECT_BYTES).unwrap() + 1];
    let key = Key::of(&huge);
    assert!(matches!(objects.put(huge).await, Err(ObjectsError::TooLarge { .. })));
    assert!(!objects.exists(&key).await.unwrap());
}

pub(crate) async fn damage_is_found_and_repaired_by_putting_again(objects: &Objects, files: &Path) {
    let key = objects.put(&b"precious"[..]).await.unwrap();
    fs::write(file_of(files, key), b"Precious").unwrap();
    let damaged = objects.get(&key, MIB).await.unwrap_err();
    assert!(matches!(damaged, ObjectsError::Corrupt { .. }), "{damaged}");
    objects.put(&b"precious"[..]).await.unwrap();
    assert_eq!(objects.get(&key, MIB).await.unwrap(), &b"precious"[..]);
}

pub(crate) async fn the_first_output_of_a_job_stays(objects: &Objects) {
    let job = [1; 32];
    let first = objects.put_output(&job, &b"first"[..]).await.unwrap();
    assert_eq!(first, Key::of(b"first"));
    assert_eq!(objects.put_output(&job, &b"first"[..]).await.unwrap(), first);
    assert_eq!(objects.put_output(&job, &b"second"[..]).await.unwrap(), first);
    assert_eq!(objects.get_output(&job, MIB).await.unwrap().unwrap(), &b"first"[..]);
    assert_eq!(objects.output_key(&job).await.unwrap(), Some(first));
    assert_eq!(objects.get_output(&[2; 32], MIB).await.unwrap(), None, "of that job only");
}

pub(crate) async fn racing_outputs_agree(objects: &Objects) {
    let job = [3; 32];
    let racers = (0..16_u8).map(|n| {
        let objects = objects.clone();
        tokio::spawn(async move { objects.put_output(&job, vec![n; 100_000]).await.unwrap() })
    });
    let mut keys = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        keys.push(racer.await.unwrap());
    }
    let winner = objects.output_key(&job).await.unwrap().unwrap();
    assert!(keys.iter().all(|key| *key == winner), "all were told the same key: {keys:?}");
    assert!(objects.get_output(&job, MIB).await.unwrap().is_some());
}

pub(crate) async fn a_lost_or_damaged_output_is_an_error_until_it_is_made_again(
    objects: &Objects,
    files: &Path,
) {
    let job = [4; 32];
    let key = objects.put_output(&job, &b"proof a"[..]).await.unwrap();
    fs::write(file_of(files, key), b"proof A").unwrap();
    assert!(matches!(objects.get_output(&job, MIB).await, Err(ObjectsError::Corrupt { .. })));
    let again = objects.put_output(&job, &b"proof b"[..]).await.unwrap();
    assert_eq!(objects.get_output(&job, MIB).await.unwrap().unwrap(), &b"proof b"[..]);

    fs::remove_file(file_of(files, again)).unwrap();
    assert!(matches!(objects.get_output(&job, MIB).await, Err(ObjectsError::NotFound { .. })));
    objects.put_output(&job, &b"proof c"[..]).await.unwrap();
    assert_eq!(objects.get_output(&job, MIB).await.unwrap().unwrap(), &b"proof c"[..]);

    for nonsense in [&b""[..], b"../../etc/passwd", &[0xff; 64], &[b'a'; 65]] {
        fs::write(file_of(files, hex::encode(job)), nonsense).unwrap();
        let got = objects.get_output(&job, MIB).await;
        assert!(matches!(got, Err(ObjectsError::Corrupt { .. })), "{nonsense:?}: {got:?}");
        objects.put_output(&job, &b"proof d"[..]).await.unwrap();
        assert_eq!(objects.get_output(&job, MIB).await.unwrap().unwrap(), &b"proof d"[..]);
    }
}

/// All of the above but races: a store needs an atomic create for those.
pub(crate) async fn behaves_as_a_store(objects: &Objects, files: &Path) {
    what_is_put_is_got_under_its_hash(objects).await;
    what_was_never_put_is_not_found(objects).await;
    sizes_are_limited(objects).await;
    damage_is_found_and_repaired_by_putting_again(objects, files).await;
    the_first_output_of_a_job_stays(objects).await;
    a_lost_or_damaged_output_is_an_error_until_it_is_made_again(objects, files).await;
}
