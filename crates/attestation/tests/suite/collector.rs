//! The collector against operators that are down, slow, wrong or hostile.

use std::{sync::atomic::Ordering, time::Duration};

use crate::common::{Behaviour, endpoint, key, nobody, pretend, small_request};
use alloy::primitives::{B256, U256};
use collimate_attestation::{
    AttestationError, Collector, CollectorConfig, OperatorEndpoint, OperatorState, PublicKey,
    QuorumSignature,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn quick() -> CollectorConfig {
    CollectorConfig {
        request_timeout: Duration::from_millis(500),
        first_pause: Duration::from_millis(20),
        max_pause: Duration::from_millis(100),
        deadline: Duration::from_secs(30),
    }
}

fn impatient() -> CollectorConfig {
    CollectorConfig { deadline: Duration::from_secs(2), ..quick() }
}

async fn collect(
    operators: Vec<OperatorEndpoint>,
    config: CollectorConfig,
) -> Result<QuorumSignature, AttestationError> {
    let collector = Collector::new(operators, config).unwrap();
    collector.collect(small_request(), None, CancellationToken::new()).await
}

async fn signs(id: u32, stake: u64) -> OperatorEndpoint {
    let message = small_request().message();
    endpoint(id, stake, pretend(Behaviour::Signs { key: id as u8, message }).await.0)
}

async fn behaves(id: u32, stake: u64, behaviour: Behaviour) -> OperatorEndpoint {
    endpoint(id, stake, pretend(behaviour).await.0)
}

fn state(result: &QuorumSignature, id: u32) -> &OperatorState {
    &result.report.operators.iter().find(|operator| operator.id == id).unwrap().state
}

/// What the contract checks.
fn assert_verifies(result: &QuorumSignature) {
    let keys: Vec<_> = result.signers.iter().map(|&id| key(id as u8).public_key()).collect();
    let sum = PublicKey::aggregate(&keys).unwrap();
    assert!(result.signature.verify(small_request().message(), &sum));
}

#[tokio::test]
async fn one_that_is_down_costs_nothing_while_the_others_are_a_quorum() {
    let operators = vec![
        signs(1, 25).await,
        endpoint(2, 25, nobody().await),
        signs(3, 25).await,
        signs(4, 25).await,
    ];
    let result = collect(operators, quick()).await.unwrap();
    assert_eq!((&result.signers[..], &result.non_signers[..]), (&[1, 3, 4][..], &[2][..]));
    assert_verifies(&result);
}

#[tokio::test]
async fn one_that_is_slow_is_not_waited_for() {
    let operators = vec![signs(1, 67).await, behaves(2, 33, Behaviour::Hangs).await];
    let config = CollectorConfig { request_timeout: Duration::from_secs(3600), ..quick() };
    let result = collect(operators, config).await.unwrap();
    assert_eq!(result.non_signers, [2]);
    assert_eq!(state(&result, 2), &OperatorState::Waiting);
}

#[tokio::test]
async fn wrong_signatures_are_dropped_and_never_spoil_the_sum() {
    let message = small_request().message();
    let real = hex::encode(key(5).sign(message).to_bytes());
    let garbage = [
        // Over another message, by another key, not points, not JSON.
        Behaviour::Signs { key: 2, message: B256::ZERO },
        Behaviour::Signs { key: 1, message },
        Behaviour::Says(format!("{{\"signature\":\"0x{}\"}}", "ff".repeat(48))),
        Behaviour::Says(format!("{{\"signature\":\"0xc0{}\"}}", "00".repeat(47))),
        Behaviour::Says(format!("{{\"signature\":\"0x{}\"}}", &real[2..])),
        Behaviour::Says("{\"signature\":\"\"}".to_owned()),
        Behaviour::Says("I sign everything!".to_owned()),
    ];
    for behaviour in garbage {
        // Two honest ones are no quorum without the third, who waits until the liar has answered.
        let (liar, other) = pretend(behaviour).await;
        let last = Behaviour::SignsAfter { other, key: 4, message };
        let operators = vec![
            signs(1, 25).await,
            endpoint(2, 25, liar),
            signs(3, 25).await,
            behaves(4, 25, last).await,
        ];
        let result = collect(operators, quick()).await.unwrap();
        assert_eq!(result.non_signers, [2]);
        assert_eq!(state(&result, 2), &OperatorState::BadSignature);
        assert_verifies(&result);
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let operators = vec![signs(1, 1).await, behaves(2, 99, Behaviour::Floods).await];
    let error = collect(operators, impatient()).await.unwrap_err();
    assert_eq!(error.code(), "ATT-015");
    assert!(error.to_string().contains("too long"), "{error}");
}

#[tokio::test]
async fn exactly_67_percent_is_a_quorum() {
    for (present, absent) in [(67, 33), (670, 330), (68, 33), (1, 0)] {
        let operators = vec![signs(1, present).await, endpoint(2, absent, nobody().await)];
        let result = collect(operators, quick()).await.unwrap();
        assert_eq!(result.report.signed_stake, U256::from(present));
    }
}

#[tokio::test]
async fn a_wei_less_than_67_percent_is_none() {
    for (present, absent) in [(66, 34), (669, 331), (67, 34)] {
        let operators = vec![signs(1, present).await, behaves(2, absent, Behaviour::Refuses).await];
        let error = collect(operators, quick()).await.unwrap_err();
        let AttestationError::Refused(report) = &error else { panic!("{error}") };
        assert!(!report.has_quorum());
        let text = error.to_string();
        assert!(text.contains("operator 2") && text.contains("refused: false"), "{text}");
    }
}

#[tokio::test]
async fn without_a_quorum_it_says_what_is_missing_and_gives_up_at_the_deadline() {
    let operators = vec![
        signs(1, 60).await,
        endpoint(2, 20, nobody().await),
        behaves(3, 20, Behaviour::Hangs).await,
    ];
    let error = collect(operators, impatient()).await.unwrap_err();
    let AttestationError::Deadline(report) = &error else { panic!("{error}") };
    assert_eq!(report.signed_stake, U256::from(60));
    assert_eq!(report.operators[0].state, OperatorState::Signed);
    assert!(matches!(report.operators[1].state, OperatorState::Unreachable { .. }));
    assert_eq!(report.operators[2].state, OperatorState::TimedOut);
    assert!(report.operators[1].attempts > 1, "asked again and again");
    let text = error.to_string();
    for part in ["60", "67 of 100", "operator 2", "not reachable", "operator 3", "in time"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[tokio::test]
async fn an_operator_that_comes_back_completes_the_quorum_and_progress_tells() {
    let message = small_request().message();
    let back = Behaviour::Recovers { failures: 3, key: 2, message };
    let (url, asked) = pretend(back).await;
    let operators = vec![signs(1, 50).await, endpoint(2, 50, url)];
    let collector = Collector::new(operators, quick()).unwrap();
    let (progress, mut reports) = watch::channel(None);
    let watching = tokio::spawn(async move {
        let missing = |report: &Option<collimate_attestation::CollectionReport>| {
            report.as_ref().is_some_and(|report| {
                !report.has_quorum()
                    && matches!(report.operators[1].state, OperatorState::Refused { .. })
            })
        };
        reports.wait_for(missing).await.unwrap().clone().unwrap()
    });
    let collecting = collector.collect(small_request(), Some(&progress), CancellationToken::new());
    let result = collecting.await.unwrap();
    assert!(watching.await.unwrap().to_string().contains("operator 2"));
    assert_eq!(result.signers, [1, 2]);
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    assert_verifies(&result);
}

#[tokio::test]
async fn one_that_refused_for_good_is_not_asked_again() {
    let (url, asked) = pretend(Behaviour::Refuses).await;
    let operators = vec![signs(1, 40).await, endpoint(2, 30, url), endpoint(3, 30, nobody().await)];
    let error = collect(operators, impatient()).await.unwrap_err();
    assert_eq!(error.code(), "ATT-015");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stop_ends_it() {
    let operators = vec![behaves(1, 1, Behaviour::Hangs).await];
    let collector = Collector::new(operators, quick()).unwrap();
    let shutdown = CancellationToken::new();
    let collecting = collector.collect(small_request(), None, shutdown.clone());
    let (result, ()) = tokio::join!(collecting, async { shutdown.cancel() });
    assert_eq!(result.unwrap_err().code(), "ATT-017");
}

#[test]
fn lists_that_contradict_themselves_are_refused() {
    let operator = |id, stake| endpoint(id, stake, "http://127.0.0.1:1".to_owned());
    let overflowing = OperatorEndpoint { stake: U256::MAX, ..operator(3, 0) };
    for operators in [
        vec![],
        vec![operator(1, 0)],
        vec![operator(1, 1), operator(1, 2)],
        vec![operator(1, 1), overflowing],
    ] {
        assert_eq!(Collector::new(operators, quick()).unwrap_err().code(), "ATT-014");
    }
}
