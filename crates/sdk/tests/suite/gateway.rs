//! The gateway's client against a fake that fails and lies: what is repeated, what is not, and what is believed.

use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, Bytes};
use collimate_core::{Commitment, ProgramId};
use collimate_sdk::{
    Expected, GatewayClient, GatewayError, GatewaySettings, Inclusion, InclusionBundle,
    InclusionPath, Problem, ProblemCode, ProofAnswer, ProofId, ProofStatus, ProofUpload, Run,
    SignedReceipt, Signer,
    api::{AccountAnswer, ProofAuthorisation, Submitted, proofs::Verdict},
};

use crate::fake_gateway::{Answer, CHAIN, FakeGateway, SERVICE, domain, receipt};

const ALICE: Address = Address::repeat_byte(1);

fn account_path() -> String {
    format!("/v1/accounts/{ALICE}")
}

fn account(nonce: u64) -> AccountAnswer {
    AccountAnswer { address: ALICE, nonce, credits: 5, next_expiry: None, unconfirmed: 0 }
}

#[tokio::test]
async fn a_busy_gateway_is_asked_again_after_the_time_it_names() {
    let fake = FakeGateway::start().await;
    fake.always(&account_path(), Answer::code(ProblemCode::Busy).header("retry-after", "1"));
    fake.always(&account_path(), Answer::text(502, "<html>proxy</html>"));
    fake.always(&account_path(), Answer::json(&account(3)));
    let started = Instant::now();
    assert_eq!(fake.client().account(ALICE).await.unwrap().nonce, 3);
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(fake.asked(&account_path()).len(), 3);
}

#[tokio::test]
async fn a_longer_pause_than_the_client_waits_is_an_error_at_once() {
    let fake = FakeGateway::start().await;
    fake.always(
        &account_path(),
        Answer::code(ProblemCode::RateLimited).header("retry-after", "3600"),
    );
    let error = fake.client().account(ALICE).await.unwrap_err();
    assert!(error.is(ProblemCode::RateLimited) && error.is_retryable(), "{error}");
    assert_eq!(fake.asked(&account_path()).len(), 1);
}

#[tokio::test]
async fn patience_ends() {
    let fake = FakeGateway::start().await;
    fake.always(&account_path(), Answer::text(500, "oops"));
    let client = fake.client_with(fake.expected(), Duration::from_millis(600));
    let error = client.account(ALICE).await.unwrap_err();
    assert!(matches!(error, GatewayError::Unreachable { attempts: 2.., .. }), "{error:?}");
    assert_eq!(error.code(), "SDK-030");
}

#[tokio::test]
async fn problems_that_time_does_not_heal_are_not_repeated_and_carry_the_gateways_words() {
    let fake = FakeGateway::start().await;
    let problem = Problem {
        request_id: Some("r-17".into()),
        ..Problem::new(ProblemCode::Malformed, "no such address")
    };
    fake.always(&account_path(), Answer::problem(&problem));
    let error = fake.client().account(ALICE).await.unwrap_err();
    assert_eq!(error.code(), "GTW-001");
    assert_eq!(error.problem().unwrap().request_id.as_deref(), Some("r-17"));
    assert_eq!(error.to_string(), "[GTW-001] no such address");
    assert_eq!(fake.asked(&account_path()).len(), 1);
}

#[tokio::test]
async fn what_is_not_the_gateway_is_told_so() {
    let cases = [
        Answer::text(404, "<html>nginx</html>"),
        Answer::text(200, "<html>welcome</html>"),
        Answer::text(302, "").header("location", "http://elsewhere.example/"),
        Answer::text(400, r#"{"code":"GTW-555","detail":"a code of the future"}"#),
        Answer::text(200, &"x".repeat(5 << 20)),
    ];
    for answer in cases {
        let fake = FakeGateway::start().await;
        fake.always(&account_path(), answer.clone());
        let error = fake.client().account(ALICE).await.unwrap_err();
        assert_eq!(error.code(), "SDK-031", "{error}");
        assert_eq!(fake.asked(&account_path()).len(), 1);
    }
}

#[tokio::test]
async fn credits_are_waited_for_and_not_for_ever() {
    let fake = FakeGateway::start().await;
    fake.always(&account_path(), Answer::json(&AccountAnswer { credits: 0, ..account(0) }));
    fake.always(&account_path(), Answer::json(&account(0)));
    assert_eq!(fake.client().wait_for_credits(ALICE, 5, LIMIT).await.unwrap().credits, 5);
    let short = Duration::from_millis(100);
    let error = fake.client().wait_for_credits(ALICE, 6, short).await.unwrap_err();
    assert_eq!(error.code(), "SDK-041");
}

#[tokio::test]
async fn a_gateway_that_is_away_is_named_without_its_url() {
    let settings = GatewaySettings { patience: Duration::ZERO, ..GatewaySettings::default() };
    let client =
        GatewayClient::new("http://user:s3cret@127.0.0.1:9/s3cret", Expected::default(), settings);
    let client = client.unwrap();
    let error = client.account(ALICE).await.unwrap_err();
    assert_eq!(error.code(), "SDK-030");
    assert!(!format!("{error} {error:?} {client:?}").contains("s3cret"), "{error:?}");
    for url in ["", "localhost:80", "ftp://host", "http://"] {
        let error = GatewayClient::new(url, Expected::default(), GatewaySettings::default());
        assert_eq!(error.unwrap_err().code(), "SDK-037", "{url}");
    }
}

#[tokio::test]
async fn the_gateway_of_another_deployment_is_refused() {
    let fake = FakeGateway::start().await;
    fake.client().info().await.unwrap();
    let right = fake.expected();
    let wrong = [
        Expected { chain_id: Some(1), ..right },
        Expected { payment_service: Some(ALICE), ..right },
        Expected { aggregation_service: Some(ALICE), ..right },
        Expected { receipt_signer: Some(ALICE), ..right },
    ];
    for expected in wrong {
        let client = fake.client_with(expected, Duration::ZERO);
        assert_eq!(client.info().await.unwrap_err().code(), "SDK-032", "{expected:?}");
    }
}

// --- submitting

struct Submission {
    fake: FakeGateway,
    signer: Signer,
    upload: ProofUpload,
    answer: Submitted,
}

impl Submission {
    async fn prepare() -> Self {
        let fake = FakeGateway::start().await;
        let signer = Signer::random();
        let program_id = ProgramId([7; 32]);
        let upload = ProofUpload::new(b"a proof".to_vec(), program_id)
            .with_verifying_key(b"a key".to_vec())
            .with_public_values(b"values");
        let commitment = Commitment::new(b"values", &program_id);
        let receipt = receipt(upload.hash(), commitment.0.into(), signer.address());
        let answer = Submitted {
            id: receipt.proof_id,
            proof_hash: upload.hash(),
            program_id: program_id.0.into(),
            commitment: commitment.0.into(),
            verdict: Verdict::Verified,
            status: ProofStatus::Queued,
            receipt: Some(fake.sign(receipt)),
        };
        Self { fake, signer, upload, answer }
    }

    async fn submit(&self) -> Result<collimate_sdk::Accepted, GatewayError> {
        self.fake.client().submit(&self.upload, &self.signer, Some(0)).await
    }
}

#[tokio::test]
async fn what_is_uploaded_is_signed_by_the_account_for_this_deployment() {
    let submission = Submission::prepare().await;
    submission.fake.always("/v1/proofs", Answer::json(&submission.answer));
    let accepted = submission.submit().await.unwrap();
    assert!(accepted.paid);
    assert_eq!(accepted.next_nonce, 1);
    assert_eq!(accepted.answer, submission.answer);

    let asked = &submission.fake.asked("/v1/proofs")[0];
    assert_eq!(asked.field("proof"), "a proof");
    assert_eq!(asked.field("vk"), "a key");
    assert_eq!(asked.field("proof_system"), "sp1");
    assert_eq!(asked.field("address"), submission.signer.address().to_string());
    assert_eq!(asked.field("program_id"), ProgramId([7; 32]).to_string());
    let authorisation = ProofAuthorisation {
        proofHash: submission.upload.hash(),
        programId: B256::repeat_byte(7),
        proofSystem: "sp1".into(),
        nonce: asked.field("nonce").parse().unwrap(),
        deadline: asked.field("deadline").parse().unwrap(),
    };
    let signature: Bytes = asked.field("signature").parse().unwrap();
    let account = authorisation.recover(&domain(), &signature).unwrap();
    assert_eq!(account, submission.signer.address());
    assert!(
        asked
            .headers
            .get("content-type")
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("multipart/form-data")
    );
}

#[tokio::test]
async fn a_used_nonce_is_replaced_by_the_right_one_and_a_refusal_is_not() {
    let submission = Submission::prepare().await;
    let fake = &submission.fake;
    let wrong =
        Problem { expected_nonce: Some(9), ..Problem::new(ProblemCode::WrongNonce, "9 is next") };
    fake.always("/v1/proofs", Answer::problem(&wrong));
    fake.always("/v1/proofs", Answer::code(ProblemCode::DatabaseAway).header("retry-after", "0"));
    fake.always("/v1/proofs", Answer::code(ProblemCode::NoCredit));
    let error = submission.submit().await.unwrap_err();
    assert!(error.is(ProblemCode::NoCredit), "{error}");
    let nonces: Vec<_> =
        fake.asked("/v1/proofs").iter().map(|asked| asked.field("nonce")).collect();
    assert_eq!(nonces, ["0", "9", "9"]);
}

#[tokio::test]
async fn a_nonce_that_is_always_wrong_ends() {
    let submission = Submission::prepare().await;
    for expected in 1..20 {
        let wrong = Problem {
            expected_nonce: Some(expected),
            ..Problem::new(ProblemCode::WrongNonce, "another")
        };
        submission.fake.always("/v1/proofs", Answer::problem(&wrong));
    }
    assert_eq!(submission.submit().await.unwrap_err().code(), "SDK-039");
}

#[tokio::test]
async fn a_proof_that_was_accepted_before_takes_no_credit_and_keeps_the_nonce() {
    let mut submission = Submission::prepare().await;
    let first = receipt(submission.answer.proof_hash, submission.answer.commitment, ALICE);
    submission.answer.receipt = Some(submission.fake.sign(first));
    submission.fake.always("/v1/proofs", Answer::json(&submission.answer));
    let accepted = submission.submit().await.unwrap();
    assert!(!accepted.paid);
    assert_eq!(accepted.next_nonce, 0);
}

#[tokio::test]
async fn answers_about_other_proofs_and_forged_receipts_are_not_believed() {
    let base = Submission::prepare().await;
    let answer = &base.answer;
    let signed = answer.receipt.clone().unwrap();
    let altered = |change: &dyn Fn(&mut SignedReceipt)| {
        let mut receipt = signed.clone();
        change(&mut receipt);
        receipt
    };
    let with = |receipt: SignedReceipt| Submitted { receipt: Some(receipt), ..answer.clone() };
    let other = B256::repeat_byte(9);
    let other_id: ProofId = "0198f3c2-7d8e-7c3a-9a55-000000000000".parse().unwrap();
    let resigned = |receipt: SignedReceipt| with(base.fake.sign(receipt));
    let cases = [
        ("SDK-036", Submitted { proof_hash: other, ..answer.clone() }),
        ("SDK-036", Submitted { program_id: other, ..answer.clone() }),
        ("SDK-036", Submitted { commitment: other, ..answer.clone() }),
        ("SDK-033", resigned(altered(&|receipt| receipt.proof_id = other_id))),
        ("SDK-033", resigned(altered(&|receipt| receipt.proof_hash = other))),
        ("SDK-033", resigned(altered(&|receipt| receipt.commitment = other))),
        // Signed, and then changed.
        ("SDK-033", with(altered(&|receipt| receipt.deadline += 1))),
        ("SDK-033", with(altered(&|receipt| receipt.position += 1))),
        ("SDK-033", with(altered(&|receipt| receipt.account = ALICE))),
        ("SDK-033", with(altered(&|receipt| receipt.signature = Bytes::new()))),
        ("SDK-033", with(altered(&|receipt| receipt.signature = vec![0; 65].into()))),
    ];
    for (number, (code, answer)) in cases.into_iter().enumerate() {
        let FakeGateway { url, .. } = &base.fake;
        let fake = FakeGateway::start().await;
        fake.always("/v1/proofs", Answer::json(&answer));
        let expected = base.fake.expected();
        let client = GatewayClient::new(&fake.url, expected, GatewaySettings::default()).unwrap();
        let error = client.submit(&base.upload, &base.signer, Some(0)).await.unwrap_err();
        assert_eq!(error.code(), code, "case {number} at {url}: {error}");
    }
}

// --- waiting

fn id() -> ProofId {
    "0198f3c2-7d8e-7c3a-9a55-0c8a3f1d2b4e".parse().unwrap()
}

fn proof(status: ProofStatus, at: u64) -> ProofAnswer {
    ProofAnswer {
        id: id(),
        status,
        code: None,
        reason: None,
        proof_system: "sp1".into(),
        proof_hash: B256::ZERO,
        program_id: B256::ZERO,
        commitment: B256::ZERO,
        account: None,
        nonce: None,
        position: None,
        deadline: None,
        ahead: None,
        run_id: None,
        leaf_index: None,
        guarantee: None,
        hard_since: None,
        created_at: 0,
        updated_at: at,
    }
}

fn event(sequence: i64, status: &str, at: u64) -> String {
    format!(
        "id: {sequence}\nevent: status\ndata: {{\"sequence\":{sequence},\"status\":\"{status}\",\"at\":{at}}}\n\n"
    )
}

async fn wait(
    fake: &FakeGateway,
    status: ProofStatus,
    limit: Duration,
) -> (Result<ProofAnswer, GatewayError>, Vec<String>) {
    let mut seen = vec![];
    let mut note = |event: &collimate_sdk::ProofEvent| seen.push(event.status.to_string());
    let result = fake.client().wait(&id(), status, limit, &mut note).await;
    (result, seen)
}

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn events_are_followed_and_a_broken_stream_goes_on_after_the_last_one() {
    let fake = FakeGateway::start().await;
    let (path, events) = (format!("/v1/proofs/{}", id()), format!("/v1/proofs/{}/events", id()));
    fake.always(&path, Answer::json(&proof(ProofStatus::Queued, 10)));
    fake.always(&path, Answer::json(&proof(ProofStatus::Proving, 11)));
    fake.always(&path, Answer::json(&proof(ProofStatus::Final, 13)));
    let first = format!(
        ": hi\n\n{}{}{}",
        event(1, "received", 9),
        event(2, "queued", 10),
        event(3, "proving", 11)
    );
    // Cut in the middle of an event.
    fake.always(&events, Answer::events(&format!("{first}id: 4\nevent: status\nda")));
    fake.always(
        &events,
        Answer::events(&format!("{}{}", event(4, "aggregated", 12), event(5, "final", 13))),
    );
    let (result, seen) = wait(&fake, ProofStatus::Final, LIMIT).await;
    assert_eq!(result.unwrap().status, ProofStatus::Final);
    assert_eq!(seen, ["queued", "proving", "aggregated", "final"]);
    let asked = fake.asked(&events);
    assert_eq!(asked.len(), 2);
    assert!(asked[0].headers.get("last-event-id").is_none());
    assert_eq!(asked[1].headers.get("last-event-id").unwrap(), "3");
}

#[tokio::test]
async fn without_events_the_status_is_asked_for_again_and_again() {
    let broken = [
        Answer::code(ProblemCode::Busy),
        Answer::text(404, "<html>old proxy</html>"),
        Answer::json(&"not a stream"),
        Answer::events("event: status\ndata: {\"no\":\"event\"}\n\n"),
    ];
    for answer in broken {
        let fake = FakeGateway::start().await;
        let path = format!("/v1/proofs/{}", id());
        fake.always(&path, Answer::json(&proof(ProofStatus::Queued, 10)));
        fake.always(&path, Answer::json(&proof(ProofStatus::Queued, 10)));
        fake.always(&path, Answer::json(&proof(ProofStatus::Proving, 11)));
        fake.always(&path, Answer::json(&proof(ProofStatus::Submitted, 12)));
        fake.always(&format!("{path}/events"), answer);
        let (result, seen) = wait(&fake, ProofStatus::Aggregated, LIMIT).await;
        assert_eq!(result.unwrap().status, ProofStatus::Submitted, "a later status will do");
        assert_eq!(seen, ["queued", "proving", "submitted"]);
    }
}

#[tokio::test]
async fn a_status_that_goes_back_is_told() {
    let fake = FakeGateway::start().await;
    let path = format!("/v1/proofs/{}", id());
    fake.always(&path, Answer::json(&proof(ProofStatus::Submitted, 10)));
    fake.always(&path, Answer::json(&proof(ProofStatus::Final, 30)));
    let stream =
        format!("{}{}{}", event(5, "submitted", 10), event(6, "queued", 20), event(7, "final", 30));
    fake.always(&format!("{path}/events"), Answer::events(&stream));
    let (result, seen) = wait(&fake, ProofStatus::Final, LIMIT).await;
    result.unwrap();
    assert_eq!(seen, ["submitted", "queued", "final"]);
}

#[tokio::test]
async fn a_failed_proof_ends_the_waiting_with_its_reason_and_time_ends_it_too() {
    let fake = FakeGateway::start().await;
    let path = format!("/v1/proofs/{}", id());
    let failed = ProofAnswer {
        code: Some("AGG-020".into()),
        reason: Some("no prover takes it".into()),
        ..proof(ProofStatus::Failed, 10)
    };
    fake.always(&path, Answer::json(&failed));
    let (result, seen) = wait(&fake, ProofStatus::Final, LIMIT).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), "SDK-034");
    assert!(error.to_string().contains("[AGG-020] no prover takes it"), "{error}");
    assert_eq!(seen, ["failed"]);
    let (result, _) = wait(&fake, ProofStatus::Failed, LIMIT).await;
    result.unwrap();

    let fake = FakeGateway::start().await;
    fake.always(&path, Answer::json(&proof(ProofStatus::Queued, 10)));
    fake.always(&format!("{path}/events"), Answer::events(""));
    let (result, _) = wait(&fake, ProofStatus::Final, Duration::from_millis(200)).await;
    let error = result.unwrap_err();
    assert_eq!(error.code(), "SDK-035");
    assert!(error.is_retryable());
}

// --- inclusion

#[tokio::test]
async fn an_inclusion_that_contradicts_itself_is_refused() {
    let program_id = ProgramId([7; 32]);
    let commitment = Commitment::new(b"values", &program_id);
    let run = Run {
        chain_id: CHAIN,
        contract: SERVICE,
        root: commitment.leaf().into(),
        leaf_count: 1,
        block_number: 3,
        block_hash: B256::ZERO,
        block_timestamp: 0,
        transaction: B256::repeat_byte(5),
        blob_hashes: vec![B256::repeat_byte(6)],
    };
    let path = InclusionPath { index: 0, siblings: vec![] };
    let bundle =
        InclusionBundle::new(&run, program_id, Bytes::from_static(b"values"), &path).unwrap();
    let good = Inclusion {
        proof_id: id(),
        run_id: 1,
        chain_id: run.chain_id,
        contract: run.contract,
        root: run.root,
        leaf_index: 0,
        path: vec![],
        transaction: run.transaction,
        block_number: 3,
        guarantee: None,
        hard_since: None,
        blob_hashes: run.blob_hashes.clone(),
        program_id: program_id.0.into(),
        public_values: bundle.public_values.clone(),
        bundle,
    };
    let ask = async |inclusion: &Inclusion<InclusionBundle>| {
        let fake = FakeGateway::start().await;
        fake.always(&format!("/v1/proofs/{}/inclusion", id()), Answer::json(inclusion));
        fake.client().inclusion(&id()).await
    };
    assert_eq!(ask(&good).await.unwrap(), good);
    let alter = |change: &dyn Fn(&mut Inclusion<InclusionBundle>)| {
        let mut other = good.clone();
        change(&mut other);
        other
    };
    let other = B256::repeat_byte(9);
    let cases = [
        alter(&|it| it.proof_id = "0198f3c2-7d8e-7c3a-9a55-000000000000".parse().unwrap()),
        alter(&|it| it.root = other),
        alter(&|it| it.path.push(other)),
        alter(&|it| it.contract = ALICE),
        alter(&|it| it.transaction = other),
        alter(&|it| it.program_id = other),
        alter(&|it| it.public_values = Bytes::from_static(b"others")),
        alter(&|it| {
            it.bundle.public_values = Bytes::from_static(b"others");
            it.public_values = Bytes::from_static(b"others");
        }),
        alter(&|it| {
            it.bundle.root = other;
            it.root = other;
        }),
    ];
    for (number, case) in cases.iter().enumerate() {
        let error = ask(case).await.unwrap_err();
        assert_eq!(error.code(), "SDK-036", "case {number}: {error}");
    }
}
