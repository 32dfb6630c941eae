//! Consents that were signed, kept so that a submission that was interrupted is finished instead of paid twice.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, keccak256};
use collimate_api::fast::SignedAuthorization;
use serde::{Deserialize, Serialize};

use super::{ProofGroup, SignedGroup, group::group_id};
use crate::{
    SdkError,
    network::{file_error, write_private},
};

/// Longest file that is read, in bytes: a signature of a contract wallet has up to 4 KiB.
const MAX_BYTES: u64 = 64 << 10;

/// A folder with one file for each group that was signed for. The files are their owner's alone: a signature is worth money.
#[derive(Clone, Debug)]
pub struct KeptGroups {
    folder: PathBuf,
}

/// Who pays whom, where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupParties {
    /// Chain of the payment service.
    pub chain_id: u64,
    /// The `BatcherPaymentService`.
    pub payment_service: Address,
    /// Who may charge.
    pub batcher: Address,
    /// Who pays.
    pub user: Address,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    chain_id: u64,
    payment_service: Address,
    authorization: SignedAuthorization,
}

impl KeptGroups {
    /// Groups in this folder, which need not exist.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What was signed last for these proofs.
    ///
    /// # Errors
    /// [`SdkError::File`] if it cannot be read: it is not forgotten, since it may be paid for.
    pub fn find(
        &self,
        parties: &GroupParties,
        group: &ProofGroup,
    ) -> Result<Option<SignedGroup>, SdkError> {
        let path = self.path(parties, group);
        let cannot = file_error("read", &path);
        let length = match fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(error)),
        };
        let damaged = |reason: String| cannot(io::Error::new(io::ErrorKind::InvalidData, reason));
        if length > MAX_BYTES {
            return Err(damaged(format!("it has {length} bytes")));
        }
        let bytes = fs::read(&path).map_err(&cannot)?;
        let kept: Kept =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        let Kept { chain_id, payment_service, authorization } = kept;
        let found = GroupParties {
            chain_id,
            payment_service,
            batcher: authorization.batcher,
            user: authorization.user,
        };
        if found != *parties {
            return Err(damaged("it is of other parties".to_owned()));
        }
        let signed = SignedGroup::resume(group.clone(), authorization, chain_id, payment_service);
        Ok(Some(signed?))
    }

    /// Keeps what was signed, instead of what was signed for the same proofs before.
    ///
    /// # Errors
    /// [`SdkError::File`].
    pub fn keep(&self, parties: &GroupParties, signed: &SignedGroup) -> Result<(), SdkError> {
        let path = self.path(parties, signed.group());
        let authorization = signed.authorization().clone();
        debug_assert_eq!(
            group_id(&authorization, parties.chain_id, parties.payment_service),
            signed.id()
        );
        let GroupParties { chain_id, payment_service, .. } = *parties;
        let json = serde_json::to_vec_pretty(&Kept { chain_id, payment_service, authorization });
        let json = json.map_err(|error| file_error("write", &path)(error.into()))?;
        write_private(&path, &json)
    }

    /// Forgets what was signed for these proofs. It can still be charged.
    ///
    /// # Errors
    /// [`SdkError::File`].
    pub fn forget(&self, parties: &GroupParties, group: &ProofGroup) -> Result<(), SdkError> {
        let path = self.path(parties, group);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(file_error("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, parties: &GroupParties, group: &ProofGroup) -> PathBuf {
        let GroupParties { chain_id, payment_service, batcher, user } = parties;
        let root = group.root();
        let name = format!("{chain_id}:{payment_service}:{batcher}:{user}:{root}");
        self.folder.join(format!("{:x}.json", keccak256(name)))
    }
}
