use std::sync::Arc;

use collimate_core::{Commitment, ProgramId};
use sp1_verifier::{
    GROTH16_VK_BYTES, Groth16Verifier, PLONK_VK_BYTES, PlonkVerifier, VK_ROOT_BYTES, blake3_hash,
    hash_public_inputs_with_fn, sha256_hash,
};

use super::{CIRCUIT_VERSION, key::KeyWords};
use crate::{
    ProgramKey, ProofSystem, Sp1Claims, Submission, VerifiedProof, VerifyError,
    limits::{MAX_ONCHAIN_PROOF_BYTES, MAX_PUBLIC_VALUES_BYTES, within},
};

/// SP1's Groth16 proofs in the bytes that `ISP1Verifier.verifyProof` takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sp1Groth16;

/// SP1's Plonk proofs in the bytes that `ISP1Verifier.verifyProof` takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sp1Plonk;

impl ProofSystem for Sp1Groth16 {
    fn name(&self) -> &'static str {
        "sp1-groth16"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_ONCHAIN_PROOF_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        KeyWords::from_key(key).map(|words| words.program_id())
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify(submission, &GROTH16_VK_BYTES, &[], |proof, inputs| {
            Groth16Verifier::verify_gnark_proof(proof, inputs, &GROTH16_VK_BYTES)
                .map_err(|error| error.to_string())
        })
    }
}

/// SP1's Groth16 proofs under a circuit key that is chosen by whoever verifies: SP1's published one, or that of a set-up of somebody's
/// own, such as a development set-up. Whoever made such a set-up could forge, so this is no proof system that users can choose.
#[derive(Debug, Clone)]
pub struct Sp1Groth16Under {
    key: Arc<[u8]>,
}

impl Sp1Groth16Under {
    /// The proofs under this verification key, in gnark's encoding.
    #[must_use]
    pub fn new(key: impl Into<Arc<[u8]>>) -> Self {
        Self { key: key.into() }
    }

    /// The proofs under the key that SP1 published.
    #[must_use]
    pub fn published() -> Self {
        Self::new(*GROTH16_VK_BYTES)
    }

    /// SHA-256 of the key, by which jobs and contracts name it.
    #[must_use]
    pub fn key_hash(&self) -> [u8; 32] {
        sha256_hash(&self.key)
    }
}

impl ProofSystem for Sp1Groth16Under {
    fn name(&self) -> &'static str {
        "sp1-groth16"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_ONCHAIN_PROOF_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        KeyWords::from_key(key).map(|words| words.program_id())
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify(submission, &self.key, &[], |proof, inputs| {
            Groth16Verifier::verify_gnark_proof(proof, inputs, &self.key)
                .map_err(|error| error.to_string())
        })
    }
}

impl ProofSystem for Sp1Plonk {
    fn name(&self) -> &'static str {
        "sp1-plonk"
    }

    fn max_proof_bytes(&self) -> usize {
        MAX_ONCHAIN_PROOF_BYTES
    }

    fn program_id(&self, key: &ProgramKey) -> Result<ProgramId, VerifyError> {
        KeyWords::from_key(key).map(|words| words.program_id())
    }

    fn verify(&self, submission: &Submission) -> Result<VerifiedProof, VerifyError> {
        verify(submission, &PLONK_VK_BYTES, &PLONK_SCALARS, |proof, inputs| {
            PlonkVerifier::verify_gnark_proof(proof, inputs, &PLONK_VK_BYTES)
                .map_err(|error| error.to_string())
        })
    }
}

/// Which words of a Plonk proof are scalars: what the wires and the permutation are at ζ, the permutation's product at ωζ,
/// the commitment's selector at ζ. The others are coordinates.
const PLONK_SCALARS: [usize; 7] = [12, 13, 14, 15, 16, 19, 24];

/// Order of BN254's scalars, big-endian.
const SCALAR_ORDER: [u8; 32] = [
    0x30, 0x64, 0x4e, 0x72, 0xe1, 0x31, 0xa0, 0x29, 0xb8, 0x50, 0x45, 0xb6, 0x81, 0x81, 0x58, 0x5d,
    0x28, 0x33, 0xe8, 0x48, 0x79, 0xb9, 0x70, 0x91, 0x43, 0xe1, 0xf5, 0x93, 0xf0, 0x00, 0x00, 0x01,
];

/// The bytes of an on-chain proof: the first four of the circuit key's SHA-256, three words, then gnark's proof.
struct OnchainProof<'a> {
    selector: [u8; 4],
    exit_code: [u8; 32],
    vk_root: [u8; 32],
    nonce: [u8; 32],
    circuit_proof: &'a [u8],
}

impl<'a> OnchainProof<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, VerifyError> {
        if bytes.is_empty() {
            return Err(VerifyError::Empty);
        }
        within(
            "the proof",
            bytes.len(),
            MAX_ONCHAIN_PROOF_BYTES,
            "give the bytes that the contract takes, not the SDK's proof file",
        )?;
        let parts = || {
            let (selector, rest) = bytes.split_first_chunk::<4>()?;
            let (exit_code, rest) = rest.split_first_chunk::<32>()?;
            let (vk_root, rest) = rest.split_first_chunk::<32>()?;
            let (nonce, circuit_proof) = rest.split_first_chunk::<32>()?;
            Some(Self {
                selector: *selector,
                exit_code: *exit_code,
                vk_root: *vk_root,
                nonce: *nonce,
                circuit_proof,
            })
        };
        parts().ok_or_else(|| VerifyError::Malformed { reason: "less than 100 bytes".to_owned() })
    }
}

/// SP1's verifier takes SHA-256 and BLAKE3 digests alike; here the digest is chosen, so that an accepted proof always
/// commits to its public values with SHA-256, as in the other forms.
fn verify(
    submission: &Submission,
    circuit_key: &[u8],
    scalars: &[usize],
    circuit: impl Fn(&[u8], &[[u8; 32]]) -> Result<(), String>,
) -> Result<VerifiedProof, VerifyError> {
    let words = KeyWords::from_key(&submission.key)?;
    let program_id = words.program_id();
    let public_values =
        submission.public_values.as_ref().ok_or(VerifyError::MissingPublicValues)?;
    within(
        "the public values",
        public_values.len(),
        MAX_PUBLIC_VALUES_BYTES,
        "commit a hash of them in the program",
    )?;
    let proof = OnchainProof::parse(&submission.proof)?;
    check_version(&proof, circuit_key)?;
    if proof.exit_code != [0; 32] {
        return Err(VerifyError::ProgramFailed { exit_code: format!("{:02x?}", proof.exit_code) });
    }
    check_reduced(&proof, scalars)?;
    let inputs_with = |hash: fn(&[u8]) -> [u8; 32]| {
        let digest = hash_public_inputs_with_fn(public_values, hash);
        [program_id.0, digest, proof.exit_code, proof.vk_root, proof.nonce]
    };
    circuit(proof.circuit_proof, &inputs_with(sha256_hash)).map_err(|reason| {
        match circuit(proof.circuit_proof, &inputs_with(blake3_hash)) {
            Ok(()) => VerifyError::Blake3Digest,
            Err(_) => VerifyError::Rejected { reason },
        }
    })?;
    Ok(VerifiedProof {
        program_id,
        public_values: public_values.clone(),
        commitment: Commitment::new(public_values, &program_id),
        sp1: Some(Sp1Claims {
            vk_words: words.0,
            public_values_digest: sha256_hash(public_values),
            version: CIRCUIT_VERSION.to_owned(),
        }),
    })
}

fn check_version(proof: &OnchainProof<'_>, circuit_key: &[u8]) -> Result<(), VerifyError> {
    if !sha256_hash(circuit_key).starts_with(&proof.selector) {
        return Err(VerifyError::WrongVersion {
            found: format!("with selector {:08x}", u32::from_be_bytes(proof.selector)),
            expected: CIRCUIT_VERSION,
        });
    }
    if proof.vk_root != *VK_ROOT_BYTES {
        return Err(VerifyError::WrongVersion {
            found: "with other recursion keys".to_owned(),
            expected: CIRCUIT_VERSION,
        });
    }
    Ok(())
}

/// SP1's verifier reduces scalars, which contracts refuse to: each proof would have others that hold here alone. It refuses
/// coordinates itself.
fn check_reduced(proof: &OnchainProof<'_>, scalars: &[usize]) -> Result<(), VerifyError> {
    let mut words = proof.circuit_proof.chunks_exact(32).enumerate();
    let unreduced = proof.nonce >= SCALAR_ORDER
        || words.any(|(at, word)| scalars.contains(&at) && word >= SCALAR_ORDER.as_slice());
    if unreduced {
        return Err(VerifyError::Malformed { reason: "a number is not reduced".to_owned() });
    }
    Ok(())
}
