//! From the task's id to the verifier's refusal, without a node.

use alloy::primitives::B256;
use collimate_batch::{Item, Manifest, Part, Pointer};
use collimate_verifiers::{ProofSystemId, verify_guarded};
use serde::Serialize;

use crate::{Evidence, EvidenceError, Judgement, judge, submission};

/// What evidence shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The task whose operators signed for the batch.
    pub task_id: B256,
    /// The proof's place in the batch, from 0.
    pub leaf: u32,
    /// Name of its proof system.
    pub proof_system: &'static str,
    /// The program that it is said to be of.
    pub program_id: B256,
    /// What the tree covers of it.
    pub commitment: B256,
    /// Code of the verifier's refusal.
    pub refusal: &'static str,
    /// The refusal in words.
    pub reason: String,
}

/// Checks evidence without any node: the task's fields make its id, the pointer names the manifest, the manifest has the task's root,
/// the parts are those of the leaf, and the native verifier refuses them. Takes as long as a verification.
///
/// That operators answered this task, and with what, is the chain's to say: [`check_on_chain()`](crate::check_on_chain).
///
/// # Errors
/// The first thing that does not hold.
pub fn check(evidence: &Evidence) -> Result<Verdict, EvidenceError> {
    let computed = evidence.task.id();
    if computed != evidence.task_id {
        return Err(EvidenceError::OtherTask { computed, stated: evidence.task_id });
    }
    let manifest = manifest_of(evidence)?;
    let items: Vec<_> = manifest.items().collect();
    let no_leaf = || EvidenceError::NoLeaf { leaf: evidence.leaf, count: items.len() };
    let leaf = usize::try_from(evidence.leaf).map_err(|_| no_leaf())?;
    let item = *items.get(leaf).ok_or_else(no_leaf)?;
    check_path(evidence, &manifest, leaf)?;
    check_parts(evidence, item)?;
    let id = ProofSystemId::try_from(item.proving_system)
        .map_err(|_| EvidenceError::UnknownSystem(item.proving_system))?;
    let key = evidence.verification_key.as_ref().map(|key| key.to_vec());
    let submitted = submission(item, evidence.proof.to_vec(), evidence.public_inputs.to_vec(), key);
    let answer = verify_guarded(id.verifier().as_ref(), &submitted);
    match judge(item, &evidence.public_inputs, answer) {
        Judgement::Holds => Err(EvidenceError::Holds),
        Judgement::Undecided(error) => Err(EvidenceError::Undecided(error)),
        Judgement::Refused(error) if error.code() != evidence.refusal => {
            Err(EvidenceError::OtherRefusal { found: error, stated: evidence.refusal.clone() })
        }
        Judgement::Refused(error) => Ok(Verdict {
            task_id: evidence.task_id,
            leaf: evidence.leaf,
            proof_system: id.name(),
            program_id: item.program_id.0.into(),
            commitment: item.commitment().into(),
            refusal: error.code(),
            reason: error.to_string(),
        }),
    }
}

/// Group and place in the group of a batch's `leaf`-th proof.
#[must_use]
pub fn place_of(manifest: &Manifest, leaf: usize) -> Option<(usize, usize)> {
    let mut rest = leaf;
    for (group, members) in manifest.groups().iter().enumerate() {
        match rest.checked_sub(members.items.len()) {
            Some(beyond) => rest = beyond,
            None => return Some((group, rest)),
        }
    }
    None
}

fn manifest_of(evidence: &Evidence) -> Result<Manifest, EvidenceError> {
    let not_pointed_at = |reason: String| EvidenceError::NotPointedAt { reason };
    let pointer: Pointer = evidence
        .task
        .batch_data_pointer
        .parse()
        .map_err(|error: collimate_batch::BatchError| not_pointed_at(error.to_string()))?;
    let found = Part::of(&evidence.manifest).key();
    if found != *pointer.manifest() {
        let named = pointer.manifest();
        return Err(not_pointed_at(format!("its SHA-256 is {found}, the pointer names {named}")));
    }
    let manifest = Manifest::from_bytes(&evidence.manifest).map_err(EvidenceError::Manifest)?;
    manifest.check_root(&evidence.task.batch_merkle_root.0).map_err(EvidenceError::Manifest)?;
    Ok(manifest)
}

fn check_path(evidence: &Evidence, manifest: &Manifest, leaf: usize) -> Result<(), EvidenceError> {
    let wrong = || EvidenceError::Path { leaf: evidence.leaf };
    let tree = manifest.tree().map_err(EvidenceError::Manifest)?;
    let (group, index) = place_of(manifest, leaf).ok_or_else(wrong)?;
    let path = tree.path(group, index).ok_or_else(wrong)?;
    match path.into_iter().map(B256::from).eq(evidence.path.iter().copied()) {
        true => Ok(()),
        false => Err(wrong()),
    }
}

fn check_parts(evidence: &Evidence, item: &Item) -> Result<(), EvidenceError> {
    let wrong = |part| move |source| EvidenceError::Part { part, source };
    item.proof.check(&evidence.proof).map_err(wrong("proof"))?;
    item.public_inputs.check(&evidence.public_inputs).map_err(wrong("public inputs"))?;
    match (&item.verification_key, &evidence.verification_key) {
        (None, None) => Ok(()),
        (Some(part), Some(key)) => part.check(key).map_err(wrong("verification key")),
        (Some(_), None) => Err(EvidenceError::Key("names")),
        (None, Some(_)) => Err(EvidenceError::Key("names no")),
    }
}
