//! One real proof of every proof system, for whatever holds of all of them.

use std::sync::{Arc, LazyLock};

use collimate_verifiers::{
    ProofSystem, ProofSystemId, Submission, VerifiedProof, VerifyError, verify_guarded,
};

use crate::fixtures;

/// A real proof and its verifier.
pub(crate) struct Honest {
    pub(crate) id: ProofSystemId,
    pub(crate) system: Arc<dyn ProofSystem>,
    pub(crate) submission: Submission,
}

impl Honest {
    /// Verifies it as `change` leaves it.
    pub(crate) fn verify(
        &self,
        change: impl FnOnce(&mut Submission),
    ) -> Result<VerifiedProof, VerifyError> {
        let mut changed = self.submission.clone();
        change(&mut changed);
        verify_guarded(self.system.as_ref(), &changed)
    }

    /// The same without a change.
    pub(crate) fn truth(&self) -> VerifiedProof {
        self.verify(|_| ()).unwrap_or_else(|error| panic!("{}: {error}", self.id))
    }

    /// Whether the proof is so small that each of its bytes can be tried.
    pub(crate) fn is_small(&self) -> bool {
        self.submission.proof.len() <= 1024
    }
}

/// The proof of a system that stands for it, if the fixtures are there.
fn submission(id: ProofSystemId) -> Option<Submission> {
    match id {
        ProofSystemId::Sp1Compressed => fixtures::compressed().map(|proof| proof.submission()),
        ProofSystemId::Sp1Groth16 => fixtures::onchain("groth16-v6.1.0-zkaleido"),
        ProofSystemId::Sp1Plonk => fixtures::onchain("plonk-v6.1.0-ibc-update_client"),
        ProofSystemId::Risc0Composite => {
            fixtures::risc0_receipt("composite-v3.0.0", "poseidon2_16")
        }
        ProofSystemId::Risc0Succinct => fixtures::risc0_receipt("succinct-v3.0.0", "succinct_16"),
        ProofSystemId::Risc0Groth16 => fixtures::risc0_seal(),
        ProofSystemId::GnarkGroth16Bn254 => {
            fixtures::gnark("groth16-bn254", "groth16", "groth16.pub")
        }
        ProofSystemId::GnarkPlonkBn254 => {
            fixtures::gnark("plonk-bn254", "plonk", "plonk_pub_input.pub")
        }
        ProofSystemId::GnarkPlonkBls12_381 => {
            fixtures::gnark("plonk-bls12-381", "plonk", "plonk_pub_input.pub")
        }
        ProofSystemId::CircomGroth16Bn254 => fixtures::circom("1-public-input"),
        // Its receipt is no file of ours to take: the tests of RISC Zero's older versions convert it.
        ProofSystemId::Risc0SuccinctV2 => None,
        ProofSystemId::Risc0Groth16V2 => Some(fixtures::risc0_seal_v2()),
        other => panic!("{other} has no real proof in the tests"),
    }
}

/// Every proof system.
pub(crate) fn all() -> impl Iterator<Item = &'static Honest> {
    static ALL: LazyLock<Vec<Honest>> = LazyLock::new(|| {
        let honest = |id: ProofSystemId| {
            Some(Honest { id, system: id.verifier(), submission: submission(id)? })
        };
        ProofSystemId::ALL.into_iter().filter_map(honest).collect()
    });
    ALL.iter()
}

/// One proof system.
pub(crate) fn of(id: ProofSystemId) -> Option<&'static Honest> {
    all().find(|honest| honest.id == id)
}
