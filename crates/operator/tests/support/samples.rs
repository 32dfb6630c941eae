//! Real proofs.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use alloy::primitives::Address;
use bytes::Bytes;
use collimate_batch::{Group, Item, Manifest, Part};
use collimate_verifiers::{ProgramKey, ProofSystem, ProofSystemId, Submission, sp1::Sp1Compressed};

/// Takes a second to build: once for all tests.
pub(crate) static VERIFIER: LazyLock<Arc<Sp1Compressed>> = LazyLock::new(Arc::default);

/// A proof with all that a batch says of it.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) item: Item,
    pub(crate) proof: Bytes,
    pub(crate) public_inputs: Bytes,
    pub(crate) key: Bytes,
}

impl Sample {
    pub(crate) fn new(
        system: ProofSystemId,
        proof: Vec<u8>,
        key: Vec<u8>,
        inputs: Option<Vec<u8>>,
    ) -> Self {
        let verifier: Arc<dyn ProofSystem> = match system {
            ProofSystemId::Sp1Compressed => VERIFIER.clone(),
            other => other.verifier(),
        };
        let submission = Submission {
            proof: proof.clone(),
            key: ProgramKey::VerifyingKey(key.clone()),
            public_values: inputs,
        };
        let found = verifier.verify(&submission).unwrap();
        let item = Item {
            proving_system: system.number(),
            program_id: found.program_id,
            proof: Part::of(&proof),
            public_inputs: Part::of(&found.public_values),
            verification_key: Some(Part::of(&key)),
            generator: Address::ZERO,
        };
        let public_inputs = found.public_values.into();
        Self { item, proof: proof.into(), public_inputs, key: key.into() }
    }

    /// One of the repository's own of SP1.
    pub(crate) fn own(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proofs");
        let read = |end: &str| std::fs::read(folder.join(format!("{name}.{end}"))).unwrap();
        Self::new(ProofSystemId::Sp1Compressed, read("proof"), read("vk"), None)
    }

    /// The same in somebody else's name: another leaf.
    pub(crate) fn by(mut self, generator: u8) -> Self {
        self.item.generator = Address::repeat_byte(generator);
        self
    }

    /// The same with another proof, which the manifest describes as if it were one.
    pub(crate) fn with_proof(mut self, proof: Vec<u8>) -> Self {
        self.proof = proof.into();
        self.item.proof = Part::of(&self.proof);
        self
    }

    /// The bytes that a data service has of it.
    pub(crate) fn contents(&self) -> [Bytes; 3] {
        [self.proof.clone(), self.public_inputs.clone(), self.key.clone()]
    }
}

/// What describes a batch of these groups.
pub(crate) fn manifest(groups: &[Vec<Sample>]) -> Manifest {
    let group = |samples: &Vec<Sample>| Group {
        items: samples.iter().map(|sample| sample.item.clone()).collect(),
    };
    Manifest::new(groups.iter().map(group).collect()).unwrap()
}
