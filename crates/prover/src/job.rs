//! What is proven: a program, its input, the proofs it verifies, and the form of the result.

use std::fmt;

use collimate_core::ProgramId;
use serde::{Deserialize, Serialize};
use tiny_keccak::{Hasher, Keccak};

/// The form of a finished proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A recursive STARK of constant size, about 1.3 MB: what other programs verify.
    Compressed,
    /// Groth16 over BN254, for Ethereum: a compressed proof, wrapped, in the 356 bytes that the contract takes. Needs the
    /// circuit's artifacts.
    Groth16,
    /// Plonk over BN254, for Ethereum: a compressed proof, wrapped. Needs the circuit's artifacts.
    Plonk,
}

impl Form {
    fn tag(self) -> u8 {
        match self {
            Self::Compressed => 0,
            Self::Groth16 => 1,
            Self::Plonk => 2,
        }
    }
}

/// A compressed proof that the program verifies recursively, in the order in which it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecursiveProof {
    /// SHA-256 of the proof file: its key in the object store.
    #[serde(with = "hex_bytes")]
    pub object: [u8; 32],
    /// The program that was proven.
    pub program_id: ProgramId,
    /// The verifying key of that program (bincode), which remote engines ask for.
    #[serde(with = "hex_vec")]
    pub verifying_key: Vec<u8>,
}

/// One piece of work for the proving process: to prove a program, or to wrap the compressed proof of one for Ethereum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The program to prove, one of those that the prover carries; or of which a proof is wrapped.
    pub program_id: ProgramId,
    /// The form of the result: compressed for a program to prove, another for a proof to wrap.
    pub form: Form,
    /// The program's input: one buffer. Of a wrap: SHA-256 of the circuit's verification key.
    #[serde(with = "hex_vec")]
    pub input: Vec<u8>,
    /// The proofs that the program verifies. Of a wrap: the one that is wrapped.
    pub proofs: Vec<RecursiveProof>,
}

/// What a wrap wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrap<'a> {
    /// The compressed proof.
    pub proof: &'a RecursiveProof,
    /// SHA-256 of the circuit's verification key: whose contract is to accept the result.
    pub circuit_key: [u8; 32],
}

impl Job {
    /// Wraps a compressed proof in the circuit whose verification key has this hash, which is what the contract calls its
    /// `VERIFIER_HASH`. So a proof under a development set-up is never taken for one under another.
    #[must_use]
    pub fn wrap(proof: RecursiveProof, form: Form, circuit_key: [u8; 32]) -> Self {
        Self {
            program_id: proof.program_id,
            form,
            input: circuit_key.to_vec(),
            proofs: vec![proof],
        }
    }

    /// What is wrapped; none if this proves a program, or is no wrap that can be made: one proof of its own program, under
    /// one key.
    #[must_use]
    pub fn as_wrap(&self) -> Option<Wrap<'_>> {
        let [proof] = self.proofs.as_slice() else { return None };
        let circuit_key = self.input.as_slice().try_into().ok()?;
        let wraps = self.form != Form::Compressed && proof.program_id == self.program_id;
        wraps.then_some(Wrap { proof, circuit_key })
    }

    /// The job's name: `keccak256("collimate-job-v1" ‖ program id ‖ form ‖ keccak256(input) ‖
    /// proof_0 ‖ …)`, with the proofs' SHA-256 hashes in order. Every part has a fixed size, so two
    /// different jobs never hash the same bytes.
    #[must_use]
    pub fn id(&self) -> JobId {
        let mut hasher = Keccak::v256();
        hasher.update(b"collimate-job-v1");
        hasher.update(&self.program_id.0);
        hasher.update(&[self.form.tag()]);
        hasher.update(&keccak256(&self.input));
        for proof in &self.proofs {
            hasher.update(&proof.object);
        }
        let mut id = [0; 32];
        hasher.finalize(&mut id);
        JobId(id)
    }
}

fn keccak256(bytes: &[u8]) -> [u8; 32] {
    let mut hasher = Keccak::v256();
    hasher.update(bytes);
    let mut out = [0; 32];
    hasher.finalize(&mut out);
    out
}

/// The name of a job, and of its output in the object store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(#[serde(with = "hex_bytes")] pub [u8; 32]);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", hex::encode(self.0))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({self})")
    }
}

impl std::str::FromStr for JobId {
    type Err = hex::FromHexError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 32];
        hex::decode_to_slice(s, &mut id)?;
        Ok(Self(id))
    }
}

/// 32 bytes as hex.
mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(d)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(D::Error::custom)?;
        Ok(bytes)
    }
}

/// Bytes of any length as hex.
mod hex_vec {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(d)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let proof = |n| RecursiveProof {
            object: [n; 32],
            program_id: ProgramId([n; 32]),
            verifying_key: vec![n; 3],
        };
        Job {
            program_id: ProgramId([7; 32]),
            form: Form::Compressed,
            input: vec![1, 2, 3],
            proofs: vec![proof(1), proof(2)],
        }
    }

    #[test]
    fn the_id_binds_program_form_input_and_proofs_in_order() {
        let base = job().id();
        let changes: [fn(&mut Job); 6] = [
            |j| j.program_id.0[31] ^= 1,
            |j| j.form = Form::Groth16,
            |j| j.input.push(0),
            |j| j.proofs.swap(0, 1),
            |j| j.proofs[0].object[0] ^= 1,
            |j| {
                j.proofs.pop();
            },
        ];
        for change in changes {
            let mut other = job();
            change(&mut other);
            assert_ne!(base, other.id());
        }
        assert_eq!(base, job().id());
    }

    #[test]
    fn a_wrap_is_named_by_its_proof_its_form_and_the_circuits_key() {
        let proof = job().proofs[0].clone();
        let wrap = Job::wrap(proof.clone(), Form::Groth16, [5; 32]);
        assert_eq!(wrap.as_wrap(), Some(Wrap { proof: &proof, circuit_key: [5; 32] }));
        assert_ne!(wrap.id(), Job::wrap(proof.clone(), Form::Groth16, [6; 32]).id());
        assert_ne!(wrap.id(), Job::wrap(proof.clone(), Form::Plonk, [5; 32]).id());
        let other = RecursiveProof { object: [3; 32], ..proof };
        assert_ne!(wrap.id(), Job::wrap(other, Form::Groth16, [5; 32]).id());
    }

    #[test]
    fn what_is_no_wrap_is_not_taken_for_one() {
        let wrap = Job::wrap(job().proofs[0].clone(), Form::Groth16, [5; 32]);
        let changes: [fn(&mut Job); 5] = [
            |j| j.form = Form::Compressed,
            |j| j.program_id.0[0] ^= 1,
            |j| j.input.push(0),
            |j| j.input.clear(),
            |j| j.proofs.push(j.proofs[0].clone()),
        ];
        for change in changes {
            let mut other = wrap.clone();
            change(&mut other);
            assert_eq!(other.as_wrap(), None);
        }
    }

    #[test]
    fn jobs_travel_as_json() {
        let text = serde_json::to_string(&job()).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job());
        assert_eq!(job().id().to_string().parse::<JobId>().unwrap(), job().id());
    }
}
