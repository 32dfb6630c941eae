//! A proof of any proof system, with all that a batch says of it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::primitives::{Address, B256};
use bytes::Bytes;
use collimate_batch::{Item, Part};
use collimate_core::ProgramId;
use collimate_verifiers::{
    ProgramKey, ProofSystem, ProofSystemId, Submission, VerifyError,
    limits::MAX_PUBLIC_VALUES_BYTES, verify_guarded,
};

use super::FastError;

/// The parts that a proof is made of, in the bytes that `docs/proof-systems` describes.
#[derive(Clone)]
pub struct ProofParts {
    /// What the proof is called in errors and progress, such as its file's name.
    pub name: String,
    /// Its proof system.
    pub system: ProofSystemId,
    /// The proof.
    pub proof: Bytes,
    /// The program: its id, or the verifying key in the proof system's encoding. A circuit's proof needs the key.
    pub key: ProgramKey,
    /// SP1: the public values. RISC Zero: the journal. Circuits: a word for each public input. May be absent where the proof carries
    /// them.
    pub public_inputs: Option<Bytes>,
    /// Who is named as the proof's maker: the batch's tree covers it, so that nobody else can claim the proof's verification as
    /// their own work. Zero names nobody.
    pub generator: Address,
}

impl fmt::Debug for ProofParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofParts")
            .field("name", &self.name)
            .field("system", &self.system)
            .field("proof_bytes", &self.proof.len())
            .field("generator", &self.generator)
            .finish_non_exhaustive()
    }
}

/// A proof with all that a batch says of it. Cheap to clone.
#[derive(Clone)]
pub struct FastProof {
    name: String,
    item: Item,
    proof: Bytes,
    public_inputs: Bytes,
    verification_key: Option<Bytes>,
}

impl FastProof {
    /// Verifies a proof natively, as the batcher and every operator will, and describes it. Takes up to a second of processor time:
    /// in an async program call it on a blocking thread.
    ///
    /// # Errors
    /// [`FastError::Rejected`] with the verifier's code.
    pub fn verify(parts: ProofParts) -> Result<Self, FastError> {
        let verifier = verifier(parts.system);
        let submission = Submission {
            proof: parts.proof.to_vec(),
            key: parts.key.clone(),
            public_values: parts.public_inputs.as_ref().map(|bytes| bytes.to_vec()),
        };
        let found = verify_guarded(verifier.as_ref(), &submission)
            .map_err(|source| FastError::Rejected { name: parts.name.clone(), source })?;
        Ok(Self::describe(parts, found.program_id, found.public_values.into()))
    }

    /// Describes a proof without verifying it, for who did that elsewhere. Only sizes and the key are looked at.
    ///
    /// # Errors
    /// [`FastError::BadProof`] without public inputs, [`FastError::Rejected`] for a part that is too large, or a key that is none.
    pub fn unverified(parts: ProofParts) -> Result<Self, FastError> {
        let verifier = verifier(parts.system);
        let rejected = |source| FastError::Rejected { name: parts.name.clone(), source };
        let Some(public_inputs) = parts.public_inputs.clone() else {
            return Err(FastError::BadProof {
                name: parts.name,
                reason: "without verification its public inputs are not known; give them"
                    .to_owned(),
            });
        };
        within("the proof", parts.proof.len(), verifier.max_proof_bytes()).map_err(rejected)?;
        within("the public inputs", public_inputs.len(), MAX_PUBLIC_VALUES_BYTES)
            .map_err(rejected)?;
        let program_id = verifier.program_id(&parts.key).map_err(rejected)?;
        Ok(Self::describe(parts, program_id, public_inputs))
    }

    fn describe(parts: ProofParts, program_id: ProgramId, public_inputs: Bytes) -> Self {
        let verification_key = match parts.key {
            ProgramKey::VerifyingKey(bytes) if needs_key(parts.system) => Some(Bytes::from(bytes)),
            // The id says all that a zkVM's verifier needs, so the key would only make the batch larger.
            ProgramKey::VerifyingKey(_) | ProgramKey::ProgramId(_) => None,
        };
        let item = Item {
            proving_system: parts.system.number(),
            program_id,
            proof: Part::of(&parts.proof),
            public_inputs: Part::of(&public_inputs),
            verification_key: verification_key.as_deref().map(Part::of),
            generator: parts.generator,
        };
        Self { name: parts.name, item, proof: parts.proof, public_inputs, verification_key }
    }

    /// What it is called in errors and progress.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a batch's manifest says of it.
    #[must_use]
    pub fn item(&self) -> &Item {
        &self.item
    }

    /// What the batch's tree covers of it; the leaf is its keccak256.
    #[must_use]
    pub fn commitment(&self) -> B256 {
        self.item.commitment().into()
    }

    /// SP1: the public values. RISC Zero: the journal. Circuits: the words of the public inputs.
    #[must_use]
    pub fn public_inputs(&self) -> &Bytes {
        &self.public_inputs
    }

    /// Its files, by what the manifest says of them.
    pub fn files(&self) -> impl Iterator<Item = (&Part, &Bytes)> {
        let key = self.item.verification_key.as_ref().zip(self.verification_key.as_ref());
        let parts =
            [(&self.item.proof, &self.proof), (&self.item.public_inputs, &self.public_inputs)];
        parts.into_iter().chain(key)
    }
}

impl fmt::Debug for FastProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastProof")
            .field("name", &self.name)
            .field("item", &self.item)
            .finish_non_exhaustive()
    }
}

/// Whether verification needs the key itself: a circuit's id is the hash of its key.
pub(crate) fn needs_key(system: ProofSystemId) -> bool {
    match system {
        ProofSystemId::Sp1Compressed
        | ProofSystemId::Sp1Groth16
        | ProofSystemId::Sp1Plonk
        | ProofSystemId::Risc0Composite
        | ProofSystemId::Risc0Succinct
        | ProofSystemId::Risc0SuccinctV2
        | ProofSystemId::Risc0Groth16
        | ProofSystemId::Risc0Groth16V2 => false,
        // Circuits, and what is not known here: a key too many costs bytes, one too few the batch.
        _ => true,
    }
}

fn within(part: &'static str, bytes: usize, limit: usize) -> Result<(), VerifyError> {
    match bytes <= limit {
        true => Ok(()),
        false => {
            let remedy = "give the right file";
            Err(VerifyError::TooLarge { part, bytes, limit, remedy })
        }
    }
}

/// The verifier, built once: that of SP1's compressed proofs takes a second.
fn verifier(system: ProofSystemId) -> Arc<dyn ProofSystem> {
    static BUILT: Mutex<BTreeMap<ProofSystemId, Arc<dyn ProofSystem>>> =
        Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(built.entry(system).or_insert_with(|| system.verifier()))
}
