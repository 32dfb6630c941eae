//! The files of fast mode: those of accepted groups, and the manifests of batches.

use std::collections::BTreeMap;

use alloy::primitives::B256;
use anyhow::{Context, Result};
use collimate_batch::{
    Group, Manifest, Part, Pointer,
    limits::{MAX_MANIFEST_BYTES, MAX_PART_BYTES},
};
use collimate_objects::{Key, Objects, ObjectsError};
use collimate_store::{BatchStatus, BatcherLedger, FastBatch, FastGroup};
use tokio::task::JoinSet;

use super::{AT_ONCE, Report};
use crate::progress::Progress;

/// Groups at once: each can list thousands of files.
const GROUPS: u32 = 20;
const BATCHES: u32 = 100;

/// Every file of a group that was accepted and not dropped is there, and, unless it has to be `quick`, is the one that was accepted.
pub(super) async fn of_groups(
    ledger: &BatcherLedger,
    objects: &Objects,
    quick: bool,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let mut after = 0;
    loop {
        let page = ledger.groups_after(after, GROUPS).await?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = *last;
        // A verification key, say, is a file of many groups.
        let mut parts: BTreeMap<B256, (Part, B256)> = BTreeMap::new();
        for (_, group) in &page {
            report.groups += 1;
            let id = B256::from(group.id);
            let Some(manifest) = manifest_of(std::slice::from_ref(group)) else {
                report.add("a group lists the proofs that were signed", id);
                continue;
            };
            if !is_as_signed(group, &manifest) {
                report.add("a group lists the proofs that were signed", id);
            }
            for part in manifest.parts() {
                parts.entry(part.sha256).or_insert_with(|| (part.clone(), id));
            }
        }
        look_at(parts.into_values(), objects, quick, report).await?;
        progress.now(&format!("{} groups", report.groups));
    }
}

async fn look_at(
    parts: impl Iterator<Item = (Part, B256)>,
    objects: &Objects,
    quick: bool,
    report: &mut Report,
) -> Result<()> {
    let mut looking = JoinSet::new();
    let mut note = |(file, group, broken): (Key, B256, Option<&'static str>)| {
        if let Some(rule) = broken {
            report.add(rule, format!("{file} of group {group}"));
        }
    };
    for (part, group) in parts {
        if looking.len() >= AT_ONCE
            && let Some(looked) = looking.join_next().await
        {
            note(looked??);
        }
        let objects = objects.clone();
        looking.spawn(async move {
            let broken = look_at_file(&objects, &part, quick).await?;
            anyhow::Ok((part.key(), group, broken))
        });
    }
    while let Some(looked) = looking.join_next().await {
        note(looked??);
    }
    Ok(())
}

/// The rule that a file breaks, if it does.
async fn look_at_file(objects: &Objects, part: &Part, quick: bool) -> Result<Option<&'static str>> {
    const OTHER: &str = "a file of an accepted group is the one that was accepted";
    let key = part.key();
    let there = match quick {
        true => objects.exists(&key).await,
        false => objects.get(&key, MAX_PART_BYTES).await.map(|bytes| {
            // Its name is one hash of it, what the chain knows is another.
            part.check(&bytes).is_ok()
        }),
    };
    match there {
        Ok(true) => Ok(None),
        Ok(false) if !quick => Ok(Some(OTHER)),
        Err(ObjectsError::Corrupt { .. } | ObjectsError::TooLarge { .. }) => Ok(Some(OTHER)),
        Ok(false) | Err(ObjectsError::NotFound { .. }) => {
            Ok(Some("a file of an accepted group is in the batcher's object store"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Every batch that was published has its manifest, of this root, at this pointer.
pub(super) async fn of_batches(
    ledger: &BatcherLedger,
    objects: &Objects,
    quick: bool,
    report: &mut Report,
    progress: &Progress,
) -> Result<()> {
    let mut after = None;
    loop {
        let page = ledger.batches_after(after, BATCHES).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for batch in &page {
            report.batches += 1;
            let groups = ledger.groups_of(batch.id).await?;
            let Some(name) = name_of(batch, &groups) else {
                report.add("a batch's groups give its root, its size and its pointer", batch.id);
                continue;
            };
            // Before and after that it need not be anywhere.
            let published = !matches!(batch.status, BatchStatus::Closed | BatchStatus::Dissolved);
            if published && let Some(rule) = look_at_manifest(objects, &name, quick).await? {
                report.add(rule, batch.id);
            }
        }
        progress.now(&format!("{} batches", report.batches));
    }
}

/// The manifest's name, if the batch's groups are what the batch says.
fn name_of(batch: &FastBatch, groups: &[FastGroup]) -> Option<Key> {
    let manifest = manifest_of(groups)?;
    let pointer: Pointer = batch.pointer.parse().ok()?;
    let name = Key::of(&manifest.to_bytes().ok()?);
    let bytes: u64 = manifest.parts().map(|part| part.bytes).sum();
    let is_right = manifest.tree().ok()?.root() == batch.root
        && bytes == batch.bytes
        && name == *pointer.manifest();
    is_right.then_some(name)
}

async fn look_at_manifest(
    objects: &Objects,
    name: &Key,
    quick: bool,
) -> Result<Option<&'static str>> {
    let there = match quick {
        true => objects.exists(name).await,
        // The name is the hash of the very bytes that the groups give.
        false => objects.get(name, MAX_MANIFEST_BYTES).await.map(|_| true),
    };
    match there {
        Ok(true) => Ok(None),
        Ok(false) | Err(ObjectsError::NotFound { .. }) => {
            Ok(Some("a batch's manifest is in the batcher's object store"))
        }
        Err(ObjectsError::Corrupt { .. } | ObjectsError::TooLarge { .. }) => {
            Ok(Some("a batch's manifest is the one that its task points at"))
        }
        Err(error) => Err(error).context("reading a manifest"),
    }
}

fn manifest_of(groups: &[FastGroup]) -> Option<Manifest> {
    let groups: Result<Vec<Group>, _> = groups
        .iter()
        .map(|group| serde_json::from_str(&group.items).map(|items| Group { items }))
        .collect();
    Manifest::new(groups.ok()?).ok()
}

/// Whether the listed proofs have the commitments and the root that the user signed.
fn is_as_signed(group: &FastGroup, manifest: &Manifest) -> bool {
    let commitments: Vec<_> = manifest.items().map(|item| item.commitment()).collect();
    commitments == group.commitments
        && commitments.len() == group.proof_count as usize
        && manifest.tree().is_ok_and(|tree| tree.group_roots() == [group.proofs_root])
}
