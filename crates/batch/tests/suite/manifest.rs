use collimate_batch::{BatchError, Group, Item, Manifest, Pointer, limits};
use proptest::prelude::*;

use crate::item;

fn group(numbers: std::ops::Range<u16>) -> Group {
    Group { items: numbers.map(item).collect() }
}

fn refusal(groups: Vec<Group>) -> String {
    match Manifest::new(groups) {
        Err(BatchError::NotAllowed { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_lists_systems_and_each_file_once() {
    let manifest = Manifest::new(vec![group(0..1), group(1..3)]).unwrap();
    assert_eq!(manifest.proving_systems(), 0b111);
    // Three proofs, one text of public inputs, one key.
    assert_eq!(manifest.parts().count(), 5);
    let again = Manifest::from_bytes(&manifest.to_bytes().unwrap()).unwrap();
    assert_eq!(again, manifest);
    manifest.check_root(&manifest.tree().unwrap().root()).unwrap();
}

#[test]
fn another_batch_s_root_is_refused_with_both() {
    let manifest = Manifest::new(vec![group(0..3)]).unwrap();
    let other = Manifest::new(vec![group(0..1), group(1..3)]).unwrap().tree().unwrap().root();
    let error = manifest.check_root(&other).unwrap_err();
    assert_eq!(error.code(), "BAT-004");
    // Missing, extra and swapped proofs give other roots.
    for groups in [vec![group(0..2)], vec![group(0..4)], vec![group(1..3), group(0..1)]] {
        let root = manifest.tree().unwrap().root();
        assert!(Manifest::new(groups).unwrap().check_root(&root).is_err());
    }
}

#[test]
fn what_no_batch_may_have_is_refused() {
    assert!(refusal(vec![]).contains("empty"));
    assert!(refusal(vec![group(0..1), group(1..1)]).contains("empty"));
    assert!(refusal(vec![group(0..1), group(0..1)]).contains("twice"));
    assert!(refusal(vec![group(0..limits::MAX_PROOFS as u16 + 1)]).contains("more than 4096"));

    let with = |change: &dyn Fn(&mut Item)| {
        let mut changed = item(0);
        change(&mut changed);
        vec![Group { items: vec![changed] }]
    };
    assert!(refusal(with(&|item| item.proving_system = 96)).contains("proof system 96"));
    assert!(refusal(with(&|item| item.proof.bytes = u64::MAX)).contains("more than"));
    let two_lengths = with(&|item| {
        item.public_inputs = item.proof.clone();
        item.public_inputs.bytes += 1;
    });
    assert!(refusal(two_lengths).contains("two ways"));
    let large: Vec<_> = (0..5)
        .map(|number| {
            let mut item = item(number);
            item.proof.bytes = limits::MAX_PART_BYTES;
            item
        })
        .collect();
    assert!(refusal(vec![Group { items: large }]).contains("together"));
}

#[test]
fn the_largest_manifest_fits() {
    let mut items: Vec<_> = (0..limits::MAX_PROOFS as u16).map(item).collect();
    for item in &mut items {
        item.proving_system = limits::MAX_PROVING_SYSTEM;
        item.proof.bytes = 60_000;
        item.verification_key = Some(item.public_inputs.clone());
    }
    let manifest = Manifest::new(vec![Group { items }]).unwrap();
    assert!(manifest.to_bytes().unwrap().len() as u64 <= limits::MAX_MANIFEST_BYTES);
}

#[test]
fn pointers_are_read_as_written_and_bad_ones_named() {
    let key = "ab".repeat(32);
    let text = format!("v1 {key} https://data.example/batches http://127.0.0.1:9000/b");
    let pointer: Pointer = text.parse().unwrap();
    assert_eq!(pointer.to_string(), text);
    assert_eq!(pointer.mirrors().len(), 2);
    for bad in [
        String::new(),
        "https://data.example/batch.json".to_owned(),
        format!("v2 {key} https://a.example/"),
        format!("v1 {key}"),
        format!("v1 {} https://a.example/", "ab".repeat(31)),
        format!("v1 {key}  https://a.example/"),
        format!("v1 {key} ftp://a.example/"),
        format!("v1 {key} file:///etc/passwd"),
        format!("v1 {key} https://user:secret@a.example/"),
        format!("v1 {key} https://a.example/?x=1"),
        format!("v1 {key}{}", " https://a.example/".repeat(9)),
        format!("v1 {key} https://a.example/{}", "x".repeat(1_024)),
    ] {
        assert_eq!(bad.parse::<Pointer>().unwrap_err().code(), "BAT-001", "{bad}");
    }
}

proptest! {
    /// Whatever is done to its bytes, a manifest is the same or it is refused.
    #[test]
    fn a_manifest_has_one_encoding(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let manifest = Manifest::new(vec![group(0..2), group(2..3)]).unwrap();
        let bytes = manifest.to_bytes().unwrap();
        let mut changed = bytes.clone();
        let at = at.index(bytes.len());
        match cut {
            true => changed.truncate(at),
            false => changed[at] = byte,
        }
        if let Ok(read) = Manifest::from_bytes(&changed) {
            prop_assert_eq!(read.to_bytes().unwrap(), changed.clone());
            prop_assert_eq!(read == manifest, changed == bytes);
        }
    }

    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Manifest::from_bytes(&bytes).is_err());
    }
}
