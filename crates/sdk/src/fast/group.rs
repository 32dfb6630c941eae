//! Proofs that one signature pays for.

use std::{collections::BTreeMap, fmt};

use alloy::primitives::{Address, B256};
use bytes::Bytes;
use collimate_api::fast::{FastItem, FilePart, GroupId, SignedAuthorization, Wei};
use collimate_batch::{Group, Item, Manifest, Part};
use collimate_contracts::fast_mode::ProofAuthorization;

use super::{FastError, FastProof};
use crate::Authorise;

/// Proofs that one signature pays for, in the order of their nonces. Cheap to clone but for its list.
#[derive(Clone, Debug)]
pub struct ProofGroup {
    proofs: Vec<FastProof>,
    manifest: Manifest,
    root: B256,
}

/// On which terms a group is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupTerms {
    /// Chain of the payment service.
    pub chain_id: u64,
    /// The `BatcherPaymentService`.
    pub payment_service: Address,
    /// Who may charge.
    pub batcher: Address,
    /// Nonce of the first proof.
    pub first_nonce: u64,
    /// Most, in wei, that all proofs may cost together.
    pub max_fee: u128,
    /// Last second of the chain's clock in which they may be charged.
    pub deadline: u64,
}

impl ProofGroup {
    /// A group of these proofs.
    ///
    /// # Errors
    /// [`FastError::Batch`] for what no batch may have: no proofs, too many, too many bytes, the same proof twice.
    pub fn new(proofs: Vec<FastProof>) -> Result<Self, FastError> {
        let items = proofs.iter().map(|proof| proof.item().clone()).collect();
        let manifest = Manifest::new(vec![Group { items }])?;
        let root = manifest.tree()?.root().into();
        Ok(Self { proofs, manifest, root })
    }

    /// The proofs.
    #[must_use]
    pub fn proofs(&self) -> &[FastProof] {
        &self.proofs
    }

    /// Root of the tree over them: what the user signs, and the batch's root if nobody else is in it.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.root
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> u32 {
        // A manifest has at most 4,096.
        u32::try_from(self.proofs.len()).unwrap_or(u32::MAX)
    }

    /// The manifest of a batch of this group alone.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its files, each distinct one once, by SHA-256.
    #[must_use]
    pub fn files(&self) -> BTreeMap<B256, Bytes> {
        let files = self.proofs.iter().flat_map(FastProof::files);
        files.map(|(part, bytes)| (part.sha256, bytes.clone())).collect()
    }

    /// The items as the batcher's form has them.
    pub(super) fn form_items(&self) -> Vec<FastItem> {
        self.manifest.items().map(form_item).collect()
    }

    /// Signs for all of it. What is signed can be charged once, by this batcher, until its deadline, whatever becomes of the request.
    ///
    /// # Errors
    /// [`FastError::Signing`].
    pub async fn authorize(
        self,
        terms: &GroupTerms,
        signer: &dyn Authorise,
    ) -> Result<SignedGroup, FastError> {
        let message = ProofAuthorization {
            user: signer.account(),
            batcher: terms.batcher,
            proofsRoot: self.root,
            proofCount: self.count(),
            firstNonce: terms.first_nonce,
            maxFee: terms.max_fee,
            deadline: terms.deadline,
        };
        let id = message.digest(terms.chain_id, terms.payment_service);
        let signature = signer.sign(&id).await.map_err(FastError::Signing)?;
        let authorization = SignedAuthorization {
            user: message.user,
            batcher: message.batcher,
            proofs_root: message.proofsRoot,
            proof_count: message.proofCount,
            first_nonce: message.firstNonce,
            max_fee: Wei(message.maxFee),
            deadline: message.deadline,
            signature,
        };
        Ok(SignedGroup { group: self, authorization, id })
    }
}

/// A group with its user's consent to pay for it. Sent any number of times it is the same group, and paid for once.
#[derive(Clone)]
pub struct SignedGroup {
    group: ProofGroup,
    authorization: SignedAuthorization,
    id: GroupId,
}

impl SignedGroup {
    /// A group with an authorisation that was signed before, such as one that was kept in a file.
    ///
    /// # Errors
    /// [`FastError::OtherProof`] if it is for other proofs.
    pub fn resume(
        group: ProofGroup,
        authorization: SignedAuthorization,
        chain_id: u64,
        payment_service: Address,
    ) -> Result<Self, FastError> {
        let other = |field, expected: String, found: String| {
            Err(FastError::OtherProof { field, expected, found })
        };
        if authorization.proofs_root != group.root() {
            let (expected, found) =
                (group.root().to_string(), authorization.proofs_root.to_string());
            return other("the group's root", expected, found);
        }
        if authorization.proof_count != group.count() {
            let (expected, found) =
                (group.count().to_string(), authorization.proof_count.to_string());
            return other("the number of proofs", expected, found);
        }
        let id = group_id(&authorization, chain_id, payment_service);
        Ok(Self { group, authorization, id })
    }

    /// Its name: the EIP-712 digest that was signed.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// The proofs.
    #[must_use]
    pub fn group(&self) -> &ProofGroup {
        &self.group
    }

    /// The consent, with its signature.
    #[must_use]
    pub fn authorization(&self) -> &SignedAuthorization {
        &self.authorization
    }

    pub(super) fn into_group(self) -> ProofGroup {
        self.group
    }
}

impl fmt::Debug for SignedGroup {
    /// Without the signature, which is worth money.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedGroup")
            .field("id", &self.id)
            .field("user", &self.authorization.user)
            .field("first_nonce", &self.authorization.first_nonce)
            .finish_non_exhaustive()
    }
}

/// The name of an authorisation's group.
#[must_use]
pub fn group_id(
    authorization: &SignedAuthorization,
    chain_id: u64,
    payment_service: Address,
) -> GroupId {
    let message = ProofAuthorization {
        user: authorization.user,
        batcher: authorization.batcher,
        proofsRoot: authorization.proofs_root,
        proofCount: authorization.proof_count,
        firstNonce: authorization.first_nonce,
        maxFee: authorization.max_fee.0,
        deadline: authorization.deadline,
    };
    message.digest(chain_id, payment_service)
}

fn form_item(item: &Item) -> FastItem {
    let part = |part: &Part| FilePart {
        sha256: part.sha256,
        keccak256: part.keccak256,
        bytes: part.bytes,
    };
    FastItem {
        proving_system: item.proving_system,
        program_id: item.program_id.0.into(),
        proof: part(&item.proof),
        public_inputs: part(&item.public_inputs),
        verification_key: item.verification_key.as_ref().map(part),
        generator: item.generator,
    }
}
