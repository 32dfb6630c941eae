//! The list of a batch's proofs, in the order of its tree.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, keccak256};
use collimate_core::{Hash, ProgramId};
use collimate_objects::Key;
use serde::{Deserialize, Serialize};

use crate::{
    BatchError, BatchTree, auxiliary_commitment, batch_commitment,
    limits::{MAX_BATCH_BYTES, MAX_MANIFEST_BYTES, MAX_PART_BYTES, MAX_PROOFS, MAX_PROVING_SYSTEM},
};

/// The version that is written and read.
const VERSION: u32 = 1;

/// A file of the batch: a proof, its public inputs or its verification key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name at the data service.
    pub sha256: B256,
    /// What the tree covers.
    pub keccak256: B256,
    /// Its length.
    pub bytes: u64,
}

impl Part {
    /// Describes these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Key::of(bytes).0.into(),
            keccak256: keccak256(bytes),
            bytes: bytes.len() as u64,
        }
    }

    /// Its name at the data service.
    #[must_use]
    pub fn key(&self) -> Key {
        Key(self.sha256.0)
    }

    /// Whether these are the bytes it describes.
    ///
    /// # Errors
    /// [`BatchError::WrongPart`].
    pub fn check(&self, bytes: &[u8]) -> Result<(), BatchError> {
        let found = Self::of(bytes);
        let what = match () {
            () if found == *self => return Ok(()),
            () if found.bytes != self.bytes => "length",
            () if found.sha256 != self.sha256 => "sha256",
            () => "keccak256",
        };
        Err(BatchError::WrongPart { what })
    }
}

/// One proof of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Id of the proof system.
    pub proving_system: u16,
    /// SP1: the verifying key's `bytes32()`. RISC Zero: the image id. Circuits: keccak256 of the verification key.
    pub program_id: ProgramId,
    /// The proof.
    pub proof: Part,
    /// SP1: the public values. RISC Zero: the journal. Circuits: the words of the public inputs.
    pub public_inputs: Part,
    /// The verification key, where the program id does not say enough to verify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification_key: Option<Part>,
    /// Who is named as the proof's maker; zero if nobody is.
    pub generator: Address,
}

impl Item {
    /// What the tree covers of it.
    #[must_use]
    pub fn commitment(&self) -> Hash {
        batch_commitment(
            &self.proof.keccak256,
            &self.public_inputs.keccak256,
            &auxiliary_commitment(self.proving_system, &self.program_id),
            self.generator,
        )
    }

    /// Its files.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        [&self.proof, &self.public_inputs].into_iter().chain(&self.verification_key)
    }
}

/// Proofs that one signature pays for, in the order of their nonces. A batch that somebody pays for alone has one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The proofs.
    pub items: Vec<Item>,
}

/// The list of a batch's proofs, in the order of its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    groups: Vec<Group>,
}

impl Manifest {
    /// Lists these groups.
    ///
    /// # Errors
    /// [`BatchError::NotAllowed`]: no proofs, an empty group, more than [the limits](crate::limits), a proof system that no task
    /// can name, the same proof for the same public inputs twice, or one file with two lengths.
    pub fn new(groups: Vec<Group>) -> Result<Self, BatchError> {
        let manifest = Self { version: VERSION, groups };
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads what [`Manifest::to_bytes`] wrote, and nothing else: a manifest has one encoding.
    ///
    /// # Errors
    /// [`BatchError::Manifest`]; [`BatchError::NotAllowed`] as [`Manifest::new`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BatchError> {
        let unreadable = |reason: String| BatchError::Manifest { reason };
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(unreadable(format!("it has more than {MAX_MANIFEST_BYTES} bytes")));
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if manifest.version != VERSION {
            let version = manifest.version;
            return Err(unreadable(format!("it is of version {version}, this reads {VERSION}")));
        }
        if manifest.to_bytes()? != bytes {
            return Err(unreadable("it is not in its canonical form".to_owned()));
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// Its one encoding: JSON without spaces, fields in the order of their declaration.
    ///
    /// # Errors
    /// [`BatchError::Manifest`] if it is too long.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BatchError> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| BatchError::Manifest { reason: error.to_string() })?;
        match bytes.len() as u64 <= MAX_MANIFEST_BYTES {
            true => Ok(bytes),
            false => Err(BatchError::Manifest {
                reason: format!("it would have more than {MAX_MANIFEST_BYTES} bytes"),
            }),
        }
    }

    /// The groups, in the order of the tree.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// All proofs, in the order of the tree.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.groups.iter().flat_map(|group| &group.items)
    }

    /// Proof systems of the batch, as bits by id: what operators sign beside the task.
    #[must_use]
    pub fn proving_systems(&self) -> u128 {
        self.items().fold(0, |bits, item| bits | 1 << item.proving_system)
    }

    /// The batch's files, each once.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        let distinct: BTreeMap<_, _> =
            self.items().flat_map(Item::parts).map(|part| (part.sha256, part)).collect();
        distinct.into_values()
    }

    /// The tree over the proofs.
    ///
    /// # Errors
    /// None for a manifest that was made or read here.
    pub fn tree(&self) -> Result<BatchTree, BatchError> {
        let groups = self.groups.iter();
        BatchTree::new(
            groups.map(|group| group.items.iter().map(Item::commitment).collect()).collect(),
        )
    }

    /// Whether this is the list of a task's batch.
    ///
    /// # Errors
    /// [`BatchError::WrongRoot`].
    pub fn check_root(&self, task: &Hash) -> Result<(), BatchError> {
        let found = self.tree()?.root();
        match found == *task {
            true => Ok(()),
            false => Err(BatchError::WrongRoot {
                manifest: B256::from(found).to_string(),
                task: B256::from(*task).to_string(),
            }),
        }
    }

    fn check(&self) -> Result<(), BatchError> {
        let refused = |reason: String| Err(BatchError::NotAllowed { reason });
        if self.groups.is_empty() || self.groups.iter().any(|group| group.items.is_empty()) {
            return refused("it is empty, or has an empty group".to_owned());
        }
        if self.items().count() > MAX_PROOFS {
            return refused(format!("it has more than {MAX_PROOFS} proofs"));
        }
        let mut files = BTreeMap::new();
        let mut commitments = std::collections::BTreeSet::new();
        for item in self.items() {
            if item.proving_system > MAX_PROVING_SYSTEM {
                return refused(format!("there is no proof system {}", item.proving_system));
            }
            if !commitments.insert(item.commitment()) {
                return refused("the same proof is in it twice".to_owned());
            }
            for part in item.parts() {
                if part.bytes > MAX_PART_BYTES {
                    return refused(format!(
                        "one of its files has more than {MAX_PART_BYTES} bytes"
                    ));
                }
                if *files.entry(part.sha256).or_insert(part) != part {
                    return refused("one of its files is described in two ways".to_owned());
                }
            }
        }
        let bytes = files.values().fold(0u64, |sum, part| sum.saturating_add(part.bytes));
        match bytes > MAX_BATCH_BYTES {
            true => refused(format!("its files have more than {MAX_BATCH_BYTES} bytes together")),
            false => Ok(()),
        }
    }
}
