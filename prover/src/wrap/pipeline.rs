//! From a compressed proof to one that the contract takes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use collimate_core::ProgramId;
use collimate_engine::{Groth16Bn254Proof, SP1Proof, SP1ProofWithPublicValues};
use collimate_verifiers::{ProgramKey, Submission, VerifierPool, sp1::Sp1Groth16Under};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    artifacts::{Artifacts, CIRCUIT, PROVING_KEY, VERIFYING_KEY},
    stage,
};
use crate::worker::decode;

/// What a wrap is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Shrinking and wrapping.
    Wrap,
    /// Proving the circuit.
    Circuit,
}

/// Wraps proofs under one circuit key.
pub struct Wrapper {
    artifacts: Artifacts,
    key: Arc<[u8]>,
}

/// A proof as `collimate-gnark` writes it.
#[derive(Deserialize)]
struct CircuitProof {
    public_inputs: [String; 5],
    encoded_proof: String,
    raw_proof: String,
}

impl Wrapper {
    /// Checks that everything is there which would otherwise be missed after minutes.
    pub fn open(artifacts: &Artifacts) -> Result<Self> {
        let key = artifacts.verifying_key()?.into();
        stage::gnark_program()?;
        Ok(Self { artifacts: artifacts.clone(), key })
    }

    /// SHA-256 of the circuit's verification key.
    pub fn key_hash(&self) -> [u8; 32] {
        Sha256::digest(&self.key).into()
    }

    /// Wraps a compressed proof of a program, which the caller has verified. The files of the stages are kept in `work`
    /// until the result is there; `on_step` hears what begins.
    pub async fn wrap(
        &self,
        compressed: &[u8],
        work: &Path,
        mut on_step: impl FnMut(Step) + Send,
    ) -> Result<SP1ProofWithPublicValues> {
        fs::create_dir_all(work).with_context(|| format!("cannot create {}", work.display()))?;
        let file = |name: &str| work.join(name);
        let (proof, wrapped) = (file("compressed.bin"), file("wrapped.bin"));
        let (witness, circuit_proof) = (file("witness.json"), file("proof.json"));

        on_step(Step::Wrap);
        if !wrapped.exists() {
            fs::write(&proof, compressed)
                .with_context(|| format!("cannot write {}", proof.display()))?;
            let mut command = stage::own("wrap", stage::WRAP_GIB)?;
            command.arg("--proof").arg(&proof).arg("--wrapped").arg(&wrapped);
            stage::run("wrap", command).await?;
        }
        if !witness.exists() {
            let mut command = stage::own("constraints", stage::CONSTRAINTS_GIB)?;
            command.arg("--wrapped").arg(&wrapped).arg("--witness").arg(&witness);
            stage::run("constraints", command).await?;
        }

        on_step(Step::Circuit);
        if !circuit_proof.exists() {
            let input = |name| self.artifacts.path(name);
            let mut command = stage::gnark("prove")?;
            command.arg("--circuit").arg(input(CIRCUIT));
            command.arg("--proving-key").arg(input(PROVING_KEY));
            command.arg("--verifying-key").arg(input(VERIFYING_KEY));
            command.arg("--witness").arg(&witness).arg("--proof").arg(&circuit_proof);
            stage::run("prove", command).await?;
        }
        self.assemble(compressed, &circuit_proof)
    }

    /// The proof file, in the form that the SDK would give it.
    fn assemble(
        &self,
        compressed: &[u8],
        circuit_proof: &Path,
    ) -> Result<SP1ProofWithPublicValues> {
        let bytes = fs::read(circuit_proof)
            .with_context(|| format!("cannot read {}", circuit_proof.display()))?;
        let CircuitProof { public_inputs, encoded_proof, raw_proof } =
            serde_json::from_slice(&bytes)
                .with_context(|| format!("[PRV-051] {} is damaged", circuit_proof.display()))?;
        let groth16_vkey_hash = self.key_hash();
        let proof =
            Groth16Bn254Proof { public_inputs, encoded_proof, raw_proof, groth16_vkey_hash };
        ensure!(
            hex::decode(&proof.encoded_proof).is_ok_and(|bytes| !bytes.is_empty()),
            "[PRV-051] {} holds no proof",
            circuit_proof.display()
        );
        Ok(SP1ProofWithPublicValues {
            proof: SP1Proof::Groth16(proof),
            tee_proof: None,
            ..decode(compressed)?
        })
    }

    /// Verifies what [`Self::wrap`] gave with code that knows nothing of gnark: the contract would do no other.
    pub async fn verify(
        &self,
        verifiers: &VerifierPool,
        proof: &SP1ProofWithPublicValues,
        program: ProgramId,
    ) -> Result<()> {
        let submission = Submission {
            proof: proof.bytes(),
            key: ProgramKey::ProgramId(program),
            public_values: Some(proof.public_values.to_vec()),
        };
        let system = Sp1Groth16Under::new(Arc::clone(&self.key));
        verifiers
            .verify(Arc::new(system), submission)
            .await
            .context("[PRV-058] the wrapped proof does not verify")?;
        Ok(())
    }
}

/// Where a job's wrap keeps its files.
pub fn work_folder(state: &Path, job: impl std::fmt::Display) -> PathBuf {
    state.join("wrap").join(job.to_string())
}
