//! An operator with a real proof: what it signs, and what nothing makes it sign.

use std::{num::NonZeroUsize, path::Path};

use crate::common::{CONTEXT, key, operator_config, real_request};
use alloy::primitives::Address;
use collimate_attestation::{
    AttestationRequest, AttestedProgram, Operator, OperatorConfig, SigningContext,
};
use collimate_core::ProgramId;
use collimate_verifiers::VerifierPool;

fn start(config: OperatorConfig) -> Operator {
    let pool = VerifierPool::new(NonZeroUsize::MIN, 4).unwrap();
    Operator::new(config, key(1), pool).unwrap()
}

fn lines(journal: &Path) -> usize {
    std::fs::read_to_string(journal).unwrap().lines().count()
}

async fn code_of(operator: &Operator, request: AttestationRequest) -> &'static str {
    operator.attest(request).await.expect_err("must be refused").code()
}

#[tokio::test]
async fn signs_a_real_proof_and_gives_the_same_signature_again_also_after_a_restart() {
    let Some(request) = real_request() else { return };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let config = operator_config(request.program_id, &journal);
    let operator = start(config.clone());
    let signature = operator.attest(request.clone()).await.unwrap();
    assert!(signature.verify(request.message(), &key(1).public_key()));
    assert_eq!(operator.attest(request.clone()).await.unwrap(), signature);
    drop(operator);
    let operator = start(config);
    assert_eq!(operator.attest(request).await.unwrap(), signature);
    assert_eq!(lines(&journal), 1);
}

#[tokio::test]
async fn never_signs_a_second_answer_to_a_task_also_after_a_restart() {
    let Some(request) = real_request() else { return };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let config = operator_config(request.program_id, &journal);
    let mut operator = start(config.clone());
    operator.attest(request.clone()).await.unwrap();
    // The same subject, its first eight bytes, with another statement.
    let mut other = request.clone();
    other.public_values[20] ^= 1;
    for _ in 0..2 {
        assert_eq!(code_of(&operator, other.clone()).await, "ATT-004");
        drop(operator);
        operator = start(config.clone());
    }
    assert_eq!(lines(&journal), 1);
}

#[tokio::test]
async fn refuses_tampered_proofs_and_journals_nothing() {
    let Some(request) = real_request() else { return };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let operator = start(operator_config(request.program_id, &journal));
    let changed = |change: &dyn Fn(&mut AttestationRequest)| {
        let mut request = request.clone();
        change(&mut request);
        request
    };
    let middle = request.proof.len() / 2;
    type Change<'a> = &'a dyn Fn(&mut AttestationRequest);
    let cases: [(&str, Change<'_>); 7] = [
        ("VER-001", &|request| request.proof.clear()),
        ("VER-003", &|request| request.proof.truncate(middle)),
        ("VER-012", &|request| request.proof[middle] ^= 1),
        ("VER-002", &|request| request.proof.resize(100 << 20, 0)),
        ("VER-004", &|request| request.proof[0] = 0),
        ("VER-008", &|request| request.public_values[20] ^= 1),
        ("VER-008", &|request| request.public_values.truncate(8)),
    ];
    for (code, change) in cases {
        assert_eq!(code_of(&operator, changed(change)).await, code);
    }
    assert_eq!(lines(&journal), 0);
    // None of the failures took the place of the true answer.
    operator.attest(request).await.unwrap();
}

#[tokio::test]
async fn refuses_requests_for_another_program_chain_or_contract() {
    let Some(request) = real_request() else { return };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let operator = start(operator_config(request.program_id, &journal));
    let program_id = ProgramId::from_sp1_words([1; 8]);
    let other = AttestationRequest { program_id, ..request.clone() };
    assert_eq!(code_of(&operator, other).await, "ATT-001");
    for context in [
        SigningContext { chain_id: 1, ..CONTEXT },
        SigningContext { verifier: Address::ZERO, ..CONTEXT },
    ] {
        let other = AttestationRequest { context, ..request.clone() };
        assert_eq!(code_of(&operator, other).await, "ATT-002");
    }
    assert_eq!(lines(&journal), 0);
}

#[tokio::test]
async fn a_true_proof_whose_public_values_are_no_run_statement_is_refused() {
    let Some(request) = real_request() else { return };
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let operator = start(OperatorConfig {
        program: AttestedProgram::chunk_aggregator(request.program_id),
        ..operator_config(request.program_id, &journal)
    });
    assert_eq!(code_of(&operator, request).await, "ATT-003");
}

#[tokio::test]
async fn two_operators_never_share_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let config = operator_config(ProgramId([0; 32]), &folder.path().join("journal"));
    let _first = start(config.clone());
    let pool = VerifierPool::new(NonZeroUsize::MIN, 1).unwrap();
    assert_eq!(Operator::new(config, key(1), pool).unwrap_err().code(), "ATT-007");
}
