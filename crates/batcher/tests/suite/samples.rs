//! Real proofs: small ones that others made with snarkjs and gnark, at `$COLLIMATE_FIXTURES` (default `../shared/fixtures` beside
//! the repository), and where those are not, the repository's own of SP1.

use std::{fs, path::PathBuf, sync::LazyLock};

use bytes::Bytes;
use collimate_batch::Part;
use collimate_verifiers::{ProofSystemId, circom::snarkjs, gnark::public_inputs};

use crate::support::samples::Sample;

impl Sample {
    /// With other public inputs.
    pub(crate) fn with_public_inputs(mut self, inputs: Vec<u8>) -> Self {
        self.item.public_inputs = Part::of(&inputs);
        self.public_inputs = inputs.into();
        self
    }

    pub(crate) fn files(&self) -> [(String, Bytes); 3] {
        let name = |part: &Part| part.key().to_string();
        [
            (name(&self.item.proof), self.proof.clone()),
            (name(&self.item.public_inputs), self.public_inputs.clone()),
            (name(self.item.verification_key.as_ref().unwrap()), self.key.clone()),
        ]
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of fixtures.
fn fixtures(name: &str) -> Option<PathBuf> {
    let base = std::env::var_os("COLLIMATE_FIXTURES")
        .map_or_else(|| repository().join("../shared/fixtures"), PathBuf::from);
    Some(base.join(name)).filter(|folder| folder.is_dir())
}

fn circom(name: &str) -> Option<Sample> {
    let folder = fixtures(&format!("circom/{name}"))?;
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    Some(Sample::new(
        ProofSystemId::CircomGroth16Bn254,
        snarkjs::proof(&read("proof.json")).unwrap(),
        snarkjs::verifying_key(&read("verification_key.json")).unwrap(),
        Some(snarkjs::public_inputs(&read("public.json")).unwrap()),
    ))
}

fn gnark() -> Option<Sample> {
    let folder = fixtures("gnark/groth16-bn254")?;
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let inputs = public_inputs(&read("groth16.pub")).unwrap();
    let system = ProofSystemId::GnarkGroth16Bn254;
    Some(Sample::new(system, read("groth16.proof"), read("groth16.vk"), Some(inputs)))
}

/// A proof, one with other public inputs, and one of another proof system where there are fixtures.
static SAMPLES: LazyLock<[Sample; 3]> = LazyLock::new(|| {
    let or = |sample: Option<Sample>, name: &str| sample.unwrap_or_else(|| Sample::own(name));
    [
        or(circom("1-public-input"), "fibonacci"),
        or(circom("81-public-inputs"), "sha256_preimage"),
        or(gnark(), "merkle_membership"),
    ]
});

/// One of three proofs.
pub(crate) fn sample(number: usize) -> Sample {
    SAMPLES[number].clone()
}

/// What the samples are of.
pub(crate) fn systems() -> Vec<ProofSystemId> {
    let mut systems: Vec<_> = SAMPLES
        .iter()
        .map(|sample| ProofSystemId::try_from(sample.item.proving_system).unwrap())
        .collect();
    systems.sort_unstable();
    systems.dedup();
    systems
}
