//! The sample proofs of `proofs/fast/samples.json`, which fast mode's demo batches.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use collimate_verifiers::{ProgramKey, ProofSystemId, Submission, verify_guarded};
use serde::Deserialize;

/// One sample as the list has it; files are relative to the list's folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    system: String,
    proof: PathBuf,
    vk: PathBuf,
    public_inputs: Option<PathBuf>,
}

impl Sample {
    fn system(&self) -> ProofSystemId {
        self.system.parse().unwrap()
    }

    fn submission(&self) -> Submission {
        let read = |name: &PathBuf| fs::read(folder().join(name)).unwrap();
        Submission {
            proof: read(&self.proof),
            key: ProgramKey::VerifyingKey(read(&self.vk)),
            public_values: self.public_inputs.as_ref().map(read),
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proofs/fast")
}

fn samples() -> Vec<Sample> {
    serde_json::from_slice(&fs::read(folder().join("samples.json")).unwrap()).unwrap()
}

/// Those of circuits: small, and their public inputs are words.
fn circuits() -> impl Iterator<Item = Sample> {
    samples().into_iter().filter(|sample| sample.public_inputs.is_some())
}

#[test]
fn every_sample_verifies_with_its_system() {
    for sample in samples() {
        let (submission, verifier) = (sample.submission(), sample.system().verifier());
        let verified = verify_guarded(verifier.as_ref(), &submission)
            .unwrap_or_else(|error| panic!("{}: {error}", sample.proof.display()));
        let id = verifier.program_id(&submission.key).unwrap();
        assert_eq!(verified.program_id, id, "{}", sample.proof.display());
        if let Some(words) = submission.public_values {
            assert_eq!(verified.public_values, words, "{}", sample.proof.display());
        }
    }
}

#[test]
fn every_proof_in_the_folder_is_listed() {
    let listed: BTreeSet<_> = circuits().map(|sample| folder().join(sample.proof)).collect();
    let there: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "proof"))
        .collect();
    assert_eq!(listed, there);
}

#[test]
fn a_changed_byte_of_a_proof_is_refused() {
    for sample in circuits() {
        let (honest, verifier) = (sample.submission(), sample.system().verifier());
        for at in 0..honest.proof.len() {
            let mut forged = honest.clone();
            forged.proof[at] ^= 1 << (at % 8);
            let verdict = verify_guarded(verifier.as_ref(), &forged);
            assert!(verdict.is_err(), "{}, byte {at}", sample.proof.display());
        }
    }
}

#[test]
fn a_changed_public_input_is_refused() {
    for sample in circuits() {
        let (honest, verifier) = (sample.submission(), sample.system().verifier());
        let words = honest.public_values.as_ref().unwrap().len() / 32;
        assert!(words > 0, "{}", sample.proof.display());
        for word in 0..words {
            let mut other = honest.clone();
            other.public_values.as_mut().unwrap()[32 * word + 31] ^= 1;
            let error = verify_guarded(verifier.as_ref(), &other).unwrap_err();
            assert_eq!(error.code(), "VER-012", "{}, word {word}", sample.proof.display());
        }
    }
}
