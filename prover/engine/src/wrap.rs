//! Shrinking and wrapping a compressed proof: from the recursion's field to that of Ethereum's curve.
//!
//! The wrapped proof is what the circuit for Ethereum verifies. Its witness, and the circuit's constraints, are files that
//! the program `collimate-gnark` reads.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use sp1_hypercube::{MachineVerifyingKey, SP1PcsProofOuter, SP1WrapProof, ShardProof};
use sp1_primitives::SP1OuterGlobalContext;
use sp1_prover::{
    build::build_constraints_and_witness,
    verify::WRAP_VK_BYTES,
    worker::{SP1LocalNodeBuilder, cpu_worker_builder},
};
use sp1_recursion_gnark_ffi::GnarkWitness;
use sp1_sdk::SP1Proof;

use crate::BoxFuture;

/// The wrapped proof that the engine's release comes with, for whoever has none of their own yet: the circuit depends on
/// its shape alone, which all wrapped proofs share.
const TEMPLATE: &[u8] = include_bytes!("../../.engine/sp1-prover/wrapped_proof.bin");

/// What names the circuit: the verification key of the wrap's program, in the engine's encoding.
pub const WRAP_KEY: &[u8] = WRAP_VK_BYTES;

/// The root of the engine's recursion keys, which a contract must hold.
pub fn vk_root() -> [u8; 32] {
    *sp1_verifier::VK_ROOT_BYTES
}

/// The verification key of SP1's published circuit.
pub fn published_key() -> &'static [u8] {
    *sp1_verifier::GROTH16_VK_BYTES
}

/// A wrapped proof.
pub struct Wrapped(SP1WrapProof<SP1OuterGlobalContext, SP1PcsProofOuter>);

impl Wrapped {
    /// Shrinks and wraps a compressed proof. The engine loads for it, and takes gigabytes until the process ends.
    pub fn make(proof: &SP1Proof) -> BoxFuture<'_, Result<Self>> {
        Box::pin(async move {
            let builder = SP1LocalNodeBuilder::from_worker_client_builder(cpu_worker_builder());
            let node = builder.build().await.context("the engine did not start")?;
            Ok(Self(node.shrink_wrap(proof).await?))
        })
    }

    /// The one that the engine's release comes with.
    pub fn template() -> Result<Self> {
        let vk: MachineVerifyingKey<SP1OuterGlobalContext> = bincode::deserialize(WRAP_VK_BYTES)?;
        let proof: ShardProof<SP1OuterGlobalContext, SP1PcsProofOuter> =
            bincode::deserialize(TEMPLATE)?;
        Ok(Self(SP1WrapProof { vk, proof }))
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (vk, proof) = bincode::deserialize(bytes).context("the wrapped proof is malformed")?;
        Ok(Self(SP1WrapProof { vk, proof }))
    }

    /// The proof with its key.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(bincode::serialize(&(&self.0.vk, &self.0.proof))?)
    }

    /// Writes the witness of the circuit that verifies this proof and, if asked, the circuit's constraints.
    pub fn write_circuit(&self, witness: &Path, constraints: Option<&Path>) -> Result<()> {
        let (circuit, values) = build_constraints_and_witness(&self.0.vk, &self.0.proof)
            .map_err(|error| anyhow!("the circuit's witness could not be made: {error:#}"))?;
        write_json(witness, &GnarkWitness::new(values))?;
        if let Some(path) = constraints {
            write_json(path, &circuit)?;
        }
        Ok(())
    }
}

/// A file is there whole or not at all.
fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let partial = path.with_extension("part");
    let write = || -> Result<()> {
        let mut file = BufWriter::new(File::create(&partial)?);
        serde_json::to_writer(&mut file, value)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(std::fs::rename(&partial, path)?)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_proof_survives_its_bytes_and_has_a_witness() {
        let bytes = Wrapped::template().unwrap().to_bytes().unwrap();
        let read = Wrapped::from_bytes(&bytes).unwrap();
        assert_eq!(read.to_bytes().unwrap(), bytes);
        assert!(Wrapped::from_bytes(&bytes[..bytes.len() / 2]).is_err());

        let folder = tempfile::tempdir().unwrap();
        let (witness, constraints) = (folder.path().join("w"), folder.path().join("c"));
        read.write_circuit(&witness, Some(&constraints)).unwrap();
        let witness: serde_json::Value =
            serde_json::from_slice(&std::fs::read(witness).unwrap()).unwrap();
        assert_eq!(witness["exit_code"], "0");
        assert!(std::fs::metadata(constraints).unwrap().len() > 1 << 20);
    }
}
