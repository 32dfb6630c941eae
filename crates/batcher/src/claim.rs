//! What a form claims: an authorisation, and the items that it is for. Everything is checked here that needs neither chain nor
//! database.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, Signature};
use collimate_api::{
    authorisation::MAX_SIGNATURE_BYTES,
    fast::{BatcherProblemCode as Code, FastItem, FilePart, SignedAuthorization},
    recover,
};
use collimate_batch::{Group, Item, Manifest, Part, group_root};
use collimate_contracts::fast_mode::{Authorization, ProofAuthorization};
use collimate_core::ProgramId;
use collimate_verifiers::{ProofSystems, limits::MAX_PUBLIC_VALUES_BYTES};

use crate::fault::Fault;

/// What a claim is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimRules<'a> {
    pub(crate) chain_id: u64,
    pub(crate) payments: Address,
    pub(crate) batcher: Address,
    pub(crate) systems: &'a ProofSystems,
    pub(crate) max_proofs: u32,
    pub(crate) max_bytes: u64,
}

/// A group as its user describes it.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The EIP-712 digest.
    pub(crate) id: B256,
    pub(crate) authorization: Authorization,
    /// Whether the user's own key signed; otherwise a wallet may have.
    pub(crate) is_of_key: bool,
    pub(crate) items: Vec<Item>,
    pub(crate) commitments: Vec<[u8; 32]>,
    /// The distinct files, by the names that they have in the form.
    pub(crate) files: BTreeMap<String, Part>,
    pub(crate) bytes: u64,
}

impl Claim {
    /// Reads and checks a claim.
    pub(crate) fn read(
        authorization: &[u8],
        items: &[u8],
        rules: &ClaimRules<'_>,
    ) -> Result<Self, Fault> {
        let signed: SignedAuthorization = serde_json::from_slice(authorization).map_err(|e| {
            Fault::malformed(format!("the authorization is not the JSON of one: {e}"))
        })?;
        let items: Vec<FastItem> = serde_json::from_slice(items)
            .map_err(|e| Fault::malformed(format!("the items are not the JSON of a list: {e}")))?;
        if signed.batcher != rules.batcher {
            let detail = format!("this batcher is {}; sign for it", rules.batcher);
            return Err(Fault::new(Code::WrongBatcher, detail));
        }
        if signed.signature.len() > MAX_SIGNATURE_BYTES {
            let detail = format!("a signature has at most {MAX_SIGNATURE_BYTES} bytes");
            return Err(Fault::new(Code::TooLarge, detail));
        }
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        if count > rules.max_proofs {
            let detail = format!("a group has at most {} proofs; send several", rules.max_proofs);
            return Err(Fault::new(Code::TooLarge, detail));
        }
        if count == 0 || count != signed.proof_count {
            let signed = signed.proof_count;
            let detail = format!("the authorisation is for {signed} proofs, the form has {count}");
            return Err(Fault::new(Code::WrongGroup, detail));
        }
        let items: Vec<Item> = items.into_iter().map(item).collect();
        for (index, item) in items.iter().enumerate() {
            check_sizes(item, rules.systems).map_err(|fault| fault.of_item(index))?;
        }
        let files = files(&items)?;
        let bytes = files.values().fold(0_u64, |sum, part| sum.saturating_add(part.bytes));
        if bytes > rules.max_bytes {
            let detail = format!(
                "the group's files have {bytes} bytes, {} are taken; send several groups",
                rules.max_bytes
            );
            return Err(Fault::new(Code::TooLarge, detail));
        }
        let wrong = |reason: String| Fault::new(Code::WrongGroup, reason);
        // No batch could have what a manifest refuses.
        let manifest = Manifest::new(vec![Group { items }]).map_err(|e| wrong(e.to_string()))?;
        let items = manifest.groups().first().map(|group| group.items.clone()).unwrap_or_default();
        let commitments: Vec<[u8; 32]> = items.iter().map(Item::commitment).collect();
        let root = B256::from(group_root(&commitments).map_err(|e| wrong(e.to_string()))?);
        if root != signed.proofs_root {
            let signed = signed.proofs_root;
            return Err(wrong(format!("the items' root is {root}, the authorisation's {signed}")));
        }
        let message = ProofAuthorization {
            user: signed.user,
            batcher: signed.batcher,
            proofsRoot: root,
            proofCount: count,
            firstNonce: signed.first_nonce,
            maxFee: signed.max_fee.0,
            deadline: signed.deadline,
        };
        let id = message.digest(rules.chain_id, rules.payments);
        let of_key = of_key(&id, &signed.signature, signed.user);
        let is_of_key = of_key.is_some();
        let authorization = message.signed(of_key.unwrap_or(signed.signature));
        Ok(Self { id, authorization, is_of_key, items, commitments, files, bytes })
    }

    pub(crate) const fn user(&self) -> Address {
        self.authorization.user
    }

    /// Names of its files in the object store.
    pub(crate) fn keys(&self) -> Vec<[u8; 32]> {
        self.files.values().map(|part| part.key().0).collect()
    }

    /// Ids of its proof systems, each once.
    pub(crate) fn systems(&self) -> Vec<u16> {
        let mut systems: Vec<u16> = self.items.iter().map(|item| item.proving_system).collect();
        systems.sort_unstable();
        systems.dedup();
        systems
    }
}

/// The signature, if the user's key made it, in the one form that the contract takes. It has others: the other half of `s`, and four more
/// encodings of `v`. Who signs is the same in all of them, but in those the contract charges nobody.
fn of_key(id: &B256, signature: &[u8], user: Address) -> Option<Bytes> {
    (recover(id, signature) == Ok(user)).then_some(())?;
    let signature = Signature::from_raw(signature).ok()?;
    Some(signature.normalized_s().as_bytes().to_vec().into())
}

fn check_sizes(item: &Item, systems: &ProofSystems) -> Result<(), Fault> {
    let system = systems.get(item.proving_system).ok_or_else(|| {
        let known: Vec<String> = systems.numbers().map(|id| id.to_string()).collect();
        let id = item.proving_system;
        let detail = format!("proof system {id} is not taken; there are: {}", known.join(", "));
        Fault::new(Code::UnsupportedSystem, detail)
    })?;
    let key = item.verification_key.as_ref();
    for (what, part, limit) in [
        ("proof", Some(&item.proof), system.max_proof_bytes()),
        ("public inputs", Some(&item.public_inputs), MAX_PUBLIC_VALUES_BYTES),
        ("verification key", key, system.max_key_bytes()),
    ] {
        let bytes = part.map_or(0, |part| part.bytes);
        if bytes > limit as u64 {
            let name = system.name();
            let detail = format!("{what}: {bytes} bytes, {limit} are taken of {name}");
            return Err(Fault::new(Code::TooLarge, detail));
        }
    }
    Ok(())
}

fn files(items: &[Item]) -> Result<BTreeMap<String, Part>, Fault> {
    let mut files: BTreeMap<String, Part> = BTreeMap::new();
    for (index, part) in items
        .iter()
        .enumerate()
        .flat_map(|(index, item)| item.parts().map(move |part| (index, part)))
    {
        let name = part.key().to_string();
        if files.entry(name.clone()).or_insert_with(|| part.clone()) != part {
            let detail = format!("the file {name} is described in two ways");
            return Err(Fault::new(Code::WrongFile, detail).of_item(index));
        }
    }
    Ok(files)
}

/// The manifest's form of an item, which is the interface's.
fn item(item: FastItem) -> Item {
    let part =
        |part: FilePart| Part { sha256: part.sha256, keccak256: part.keccak256, bytes: part.bytes };
    Item {
        proving_system: item.proving_system,
        program_id: ProgramId(item.program_id.0),
        proof: part(item.proof),
        public_inputs: part(item.public_inputs),
        verification_key: item.verification_key.map(part),
        generator: item.generator,
    }
}
