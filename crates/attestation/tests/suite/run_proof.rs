//! An operator as it runs in production, with the real final proof of a run that the repository ships.

use std::{fs, num::NonZeroUsize, path::PathBuf};

use crate::common::{CONTEXT, key, operator_config};
use collimate_attestation::{AttestationRequest, AttestedProgram, Operator, OperatorConfig};
use collimate_core::{ProgramId, statement::RunStatement};
use collimate_verifiers::{
    ProgramKey, Submission, VerifierPool, sp1::Sp1Compressed, verify_guarded,
};

/// The committed program's id and its committed proof with the public values in it.
fn committed_run() -> AttestationRequest {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = fs::read(repository.join("programs/elf/chunk_aggregator.json")).unwrap();
    let program: serde_json::Value = serde_json::from_slice(&program).unwrap();
    let program_id: ProgramId = program["program_id"].as_str().unwrap().parse().unwrap();
    let proof = fs::read(repository.join("proofs/run/run.proof")).unwrap();
    let submission = Submission {
        proof: proof.clone(),
        key: ProgramKey::ProgramId(program_id),
        public_values: None,
    };
    let public_values =
        verify_guarded(&Sp1Compressed::default(), &submission).unwrap().public_values;
    AttestationRequest { context: CONTEXT, program_id, public_values, proof }
}

#[tokio::test]
async fn signs_a_real_run_and_never_its_root_beside_other_blobs() {
    let run = committed_run();
    let folder = tempfile::tempdir().unwrap();
    let config = OperatorConfig {
        program: AttestedProgram::chunk_aggregator(run.program_id),
        ..operator_config(run.program_id, &folder.path().join("journal"))
    };
    let pool = VerifierPool::new(NonZeroUsize::MIN, 4).unwrap();
    let operator = Operator::new(config, key(1), pool).unwrap();

    let statement = RunStatement::abi_decode(&run.public_values).unwrap();
    let about = |statement: RunStatement| AttestationRequest {
        public_values: statement.abi_encode(),
        ..run.clone()
    };
    // Before it answered, another statement about the root is refused because the proof does not say it ...
    let other_blobs = about(RunStatement { blobs_hash: [1; 32], ..statement });
    assert_eq!(operator.attest(other_blobs.clone()).await.unwrap_err().code(), "VER-008");

    let signature = operator.attest(run.clone()).await.unwrap();
    assert!(signature.verify(run.message(), &key(1).public_key()));

    // ... and afterwards because the root has its answer.
    let other_count = about(RunStatement { leaf_count: statement.leaf_count + 1, ..statement });
    for other in [other_blobs, other_count] {
        assert_eq!(operator.attest(other).await.unwrap_err().code(), "ATT-004");
    }
    // Another root is another task, which this proof does not answer.
    let other_root = about(RunStatement { root: [1; 32], ..statement });
    assert_eq!(operator.attest(other_root).await.unwrap_err().code(), "VER-008");
}
