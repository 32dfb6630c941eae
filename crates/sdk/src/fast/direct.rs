//! A batch without a batcher: stored by its maker, and paid for by whoever creates its task.

use std::time::Duration;

use alloy::primitives::B256;
use collimate_batch::{DownloadSettings, Downloader, Manifest, Pointer};
use collimate_objects::{Key, Objects};
use reqwest::Url;

use super::{FastError, FastProof, FastTask, ProofGroup, VerificationBundle};

/// A batch that its maker stores and creates a task for. It has one group, so its tree is the plain one over its proofs.
#[derive(Clone, Debug)]
pub struct DirectBatch {
    group: ProofGroup,
}

impl DirectBatch {
    /// A batch of these proofs.
    ///
    /// # Errors
    /// [`FastError::Batch`] for what no batch may have.
    pub fn new(proofs: Vec<FastProof>) -> Result<Self, FastError> {
        Ok(Self { group: ProofGroup::new(proofs)? })
    }

    /// Root of its tree.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.group.root()
    }

    /// Its list of proofs.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.group.manifest()
    }

    /// Its proofs.
    #[must_use]
    pub fn proofs(&self) -> &[FastProof] {
        self.group.proofs()
    }

    /// Bytes of its files together, each distinct one once.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.manifest().parts().fold(0, |sum, part| sum.saturating_add(part.bytes))
    }

    /// Stores every file and then the manifest, and returns the manifest's name. Storing again is harmless.
    ///
    /// `stored` hears the number of files that are there, of how many.
    ///
    /// # Errors
    /// [`FastError::Objects`].
    pub async fn store(
        &self,
        objects: &Objects,
        stored: &mut (dyn FnMut(usize, usize) + Send),
    ) -> Result<Key, FastError> {
        let files = self.group.files();
        let count = files.len().saturating_add(1);
        for (done, bytes) in files.into_values().enumerate() {
            stored(done, count);
            objects.put(bytes).await?;
        }
        stored(count.saturating_sub(1), count);
        // Last: a manifest never names what is not there.
        let manifest = objects.put(self.manifest().to_bytes()?).await?;
        stored(count, count);
        Ok(manifest)
    }

    /// Looks whether each of the pointer's mirrors serves the whole batch, byte for byte, before anybody pays for operators who cannot
    /// have it. `object_timeout` is for one object.
    ///
    /// # Errors
    /// [`FastError::NotServed`] names the first mirror that does not.
    pub async fn check_mirrors(
        &self,
        pointer: &Pointer,
        object_timeout: Duration,
    ) -> Result<(), FastError> {
        for mirror in pointer.mirrors() {
            self.check_mirror(pointer.manifest(), mirror, object_timeout).await.map_err(
                |error| FastError::NotServed {
                    mirror: mirror.to_string(),
                    reason: error.to_string(),
                },
            )?;
        }
        Ok(())
    }

    async fn check_mirror(
        &self,
        manifest: &Key,
        mirror: &Url,
        object_timeout: Duration,
    ) -> Result<(), FastError> {
        let one = Pointer::new(*manifest, vec![mirror.clone()])?;
        let downloader = Downloader::new(DownloadSettings {
            // One's own choice, and perhaps a machine of one's own.
            allow_private: true,
            object_timeout,
            ..DownloadSettings::default()
        })?;
        let served = downloader.manifest(&one, &self.root()).await?;
        for part in served.parts() {
            downloader.part(&one, part).await?;
        }
        Ok(())
    }

    /// The bundles of its proofs, in order, once it has a task.
    ///
    /// # Errors
    /// [`FastError::OtherProof`] for a task of another batch.
    pub fn bundles(&self, task: &FastTask) -> Result<Vec<VerificationBundle>, FastError> {
        if task.batch_root != self.root() {
            return Err(FastError::OtherProof {
                field: "the batch's root",
                expected: self.root().to_string(),
                found: task.batch_root.to_string(),
            });
        }
        let (tree, place) = (self.manifest().tree()?, task.place());
        let paths = self.proofs().iter().enumerate().map(|(index, proof)| {
            let path = tree.path(0, index).unwrap_or_default();
            let path = path.into_iter().map(B256::from).collect();
            VerificationBundle::new(proof, &place, path)
        });
        paths.collect()
    }
}
