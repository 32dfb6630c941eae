use collimate_api::{Guarantee, Problem, ProblemCode, ProofStatus, RunStatus, proofs::ProofsQuery};
use serde_json::json;

#[test]
fn a_problem_has_the_members_of_rfc_9457() {
    let mut problem = Problem::new(ProblemCode::WrongNonce, "the next nonce is 8");
    problem.expected_nonce = Some(8);
    let json = serde_json::to_value(&problem).unwrap();
    assert_eq!(
        json,
        json!({
            "type": "urn:collimate:problem:GTW-008",
            "title": "The nonce is not the account's next one",
            "status": 409,
            "detail": "the next nonce is 8",
            "code": "GTW-008",
            "expected_nonce": 8
        })
    );
    assert_eq!(serde_json::from_value::<Problem>(json).unwrap(), problem);
    assert_eq!(problem.to_string(), "[GTW-008] the next nonce is 8");
}

#[test]
fn codes_are_distinct_and_statuses_are_words() {
    let mut codes: Vec<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), ProblemCode::ALL.len());
    for status in ProofStatus::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        assert_eq!(status.as_str().parse(), Ok(*status));
    }
    for status in RunStatus::ALL {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
    for guarantee in Guarantee::ALL {
        assert_eq!(serde_json::to_value(guarantee).unwrap(), guarantee.as_str());
    }
    assert!("Queued".parse::<ProofStatus>().is_err());
}

#[test]
fn a_query_with_an_unknown_name_is_refused() {
    assert!(serde_json::from_value::<ProofsQuery>(json!({ "adress": "0x" })).is_err());
    assert_eq!(serde_json::from_value::<ProofsQuery>(json!({})).unwrap(), ProofsQuery::default());
}
